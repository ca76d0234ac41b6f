//! Clients of the server.

use std::io::{Read, Write};
use std::net::TcpStream;

use sansocket::blocking::{self, NetStream, TimedRead, WebSocket};
use sansocket::frame::{FrameHeader, MaskKey, Opcode};
use sansocket::{CloseCode, Message};

use super::example_server::{PATIENCE, Server};

pub(crate) type Socket = WebSocket<NetStream>;

/// The request of an opening handshake.
pub(crate) const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(crate) fn connect(server: &Server) -> Socket {
    blocking::connect(&server.url("/")).unwrap()
}

pub(crate) fn next(socket: &mut Socket) -> Message {
    match socket.read_timeout(PATIENCE).unwrap() {
        TimedRead::Message(message) => message,
        other => panic!("{other:?} instead of a message"),
    }
}

/// Checks that a new connection is accepted, echoed and closed.
pub(crate) fn is_served(server: &Server) {
    let mut socket = connect(server);
    socket.send("still served").unwrap();
    assert_eq!(next(&mut socket).as_text(), Some("still served"));
    socket.close(CloseCode::NORMAL, "").unwrap();
}

/// A bare socket, connected.
pub(crate) fn bare(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A bare socket after the opening handshake.
pub(crate) fn opened(server: &Server) -> TcpStream {
    let mut stream = bare(server);
    stream.write_all(REQUEST).unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 101 "));
    stream
}

/// Reads the head of a response.
pub(crate) fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

/// A client's frame with a masking key of zeros.
pub(crate) fn frame(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader::new(opcode, payload.len() as u64).fin(fin).mask(Some(MaskKey([0; 4])));
    let mut start = [0; FrameHeader::MAX_LEN];
    let len = header.encode(&mut start);
    [&start[..len], payload].concat()
}

/// Reads to the end of the stream. A reset fails the test.
pub(crate) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}
