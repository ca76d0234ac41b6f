//! Peers that break a rule get a response or a Close frame, then the end of the stream.

use std::io::{Read, Write};

use sansocket::frame::Opcode;

use super::EMBED;
use super::example_server::Server;
use super::peer::{REQUEST, bare, frame, head, is_served, opened, rest};

#[test]
fn ordinary_http_request_gets_426() {
    let server = Server::start(EMBED, &[]);
    let mut stream = bare(&server);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = String::from_utf8(rest(&mut stream)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[test]
fn invalid_request_gets_its_status_although_more_bytes_follow() {
    let server = Server::start(EMBED, &[]);
    let no_key = String::from_utf8_lossy(REQUEST).replace("Sec-WebSocket-Key", "Key").into_bytes();
    for (request, status) in [(&no_key[..], "400"), (b"GET /\n\n", "400"), (&[b'x'; 40_000], "431")] {
        let mut stream = bare(&server);
        stream.write_all(request).unwrap();
        stream.write_all(&vec![b'x'; 1 << 20]).unwrap();
        let answer = String::from_utf8(rest(&mut stream)).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    is_served(&server);
}

#[test]
fn protocol_error_gets_its_close_frame_although_more_bytes_follow() {
    let server = Server::start(EMBED, &[]);
    let mut stream = opened(&server);
    let wire = [
        frame(Opcode::Text, true, b"before"),
        frame(Opcode::Continuation, true, b"of nothing"),
        frame(Opcode::Binary, true, &vec![0; 8 << 20]),
    ];
    stream.write_all(&wire.concat()).unwrap();
    let mut echoed = [0; 8];
    stream.read_exact(&mut echoed).unwrap();
    assert_eq!(echoed, *b"\x81\x06before");
    let close = rest(&mut stream);
    assert_eq!((close[0], &close[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
    assert_eq!(close.len(), 2 + usize::from(close[1]), "nothing follows the Close frame");
}

#[test]
fn frame_header_over_the_limit_closes_with_1009() {
    let server = Server::start(EMBED, &[]);
    let mut stream = opened(&server);
    stream.write_all(b"\x82\xFF\0\0\0\0\x01\0\0\x01\0\0\0\0").unwrap();
    let close = rest(&mut stream);
    assert_eq!((close[0], &close[2..4]), (0x88, &1009_u16.to_be_bytes()[..]));
}

#[test]
fn incomplete_request_is_dropped_at_the_handshake_timeout() {
    let server = Server::start(EMBED, &[]);
    let mut silent = bare(&server);
    let mut half = bare(&server);
    half.write_all(&REQUEST[..REQUEST.len() / 2]).unwrap();
    assert_eq!([rest(&mut silent), rest(&mut half)], [b"", b""]);
}

#[test]
fn refusal_has_connection_close() {
    let server = Server::start(EMBED, &[]);
    let mut stream = bare(&server);
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(head(&mut stream).to_ascii_lowercase().contains("connection: close"));
}
