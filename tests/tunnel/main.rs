//! The tunnel example as processes. `tests/tunnel/run` has SSH and MQTT through it.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, reason = "an unexpected value ends the test")]

#[path = "../example_server/mod.rs"]
mod example_server;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use example_server::{PATIENCE, Server, path};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Config, Error, HandshakeError, blocking};

/// A TCP server that sends back what it gets, up to the end of the file. Gives its address.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut writer = stream.unwrap();
            let mut reader = writer.try_clone().unwrap();
            thread::spawn(move || {
                std::io::copy(&mut reader, &mut writer).ok();
                writer.shutdown(Shutdown::Write).ok();
            });
        }
    });
    address
}

fn server(to: &str) -> Server {
    Server::start("tunnel", &["server", "--to", to, "--subprotocol", "mqtt"])
}

/// Sends all bytes, and reads as many at the same time: the same.
fn echoes(mut reader: impl Read, mut writer: impl Write + Send) {
    let sent: Vec<u8> = (0..8_u32 << 20).map(|n| n.wrapping_mul(0x9E37_79B9).to_be_bytes()[0]).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(&sent).unwrap();
            writer.flush().unwrap();
        });
        let mut received = vec![0; sent.len()];
        reader.read_exact(&mut received).unwrap();
        assert!(received == sent, "other bytes");
    });
}

#[test]
fn port_is_forwarded() {
    let server = server(&echo());
    let client = Server::start("tunnel", &["client", &server.url("/")]);
    // Two connections at the same time, each with its own bytes.
    let mut other = TcpStream::connect(&client.address).unwrap();
    let stream = TcpStream::connect(&client.address).unwrap();
    for stream in [&stream, &other] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    other.write_all(b"other").unwrap();
    echoes(&stream, &stream);
    // The end of the file comes through the tunnel and back.
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!((&stream).read(&mut [0]).unwrap(), 0);
    let mut received = [0; 5];
    other.read_exact(&mut received).unwrap();
    assert_eq!(&received, b"other");
    assert!(client.line().ends_with(": ended"));
    assert!(server.line().ends_with(": ended"));
}

#[test]
fn standard_input_and_output_are_forwarded() {
    let server = server(&echo());
    let mut client = Command::new(path("tunnel"));
    let mut client = client
        .args(["client", &server.url("/")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example is built; if not, `cargo build --examples`");
    let mut output = client.stdout.take().unwrap();
    let input = client.stdin.take().unwrap();
    echoes(&mut output, input);
    // `echoes` has closed the input.
    assert_eq!(output.read(&mut [0]).unwrap(), 0);
    assert!(client.wait().unwrap().success());
}

#[test]
fn client_ends_when_the_tcp_server_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = server(&listener.local_addr().unwrap().to_string());
    let mut client = Command::new(path("tunnel"))
        .args(["client", &server.url("/")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    listener.accept().unwrap().0.write_all(b"bye").unwrap();
    // The input stays open meanwhile.
    let mut received = String::new();
    client.stdout.take().unwrap().read_to_string(&mut received).unwrap();
    assert_eq!(received, "bye");
    assert!(client.wait().unwrap().success());
}

#[test]
fn server_that_cannot_reach_the_tcp_server_says_so() {
    // A port at which nobody listens any more.
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = server(&unused.to_string());
    let mut socket = blocking::connect(&server.url("/")).unwrap();
    assert_eq!(socket.read().unwrap(), None);
    assert_eq!(socket.close_info().unwrap().code, CloseCode::BAD_GATEWAY);
}

#[test]
fn subprotocol_is_agreed_on_if_it_is_offered() {
    let server = server(&echo());
    for (offered, agreed) in [("mqtt", Some("mqtt")), ("other", None)] {
        let request = Request::new(&server.url("/")).unwrap().subprotocol(offered);
        let opened = blocking::connect_with(&request, Config::default());
        let chosen = opened.as_ref().ok().and_then(|(_, response)| response.header("Sec-WebSocket-Protocol"));
        assert_eq!(chosen, agreed, "{opened:?}");
    }
}

#[test]
fn page_of_another_origin_is_refused() {
    let server = server(&echo());
    let request = Request::new(&server.url("/")).unwrap().header("Origin", "http://example.com");
    let refused = blocking::connect_with(&request, Config::default()).unwrap_err();
    assert!(
        matches!(&refused, Error::Handshake(HandshakeError::Refused(refused)) if refused.status == 403),
        "{refused}"
    );
}
