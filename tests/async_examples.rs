//! The examples of the async side as processes, with this crate as their client.
#![cfg(any(feature = "tokio", feature = "futures-io"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

mod example_server;

use example_server::{PATIENCE, Server};
use sansocket::blocking::{self, Waited, WebSocket};
use sansocket::{CloseCode, Message};

fn next<S: blocking::Stream>(socket: &mut WebSocket<S>) -> Message {
    match socket.read_timeout(PATIENCE).unwrap() {
        Waited::Received(message) => message,
        other => panic!("{other:?} instead of a message"),
    }
}

/// What every server that echoes has to get right.
fn echoes(url: &str) {
    let mut socket = blocking::connect(url).unwrap();
    let messages: [Message; 4] =
        ["".into(), "grüß dich, 世界".into(), vec![0, 255, 10].into(), "x".repeat(300_000).into()];
    for message in &messages {
        socket.send(message).unwrap();
        assert_eq!(next(&mut socket), *message);
    }
    // All at once, then all answers.
    for message in messages.iter().cycle().take(40) {
        socket.feed(message).unwrap();
    }
    for message in messages.iter().cycle().take(40) {
        assert_eq!(next(&mut socket), *message);
    }
    socket.close(CloseCode(4001), "I am off").unwrap();
    let end = socket.close_info().unwrap();
    assert_eq!((end.code, end.was_clean), (CloseCode(4001), true));
}

#[cfg(feature = "tokio")]
#[test]
fn echo_tokio_echoes() {
    echoes(&Server::start("echo_tokio", &[]).url("/"));
}

#[cfg(feature = "futures-io")]
#[test]
fn echo_smol_echoes() {
    echoes(&Server::start("echo_smol", &[]).url("/"));
}

/// The servers that upgrade a connection of an HTTP library.
#[cfg(all(feature = "http", feature = "tokio"))]
mod upgrading {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    const OPENING: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    #[test]
    fn hyper_serves_a_page_and_echoes() {
        let server = Server::start("hyper_upgrade", &[]);
        serves(&server);
        assert_eq!(get(&server, "/missing", "").0, 404);
    }

    #[test]
    fn axum_serves_a_page_and_echoes() {
        serves(&Server::start("axum", &[]));
    }

    fn serves(server: &Server) {
        let (status, page) = get(server, "/", "");
        assert_eq!(status, 200);
        assert!(page.contains("<title>Echo</title>"), "{page}");
        echoes(&server.url("/ws"));
        answers_what_opens_no_connection(server);
        takes_what_came_with_the_handshake(server);
    }

    fn answers_what_opens_no_connection(server: &Server) {
        let (status, head) = get(server, "/ws", "");
        assert_eq!(status, 426);
        assert!(head.contains("sec-websocket-version: 13\r\n"), "{head}");
        assert_eq!(get(server, "/ws", &OPENING.replace("13", "8")).0, 426);
        assert_eq!(get(server, "/ws", &OPENING.replace("Key: dGhl", "Key: d")).0, 400);
        assert_eq!(get(server, "/ws", &format!("{OPENING}Origin: http://elsewhere.example\r\n")).0, 403);
    }

    fn takes_what_came_with_the_handshake(server: &Server) {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut bytes = format!("GET /ws HTTP/1.1\r\nHost: {}\r\n{OPENING}\r\n", server.address).into_bytes();
        // RFC 6455 section 5.7: "Hello", masked; and a Close frame with the same key.
        bytes.extend(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x37\xfa\x21\x3d");
        stream.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
        assert!(text.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{text}");
        assert!(answer.ends_with(b"\r\n\r\n\x81\x05Hello\x88\x00"), "{text}");
    }

    /// The status, and all of the response with names in lower case.
    fn get(server: &Server, path: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let close = if headers.is_empty() { "Connection: close\r\n" } else { "" };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{close}{headers}\r\n", server.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        (response["HTTP/1.1 ".len()..][..3].parse().unwrap(), response)
    }
}

#[cfg(feature = "tokio")]
mod broadcast {
    use std::net::TcpStream;

    use super::*;

    /// A connection and its ID.
    fn join(server: &Server) -> (WebSocket<TcpStream>, String) {
        let mut socket = blocking::connect(&server.url("/")).unwrap();
        let greeting = next(&mut socket);
        let id = greeting.as_text().and_then(|text| text.strip_prefix("you are ")).unwrap().to_owned();
        (socket, id)
    }

    /// The number of a message.
    fn number(message: &Message) -> u64 {
        message.as_text().and_then(|text| text.split(' ').next()).unwrap().parse().unwrap()
    }

    #[test]
    fn every_receiver_gets_every_message_in_order() {
        let server = Server::start("broadcast", &["--every", "20", "--size", "2000"]);
        let mut sockets: Vec<_> = (0..50).map(|_| join(&server).0).collect();
        // From the first message on that all are there for.
        let start = sockets.iter_mut().map(|socket| number(&next(socket))).max().unwrap() + 1;
        for socket in &mut sockets {
            while number(&next(socket)) < start {}
            for expected in start + 1..start + 20 {
                let message = next(socket);
                assert_eq!((number(&message), message.len()), (expected, 2000));
            }
        }
    }

    #[test]
    fn a_connection_is_reached_by_its_id() {
        let mut server = Server::start("broadcast", &["--every", "600000"]);
        let (mut first, first_id) = join(&server);
        let (mut second, second_id) = join(&server);
        // The message with which the server begins, where it came after.
        let skip = |message: Message| {
            if message.as_text().unwrap().starts_with("0 ") { None } else { Some(message) }
        };

        server.type_line(&format!("tell {first_id} for you alone"));
        let told = skip(next(&mut first)).unwrap_or_else(|| next(&mut first));
        assert_eq!(told.as_text(), Some("for you alone"));

        server.type_line(&format!("kick {first_id} enough"));
        assert_eq!(first.read_timeout(PATIENCE).unwrap(), Waited::Closed);
        let end = first.close_info().unwrap();
        assert_eq!((end.code, &*end.reason), (CloseCode::POLICY_VIOLATION, "enough"));
        assert_eq!(server.line(), format!("{first_id}: closed"));

        server.type_line(&format!("tell {first_id} are you there?"));
        assert_eq!(server.line(), "no such connection");
        server.type_line("list");
        assert_eq!(server.line(), format!("open: [{second_id}]"));
        second.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(server.line(), format!("{second_id}: closed"));
    }

    /// What cannot be sent to it any more does not cut its closing handshake short.
    #[test]
    fn a_receiver_closes_cleanly_in_the_middle_of_the_news() {
        let server = Server::start("broadcast", &["--every", "1", "--size", "20000"]);
        for _ in 0..100 {
            let (mut socket, id) = join(&server);
            next(&mut socket);
            socket.close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(server.line(), format!("{id}: closed"));
        }
    }

    #[test]
    fn who_does_not_read_is_dropped_and_delays_nobody() {
        let server = Server::start("broadcast", &["--every", "20", "--size", "200000", "--limit", "4000000"]);
        let (slow, slow_id) = join(&server);
        let (mut quick, _) = join(&server);
        let reading = std::thread::spawn(move || {
            let mut last = number(&next(&mut quick));
            for _ in 0..150 {
                let number = number(&next(&mut quick));
                assert_eq!(number, last + 1);
                last = number;
            }
        });
        assert_eq!(server.line(), format!("{slow_id}: too slow"));
        reading.join().unwrap();
        drop(slow);
    }
}
