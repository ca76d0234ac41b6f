//! The example of a server over TLS as a process. This crate is its client.
#![cfg(all(feature = "tls", feature = "tokio", feature = "smol"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "an unexpected value ends the test")]

#[path = "example_server/echo.rs"]
mod echo;
mod example_server;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use echo::{echoes_with, next};
use example_server::{PATIENCE, Server};
use sansocket::blocking::{self, NetStream};
use sansocket::handshake::client::Request;
use sansocket::tls::config_with_ca;
use sansocket::{Connector, Error, HandshakeError, smol, tokio};

/// A file that this test alone writes.
fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("echo_tls-{}-{name}", std::process::id()))
}

/// A server with a throw-away CA, and the CA's certificate.
fn start(name: &str) -> (Server, String) {
    let file = file(name);
    let server = Server::start("echo_tls", &["--ca-out", file.to_str().unwrap()]);
    let ca = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    (server, ca)
}

fn trusting(ca: &str) -> Connector {
    Connector::new().tls(config_with_ca(ca.as_bytes()).unwrap())
}

fn request(server: &Server, host: &str) -> Request {
    let port = server.address.rsplit(':').next().unwrap();
    Request::new(&format!("wss://{host}:{port}/")).unwrap()
}

macro_rules! echoes_once {
    ($shell:ident, $request:expr, $connector:expr) => {
        async {
            let (mut socket, _) = $shell::connect_with($request, $connector).await?;
            socket.send("grüß dich").await?;
            assert_eq!(socket.read().await?, Some("grüß dich".into()));
            socket.close(sansocket::CloseCode::NORMAL, "").await
        }
    };
}

fn on_tokio<F: Future>(future: F) -> F::Output {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

#[test]
fn echo_tls_echoes_for_the_clients_of_every_shell() {
    let (server, ca) = start("every.pem");
    let connector = trusting(&ca);
    for host in ["localhost", "127.0.0.1"] {
        let request = request(&server, host);
        let (socket, _) = blocking::connect_with(&request, &connector).unwrap();
        echoes_with(socket);
        on_tokio(echoes_once!(tokio, &request, &connector)).unwrap();
        ::smol::block_on(echoes_once!(smol, &request, &connector)).unwrap();
    }
}

#[test]
fn certificate_of_another_ca_is_not_accepted() {
    let (server, _) = start("first.pem");
    let (_, other) = start("second.pem");
    let (request, connector) = (request(&server, "localhost"), trusting(&other));
    let outcomes = [
        blocking::connect_with(&request, &connector).map(drop),
        on_tokio(echoes_once!(tokio, &request, &connector)),
        ::smol::block_on(echoes_once!(smol, &request, &connector)),
    ];
    for outcome in outcomes {
        let Err(Error::Handshake(HandshakeError::Tls(why))) = outcome else { panic!("{outcome:?}") };
        assert!(why.contains("UnknownIssuer"), "{why}");
    }
}

#[test]
fn certificate_of_the_files_is_shown() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    std::fs::write(&cert, issued.cert.pem()).unwrap();
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    let options = ["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let server = Server::start("echo_tls", &options);
    [cert, key].iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let connector = trusting(&issued.cert.pem());
    let (socket, _) = blocking::connect_with(&request(&server, "localhost"), connector).unwrap();
    assert_eq!(socket.stream().tls_info().unwrap().peer_certificates, [issued.cert.der().clone()]);
}

#[test]
fn page_is_on_the_same_port_and_pages_of_others_may_not_connect() {
    let (server, ca) = start("page.pem");
    let get = |path: &str| {
        let tcp = TcpStream::connect(&server.address).unwrap();
        let config = config_with_ca(ca.as_bytes()).unwrap();
        let mut stream = NetStream::tls_client(tcp, config, "127.0.0.1").unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    };
    let page = get("/");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("new WebSocket("), "{page}");
    assert!(get("/favicon.ico").starts_with("HTTP/1.1 404 "));

    let connector = trusting(&ca);
    let same = request(&server, "127.0.0.1").header("Origin", format!("https://{}", server.address));
    drop(blocking::connect_with(&same, &connector).unwrap());
    let other = request(&server, "127.0.0.1").header("Origin", "https://example.com");
    match blocking::connect_with(&other, &connector) {
        Err(Error::Handshake(HandshakeError::Refused(refusal))) => assert_eq!(refusal.status, 403),
        outcome => panic!("{outcome:?}"),
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_the_connections_with_1001() {
    let (mut server, ca) = start("stop.pem");
    let (mut socket, _) = blocking::connect_with(&request(&server, "localhost"), trusting(&ca)).unwrap();
    socket.send("Hello").unwrap();
    assert_eq!(next(&mut socket), "Hello".into());
    // This one has not opened yet, and delays nothing.
    let _silent = TcpStream::connect(&server.address).unwrap();
    server.signal("INT");
    assert_eq!(socket.read_timeout(PATIENCE).unwrap(), blocking::TimedRead::Closed);
    let end = socket.close_info().unwrap();
    assert_eq!(
        (end.code, &*end.reason, end.was_clean),
        (sansocket::CloseCode::GOING_AWAY, "the server stops", true)
    );
    assert!(server.wait().success());
}
