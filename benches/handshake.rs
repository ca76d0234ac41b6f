//! The opening handshake of both roles. A server receives the request and sends the 101; a client does the reverse.

mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::{RESPONSE, accept, bytes};
use criterion::{Criterion, Throughput};
use sansocket::frame::{MaskKey, MaskKeySource};
use sansocket::handshake::client;
use sansocket::{Config, Connection, Storage};

/// The nonce of the key in the request.
const NONCE: [u8; 16] = *b"the sample nonce";

fn main() {
    let mut c = common::criterion();
    server(&mut c);
    client(&mut c);
    c.final_summary();
}

struct NoKeys;

impl MaskKeySource for NoKeys {
    fn next_key(&mut self) -> MaskKey {
        MaskKey::default()
    }
}

fn server(c: &mut Criterion) {
    let config = Arc::new(Config::default());
    let mut storage = Storage::new();
    assert_eq!(bytes(accept(&config, &mut storage).output()), RESPONSE);

    let mut group = c.benchmark_group("handshake");
    group.throughput(Throughput::Elements(1));
    group.bench_function("server", |b| {
        b.iter(|| bytes(accept(&config, &mut storage).output()));
    });
}

fn client(c: &mut Criterion) {
    let config = Arc::new(Config::default());
    let request = client::Request::new("ws://example.com/chat?room=rust").expect("a valid URL");
    let mut storage = Storage::new();
    let (sent, _) = connect(&request, &config, &mut storage);
    let key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert!(sent.windows(key.len()).any(|line| line == key), "{}", sent.escape_ascii());

    let mut group = c.benchmark_group("handshake");
    group.throughput(Throughput::Elements(1));
    group.bench_function("client", |b| {
        b.iter(|| connect(&request, &config, &mut storage));
    });
}

fn connect(request: &client::Request, config: &Arc<Config>, storage: &mut Storage) -> (Vec<u8>, Connection) {
    let mut handshake = client::Handshake::with_nonce(black_box(request), Arc::clone(config), NONCE, NoKeys)
        .expect("a request that can be sent");
    let sent = bytes(handshake.output());
    handshake.reuse(storage);
    handshake.receive(black_box(RESPONSE));
    let opened = handshake.next_response().expect("a valid response");
    let (mut connection, _) = opened.expect("a whole response");
    connection.reclaim(storage);
    (sent, connection)
}
