//! The echo example as a process, with this crate as its client.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[cfg(feature = "deflate")]
#[path = "example_server/compressed.rs"]
mod compressed;
mod example_server;

use std::time::Duration;

use example_server::{PATIENCE, Server};
use sansocket::blocking::{self, TimedRead, WebSocket};
use sansocket::{CloseCode, Event, Message};

fn connect(server: &Server) -> WebSocket<blocking::NetStream> {
    blocking::connect(&server.url("/")).unwrap()
}

fn next(socket: &mut WebSocket<blocking::NetStream>) -> Message {
    match socket.read_timeout(PATIENCE).unwrap() {
        TimedRead::Message(message) => message,
        other => panic!("{other:?} instead of a message"),
    }
}

#[test]
fn text_and_binary_are_echoed() {
    let server = Server::start("echo", &[]);
    let mut socket = connect(&server);
    for message in
        ["".into(), "grüß dich, 世界".into(), Message::from(vec![0, 255, 10]), "x".repeat(100_000).into()]
    {
        socket.send(&message).unwrap();
        assert_eq!(next(&mut socket), message);
    }
}

#[test]
fn timeout_sends_a_message_and_the_connection_goes_on() {
    let server = Server::start("echo", &["--timeout", "0.05"]);
    let mut socket = connect(&server);
    for _ in 0..2 {
        let message = next(&mut socket);
        let time = message.as_text().and_then(|text| text.strip_prefix("Server timed-out at ")).unwrap();
        assert_eq!(time.len(), "2011-12-11 10:09:08".len(), "{time}");
    }
    socket.send("still there?").unwrap();
    while next(&mut socket).as_text() != Some("still there?") {}
}

#[test]
fn message_exit_closes_with_1000() {
    let server = Server::start("echo", &[]);
    let mut socket = connect(&server);
    socket.send("exit").unwrap();
    assert_eq!(socket.read_timeout(PATIENCE).unwrap(), TimedRead::Closed);
    let end = socket.close_info().unwrap();
    assert_eq!((end.code, &*end.reason, end.was_clean), (CloseCode::NORMAL, "goodbye", true));
    assert!(server.line().ends_with(" ended: code 1000, reason \"\", clean"));
}

#[test]
fn end_of_a_connection_is_printed_with_code_and_reason() {
    let server = Server::start("echo", &[]);
    connect(&server).close(CloseCode(4001), "I am off").unwrap();
    assert!(server.line().ends_with(" ended: code 4001, reason \"I am off\", clean"));
    drop(connect(&server));
    assert!(server.line().contains(" ended: code 1006, reason \"\", not clean"));
}

#[test]
fn plain_echoes_and_does_nothing_else() {
    let server = Server::start("echo", &["--plain", "--timeout", "0.01"]);
    let mut socket = connect(&server);
    assert_eq!(socket.read_timeout(Duration::from_millis(100)).unwrap(), TimedRead::TimedOut);
    let messages: Vec<Message> = ["exit", "a", "b"].map(Message::from).into();
    for message in &messages {
        socket.feed(message).unwrap();
    }
    for message in messages {
        assert_eq!(next(&mut socket), message);
    }
}

#[test]
fn keepalive_interval_is_an_option() {
    let server = Server::start("echo", &["--plain", "--keepalive", "0.05"]);
    assert_eq!(connect(&server).read_event().unwrap(), Some(Event::Ping(b"")));
}

#[cfg(feature = "deflate")]
#[test]
fn deflate_compresses_both_ways_if_the_client_offers_it() {
    let server = Server::start("echo", &["--plain", "--deflate"]);
    compressed::echoes_compressed(&server.url("/"));
    let mut socket = connect(&server);
    assert_eq!(socket.negotiated(), None);
    socket.send("as it is").unwrap();
    assert_eq!(next(&mut socket).as_text(), Some("as it is"));
}

#[cfg(feature = "deflate")]
#[test]
fn nothing_is_compressed_without_the_option() {
    use sansocket::handshake::client::Request;
    use sansocket::{Config, Deflate};

    let server = Server::start("echo", &["--plain"]);
    let config = Config::default().deflate(Some(Deflate::default()));
    let (socket, _) = blocking::connect_with(&Request::new(&server.url("/")).unwrap(), config).unwrap();
    assert_eq!(socket.negotiated(), None);
}
