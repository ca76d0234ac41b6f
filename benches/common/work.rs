//! The measured work: receiving a stream, sending a message, accepting a handshake.

use std::hint::black_box;
use std::sync::Arc;

use sansocket::handshake::server;
use sansocket::{Config, Connection, Event, Message, Output, Role, Storage};

use super::REQUEST;

/// The response of [`accept`] to [`REQUEST`].
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

/// Reads all of `bytes` as from a socket. The answering Pongs are dropped.
pub(crate) fn receive(connection: &mut Connection, mut bytes: &[u8], mut on_message: impl FnMut(&[u8])) {
    while connection.read_from(&mut bytes).expect("a slice has no errors") > 0 {
        while let Some(event) = connection.next_event().expect("the stream is valid") {
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

/// A connection of that role with the default configuration.
pub(crate) fn connection(role: Role) -> Connection {
    match role {
        Role::Client => Connection::client(Config::default()),
        Role::Server => Connection::server(Config::default()),
    }
}

/// Sends a message and removes it from the output as a write does.
pub(crate) fn send(connection: &mut Connection, message: &Message, on_chunk: impl FnMut(&[u8])) {
    connection.send(message).expect("there is room");
    let output = connection.output();
    output.chunks().for_each(on_chunk);
    output.advance(output.len());
}

/// Accepts [`REQUEST`]. `storage` lends the memory for receiving.
pub(crate) fn accept(config: &Arc<Config>, storage: &mut Storage) -> Connection {
    let mut handshake = server::Handshake::new(Arc::clone(config));
    handshake.reuse(storage);
    handshake.receive(black_box(REQUEST));
    let exchange = handshake.next_request().expect("a valid request").expect("a whole request");
    let server::Incoming::Upgrade(request) = exchange.incoming() else {
        unreachable!("it asks for an upgrade")
    };
    let response = request.accept();
    let Ok(server::Answer::Open(mut connection)) = exchange.respond(response) else {
        unreachable!("it is accepted")
    };
    connection.reclaim(storage);
    connection
}

/// Removes all bytes from the output as a write does, and returns them.
pub(crate) fn bytes(output: &mut Output) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(output.len());
    output.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
    output.advance(bytes.len());
    bytes
}
