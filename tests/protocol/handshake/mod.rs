//! The opening handshake: section 4.

mod client;
mod extensions;
mod properties;
mod refusals;
mod responses;
mod server;

use sansocket::handshake::server::{Handshake, Incoming, Request};
use sansocket::{Buffer, Config, HandshakeError};

use crate::common::written;

/// The request of section 1.2, line by line.
const LINES: [&str; 8] = [
    "GET /chat HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Origin: http://example.com",
    "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Version: 13",
];

fn head(lines: &[impl AsRef<str>]) -> Vec<u8> {
    let mut head: String = lines.iter().map(|line| line.as_ref().to_string() + "\r\n").collect();
    head.push_str("\r\n");
    head.into()
}

/// The request of section 1.2 with each line that begins with `name` replaced by `lines`; put at its end where there
/// is none.
fn request_with(name: &str, lines: &[&str]) -> Vec<u8> {
    let at = LINES.iter().position(|line| line.starts_with(name)).unwrap_or(LINES.len());
    let behind = LINES.get(at + 1..).unwrap_or_default();
    head(&[&LINES[..at], lines, behind].concat())
}

/// What a server makes of a request: the same whole, byte by byte and cut in two; and what it answers by itself.
fn receive(bytes: &[u8]) -> (Result<Option<Incoming>, HandshakeError>, Vec<u8>) {
    crate::seeds::keep("request", bytes);
    let whole = receive_in([bytes]);
    assert_eq!(receive_in(bytes.chunks(1)), whole, "byte by byte: {}", bytes.escape_ascii());
    for at in crate::common::cuts(bytes.len()) {
        let (front, back) = bytes.split_at(at);
        assert_eq!(receive_in([front, back]), whole, "cut at {at}: {}", bytes.escape_ascii());
    }
    whole
}

fn receive_in<'a>(
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<Option<Incoming>, HandshakeError>, Vec<u8>) {
    let (mut handshake, mut input) = (Handshake::new(Config::default()), Buffer::new());
    let mut outcome = Ok(None);
    for read in reads {
        input.extend_from_slice(read);
        if outcome == Ok(None) {
            outcome = handshake.receive(&mut input);
        }
        if let Err(error) = &outcome {
            assert_eq!(handshake.receive(&mut input).as_ref(), Err(error), "not the same error again");
        }
    }
    (outcome, written(handshake.output()))
}

/// The request, where it is one.
fn upgrade(bytes: &[u8]) -> Request {
    match receive(bytes) {
        (Ok(Some(Incoming::Upgrade(request))), answer) => {
            assert_eq!(answer, b"");
            request
        }
        (outcome, _) => panic!("{} came to {outcome:?}", bytes.escape_ascii()),
    }
}

/// The error, and the status of the answer, where it is none.
fn refusal(bytes: &[u8]) -> (HandshakeError, u16) {
    let (outcome, answer) = receive(bytes);
    match outcome {
        Err(error) => (error, status(&answer)),
        Ok(outcome) => panic!("{} came to {outcome:?}", bytes.escape_ascii()),
    }
}

fn status(answer: &[u8]) -> u16 {
    let answer = core::str::from_utf8(answer).unwrap();
    answer.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap()
}

/// The lines of an answer's head in lower case, and its body.
fn parts(answer: &[u8]) -> (Vec<String>, String) {
    let answer = core::str::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split("\r\n").map(str::to_lowercase).collect(), body.into())
}
