//! The broadcast server as a process, with this crate as the client.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[path = "../../../tests/example_server/mod.rs"]
mod example_server;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use example_server::{PATIENCE, Server};
use sansocket::blocking::{self, NetStream, TimedRead, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, CloseInfo, Config, Error, HandshakeError, Message};

type Socket = WebSocket<NetStream>;

#[test]
fn text_of_one_goes_to_all_others() {
    let (_server, mut clients) = start::<3>();
    for sender in 0..3 {
        let text = format!("from {sender}");
        clients[sender].send(&text).unwrap();
        for (receiver, client) in clients.iter_mut().enumerate() {
            if receiver != sender {
                assert_eq!(next(client), Message::from(&text));
            }
        }
    }
    // No client has received its own text.
    for client in &mut clients {
        assert_eq!(client.read_timeout(Duration::from_millis(50)).unwrap(), TimedRead::TimedOut);
    }
}

#[test]
fn binary_message_closes_the_connection_of_its_sender_alone() {
    let (server, [mut first, mut second, mut third]) = start();
    first.send(b"not text").unwrap();
    assert_eq!(end(&mut first).code, CloseCode::UNSUPPORTED);
    assert_eq!(server.line(), "0: text only");
    second.send("text").unwrap();
    assert_eq!(next(&mut third), Message::from("text"));
}

#[test]
fn slow_client_is_dropped_and_delays_no_other() {
    let (server, [mut sender, slow, mut quick]) = start();
    let text = Message::from("x".repeat(60_000));
    for _ in 0..500 {
        sender.send(&text).unwrap();
        assert_eq!(next(&mut quick), text);
    }
    assert_eq!(server.line(), "1: too slow");
    drop(slow);
}

#[test]
fn page_of_another_origin_and_other_requests_are_refused() {
    let (server, []) = start();
    let request = Request::new(&server.url("/ws")).unwrap().origin("http://elsewhere.example");
    match blocking::connect_with(&request, Config::default()) {
        Err(Error::Handshake(HandshakeError::Refused(refusal))) => assert_eq!(refusal.status, 403),
        other => panic!("{other:?}"),
    }
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 426 "), "{response}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_all_connections_with_1001() {
    let (mut server, mut clients) = start::<3>();
    // A client that does not read and a request that is incomplete do not hold up the end.
    let mute = join(&server);
    let mut half = TcpStream::connect(&server.address).unwrap();
    half.write_all(b"GET /ws HTTP/1.1\r\nHost: ").unwrap();
    server.signal("INT");
    for client in &mut clients {
        let end = end(client);
        assert_eq!((end.code, &*end.reason, end.was_clean), (CloseCode::GOING_AWAY, "the server ends", true));
    }
    assert!(server.wait().success());
    drop((mute, half));
}

/// A server and its clients, which have joined in their order.
fn start<const N: usize>() -> (Server, [Socket; N]) {
    let server = Server::start(env!("CARGO_BIN_EXE_broadcast"), &[]);
    let clients = std::array::from_fn(|id| {
        let client = join(&server);
        assert_eq!(server.line(), format!("{id}: joined"));
        client
    });
    (server, clients)
}

fn join(server: &Server) -> Socket {
    blocking::connect(&server.url("/ws")).unwrap()
}

fn next(client: &mut Socket) -> Message {
    match client.read_timeout(PATIENCE).unwrap() {
        TimedRead::Message(message) => message,
        other => panic!("{other:?} instead of a message"),
    }
}

fn end(client: &mut Socket) -> CloseInfo {
    assert_eq!(client.read_timeout(PATIENCE).unwrap(), TimedRead::Closed);
    client.close_info().unwrap()
}
