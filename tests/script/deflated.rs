//! The recorded session with compression: the same messages, compressed with takeover in both directions.

use sansocket::handshake::server::{Answer, Handshake, Incoming};
use sansocket::{Config, Connection, Deflate, Message};

/// A client sends a compressed text message in two fragments with a Ping between them (RFC 7692 section 7.2.3.1), the same
/// text again, which refers to the first (section 7.2.3.2), a binary message, and a Close frame.
pub(crate) const FRAMES: &[u8] = b"\x41\x83\0\0\0\0\xf2\x48\xcd\x89\x81\0\0\0\0?\x80\x84\0\0\0\0\xc9\xc9\x07\x00\
    \xc1\x85\0\0\0\0\xf2\x00\x11\x00\x00\xc2\x88\0\0\0\0\x00\x02\x00\xfd\xff\x01\x02\x00\x88\x82\0\0\0\0\x03\xe8";

/// The messages in [`FRAMES`].
pub(crate) fn messages() -> Vec<Message> {
    vec![Message::from("Hello"), Message::from("Hello"), Message::from(vec![1, 2])]
}

/// The server's end of an open connection that has agreed on compression.
pub(crate) fn connection(config: Config) -> Connection {
    let deflate = Deflate::default().takeover(true).peer_takeover(true).min_len(0);
    let mut handshake = Handshake::new(config.deflate(Some(deflate)));
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    handshake.receive(super::REQUEST.strip_suffix(b"\r\n").unwrap_or_default());
    handshake.receive(offer.as_bytes());
    let Ok(Some(exchange)) = handshake.next_request() else { panic!("no request") };
    let Incoming::Upgrade(request) = exchange.incoming() else { panic!("no upgrade") };
    let response = request.accept();
    let Ok(Answer::Open(mut connection)) = exchange.respond(response) else { panic!("not open") };
    assert!(connection.negotiated().is_some());
    let len = connection.output().len();
    connection.output().advance(len);
    connection
}

/// What an echo server sends back for [`FRAMES`].
pub(crate) fn answers(config: Config) -> Vec<u8> {
    let mut connection = connection(config);
    connection.receive(FRAMES);
    while let Ok(Some(message)) = connection.next_message() {
        assert_eq!(connection.send(&message), Ok(()));
    }
    connection.output().chunks().flatten().copied().collect()
}
