//! What is measured: a stream received, a message sent, a handshake accepted.

use std::hint::black_box;
use std::sync::Arc;

use sansocket::handshake::server;
use sansocket::{Buffer, Config, Connection, Event, Message, Output};

use super::REQUEST;

/// What [`accept`] answers to [`REQUEST`], and what a client expects.
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// Reads all of `bytes` as from a socket. Pongs are dropped.
pub(crate) fn receive(
    connection: &mut Connection,
    input: &mut Buffer,
    mut bytes: &[u8],
    mut on_message: impl FnMut(&[u8]),
) {
    while input.read_from(&mut bytes).expect("a slice has no errors") > 0 {
        while let Some(event) = connection.next_event(input).expect("the stream is valid") {
            match event {
                Event::Text(text) => on_message(text.as_bytes()),
                Event::Binary(data) => on_message(data),
                _ => {}
            }
        }
        let pongs = connection.output();
        pongs.advance(pongs.len());
    }
}

/// Sends a message, and takes it out as a write would.
pub(crate) fn send(connection: &mut Connection, message: &Message, on_chunk: impl FnMut(&[u8])) {
    connection.send(message).expect("there is room");
    let output = connection.output();
    output.chunks().for_each(on_chunk);
    output.advance(output.len());
}

pub(crate) fn accept(config: &Arc<Config>, input: &mut Buffer) -> Connection {
    let mut handshake = server::Handshake::new(Arc::clone(config));
    input.extend_from_slice(black_box(REQUEST));
    let incoming = handshake.receive(input).expect("a valid request").expect("a whole request");
    let server::Incoming::Upgrade(request) = incoming else { unreachable!("it asks for an upgrade") };
    handshake.respond(request.accept()).expect("a valid response").expect("a connection")
}

/// Takes everything out, as a write would.
pub(crate) fn bytes(output: &mut Output) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(output.len());
    output.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
    output.advance(bytes.len());
    bytes
}
