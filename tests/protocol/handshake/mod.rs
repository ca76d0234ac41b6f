//! The opening handshake: section 4.

mod client;
mod extensions;
mod leniency;
mod properties;
mod proxy;
mod refusals;
mod responses;
mod server;
mod steps;

use sansocket::handshake::server::{Answer, Exchange, Handshake, Incoming, Request, Response};
use sansocket::{Config, Connection, HandshakeError};

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

/// The request of section 1.2 with `lines` for the line that begins with `name`, or at the end if there is none.
fn request_with(name: &str, lines: &[&str]) -> Vec<u8> {
    let at = LINES.iter().position(|line| line.starts_with(name)).unwrap_or(LINES.len());
    let behind = LINES.get(at + 1..).unwrap_or_default();
    head(&[&LINES[..at], lines, behind].concat())
}

/// What a server makes of a request, the same for the whole, for single bytes and for every cut in two; and its output.
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
    let mut handshake = Handshake::new(Config::default());
    let mut outcome = Ok(None);
    for read in reads {
        match &mut outcome {
            Ok(None) => {
                handshake.receive(read);
                outcome = handshake.next_request();
            }
            Ok(Some(exchange)) => exchange.receive(read),
            Err(error) => {
                handshake.receive(read);
                assert_eq!(handshake.next_request().map(|_| ()).as_ref(), Err(&*error), "another error");
            }
        }
    }
    let incoming = outcome.map(|exchange| exchange.map(|exchange| exchange.incoming().clone()));
    (incoming, written(handshake.output()))
}

/// The exchange of a request that arrives whole, perhaps with bytes behind it.
fn exchange(bytes: &[u8]) -> Exchange {
    let mut handshake = Handshake::new(Config::default());
    handshake.receive(bytes);
    handshake.next_request().unwrap().unwrap()
}

/// The connection that this response opens.
fn open(exchange: Exchange, response: Response) -> Result<Connection, HandshakeError> {
    match exchange.respond(response)? {
        Answer::Open(connection) => Ok(connection),
        Answer::Closed(output) => panic!("{output:?}"),
    }
}

/// What is written for a response that opens no connection.
fn close(exchange: Exchange, response: Response) -> Vec<u8> {
    match exchange.respond(response).unwrap() {
        Answer::Closed(mut output) => written(&mut output),
        Answer::Open(connection) => panic!("{connection:?}"),
    }
}

/// The request, which must be an opening handshake.
fn upgrade(bytes: &[u8]) -> Request {
    match receive(bytes) {
        (Ok(Some(Incoming::Upgrade(request))), answer) => {
            assert_eq!(answer, b"");
            request
        }
        (outcome, _) => panic!("{} came to {outcome:?}", bytes.escape_ascii()),
    }
}

/// The error, and the status of the response. The request must be refused.
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

/// The lines of a response's head in lower case, and its body.
fn parts(answer: &[u8]) -> (Vec<String>, String) {
    let answer = core::str::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split("\r\n").map(str::to_lowercase).collect(), body.into())
}
