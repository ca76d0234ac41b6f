//! The servers with HTTP libraries as processes, with this crate as the client.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[path = "../../../tests/example_server/echo.rs"]
mod echo;
#[path = "../../../tests/example_server/mod.rs"]
mod example_server;

use std::io::{Read, Write};
use std::net::TcpStream;

use echo::echoes;
use example_server::{PATIENCE, Server};

const OPENING: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[test]
fn hyper_serves_a_page_and_an_echo() {
    let server = Server::start(env!("CARGO_BIN_EXE_hyper_upgrade"), &[]);
    serves(&server);
    assert_eq!(get(&server, "/missing", "").0, 404);
}

#[test]
fn axum_serves_a_page_and_an_echo() {
    serves(&Server::start(env!("CARGO_BIN_EXE_axum"), &[]));
}

/// A client that sends half of a head gets the end of the stream, not a place for ever.
#[test]
fn incomplete_head_is_dropped_at_the_header_timeout() {
    let server = Server::start(env!("CARGO_BIN_EXE_hyper_upgrade"), &[]);
    let mut half = TcpStream::connect(&server.address).unwrap();
    half.set_read_timeout(Some(PATIENCE)).unwrap();
    half.write_all(b"GET /ws HTTP/1.1\r\nHost: ").unwrap();
    half.read_to_end(&mut Vec::new()).unwrap();
}

fn serves(server: &Server) {
    let (status, page) = get(server, "/", "");
    assert_eq!(status, 200);
    assert!(page.contains("<title>Echo</title>"), "{page}");
    echoes(&server.url("/ws"));
    answers_invalid_handshakes(server);
    echoes_a_message_right_behind_the_request(server);
}

fn answers_invalid_handshakes(server: &Server) {
    let (status, head) = get(server, "/ws", "");
    assert_eq!(status, 426);
    assert!(head.contains("sec-websocket-version: 13\r\n"), "{head}");
    assert_eq!(get(server, "/ws", &OPENING.replace("13", "8")).0, 426);
    assert_eq!(get(server, "/ws", &OPENING.replace("Key: dGhl", "Key: d")).0, 400);
    assert_eq!(get(server, "/ws", &format!("{OPENING}Origin: http://elsewhere.example\r\n")).0, 403);
}

fn echoes_a_message_right_behind_the_request(server: &Server) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = format!("GET /ws HTTP/1.1\r\nHost: {}\r\n{OPENING}\r\n", server.address).into_bytes();
    // RFC 6455 section 5.7: "Hello", masked. Then a Close frame with the same key.
    bytes.extend(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x37\xfa\x21\x3d");
    stream.write_all(&bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    assert!(text.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{text}");
    assert!(answer.ends_with(b"\r\n\r\n\x81\x05Hello\x88\x00"), "{text}");
}

/// Status and whole response of a GET request. The header names are in lower case, as hyper writes them.
fn get(server: &Server, path: &str, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", server.address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    (response["HTTP/1.1 ".len()..][..3].parse().unwrap(), response)
}
