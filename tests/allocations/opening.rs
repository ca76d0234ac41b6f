//! The memory of an opening handshake.

use std::sync::Arc;

use sansocket::handshake::server::{Answer, Handshake, Incoming};
use sansocket::handshake::{client, server};
use sansocket::{Config, Storage};

use crate::counting::{allocations, bytes_in_use};

// attack: server-1, client-1
#[test]
fn section_4_head_of_20_megabytes_costs_at_most_the_limit() {
    let request = client::Request::new("ws://example.com/").unwrap();
    for filler in [&b"x"[..], b"X: y\r\n"] {
        let part = filler.repeat(1000);
        let feed = |refuses: &mut dyn FnMut(&[u8]) -> bool| {
            let refused = (0..20 << 20).step_by(part.len()).position(|_| refuses(&part));
            assert!(refused.unwrap() <= 40, "after {refused:?} parts");
        };
        let ((), peak, _) = bytes_in_use(|| {
            let mut handshake = server::Handshake::new(Config::default());
            handshake.receive(b"GET / HTTP/1.1\r\nX: ");
            feed(&mut |part| {
                handshake.receive(part);
                handshake.next_request().is_err()
            });
        });
        assert!(peak <= 128 << 10, "server: {peak} bytes");
        let ((), peak, _) = bytes_in_use(|| {
            let mut handshake = client::Handshake::new(&request, Config::default()).unwrap();
            handshake.receive(b"HTTP/1.1 101 Switching Protocols\r\nX: ");
            feed(&mut |part| {
                handshake.receive(part);
                handshake.next_response().is_err()
            });
        });
        assert!(peak <= 128 << 10, "client: {peak} bytes");
    }
}

#[test]
fn opening_handshake_allocates_four_times() {
    let config = Arc::new(Config::default());
    let mut storage = Storage::new();
    let mut first = Handshake::new(Arc::clone(&config));
    first.unfilled();
    first.reclaim(&mut storage);
    // The head, the positions of its headers, the response, and what holds it in the output; for any number of headers.
    for headers in [0, 1, 90] {
        let lines = "X-Header: of no consequence\r\n".repeat(headers);
        let request = format!(
            "GET /chat?room=rust HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n{lines}\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
        );
        let accepted = allocations(|| {
            let mut handshake = Handshake::new(Arc::clone(&config));
            handshake.reuse(&mut storage);
            handshake.read_from(&mut request.as_bytes()).unwrap();
            let exchange = handshake.next_request().unwrap().unwrap();
            let Incoming::Upgrade(request) = exchange.incoming() else { panic!("not for WebSocket") };
            let response = request.accept();
            let Ok(Answer::Open(mut connection)) = exchange.respond(response) else { panic!("not open") };
            assert!(!connection.output().is_empty());
            connection.reclaim(&mut storage);
        });
        assert_eq!(accepted, 4, "{headers} headers");
    }
}
