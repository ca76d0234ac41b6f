//! Peers that break a rule are told so, and then the stream ends.

use std::io::{Read, Write};

use sansocket::frame::Opcode;

use super::EMBED;
use super::example_server::Server;
use super::peer::{REQUEST, bare, frame, head, is_served, opened, rest};

#[test]
fn plain_http_is_told_to_upgrade() {
    let server = Server::start(EMBED, &[]);
    let mut stream = bare(&server);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = String::from_utf8(rest(&mut stream)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[test]
fn a_bad_request_is_told_so_although_more_follows() {
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
fn a_protocol_error_is_told_in_a_close_frame_although_more_follows() {
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
    assert_eq!(close.len(), 2 + usize::from(close[1]), "and nothing behind it");
}

#[test]
fn a_message_beyond_the_limit_is_refused_by_its_header() {
    let server = Server::start(EMBED, &[]);
    let mut stream = opened(&server);
    stream.write_all(b"\x82\xFF\0\0\0\0\x01\0\0\x01\0\0\0\0").unwrap();
    let close = rest(&mut stream);
    assert_eq!((close[0], &close[2..4]), (0x88, &1009_u16.to_be_bytes()[..]));
}

#[test]
fn a_request_that_never_comes_is_not_waited_for() {
    let server = Server::start(EMBED, &[]);
    let mut silent = bare(&server);
    let mut half = bare(&server);
    half.write_all(&REQUEST[..REQUEST.len() / 2]).unwrap();
    assert_eq!([rest(&mut silent), rest(&mut half)], [b"", b""]);
}

#[test]
fn the_head_of_an_answer_says_that_the_stream_ends() {
    let server = Server::start(EMBED, &[]);
    let mut stream = bare(&server);
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(head(&mut stream).to_ascii_lowercase().contains("connection: close"));
}
