//! The gateway as a process, between a client over TLS and a server without.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[path = "../../../tests/example_server/mod.rs"]
mod example_server;
#[path = "../../../tests/throwaway/servers.rs"]
mod servers;
#[path = "../../../tests/throwaway/mod.rs"]
mod throwaway;

use std::net::TcpStream as StdTcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use example_server::Server;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sansocket::handshake::client;
use sansocket::hyper::{Http2, Http2Io};
use sansocket::tls::rustls::ClientConfig;
use sansocket::tokio::NetStream;
use sansocket::{CloseCode, Config, Connector, Message, blocking};
use servers::listen_to_many;
use throwaway::Ca;
use tokio::net::TcpStream;

/// A server that greets with what it knows of the request, echoes, and serves a page.
fn behind() -> u16 {
    listen_to_many(|tcp: StdTcpStream| {
        let mut greeting = String::new();
        let socket = blocking::accept_or_respond(
            tcp,
            Config::default(),
            |request| {
                let cookies: Vec<_> = request.cookies().collect();
                greeting = format!("{:?} {:?} {cookies:?}", request.host(), request.query());
                let chosen = request.subprotocols().next();
                chosen.map_or_else(|| request.accept(), |name| request.accept().subprotocol(name))
            },
            |page| page.respond(200).body(format!("{} for {:?}", page.path(), page.host())),
        );
        let Ok(Some(mut socket)) = socket else { return };
        socket.send(&greeting).unwrap();
        while let Ok(Some(message)) = socket.read() {
            match &message {
                Message::Text(text) if &**text == "bye" => drop(socket.close(CloseCode(4002), "")),
                message => socket.send(message).unwrap(),
            }
        }
    })
}

fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A gateway in front of a port, and a CA that its clients trust.
fn start(to: u16) -> (Server, Ca) {
    let ca = Ca::new();
    let (cert, key) = ca.pem_identity(&["localhost"]);
    let (cert, key) = (file(&format!("{to}.pem"), &cert), file(&format!("{to}.key"), &key));
    let to = format!("127.0.0.1:{to}");
    let options = ["--cert", &cert, "--key", &key, "--to", &to];
    (Server::start(env!("CARGO_BIN_EXE_gateway"), &options), ca)
}

fn url(server: &Server, resource: &str) -> String {
    let (_, port) = server.address.rsplit_once(':').unwrap();
    format!("wss://localhost:{port}{resource}")
}

#[tokio::test]
async fn connections_over_http2_reach_the_server_behind() {
    let (gateway, ca) = start(behind());
    let mut tls = ClientConfig::clone(&ca.client());
    tls.alpn_protocols = vec![b"h2".into()];
    let tcp = TcpStream::connect(&gateway.address).await.unwrap();
    let from = tcp.local_addr().unwrap();
    let stream = NetStream::tls_client(tcp, Arc::new(tls), "localhost").unwrap();
    let (io, settings) = Http2Io::new(TokioIo::new(stream));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let streams = Http2::<Empty<Bytes>>::new(sender.clone(), settings);

    let request = client::Request::new(&url(&gateway, "/echo?a=b")).unwrap();
    let request = request.subprotocol("chat").header("Cookie", "c=d");
    let host = url(&gateway, "");
    let host = host.strip_prefix("wss://").unwrap();
    let mut sockets = Vec::new();
    for _ in 0..10 {
        let (mut socket, _) = streams.connect(&request, Config::default()).await.unwrap();
        assert_eq!(gateway.line(), format!("{from} HTTP/2.0 /echo"), "one TCP connection");
        assert_eq!(socket.subprotocol(), Some("chat"));
        let greeting = Message::from(format!(r#"Some("{host}") Some("a=b") [("c", "d")]"#));
        assert_eq!(socket.read().await.unwrap(), Some(greeting));
        sockets.push(socket);
    }
    for (id, socket) in (0_u8..).zip(&mut sockets) {
        let message = Message::from(vec![id; 100_000]);
        socket.send(&message).await.unwrap();
        assert_eq!(socket.read().await.unwrap(), Some(message));
        socket.send("bye").await.unwrap();
        assert_eq!(socket.read().await.unwrap(), None);
        assert_eq!(socket.close_info().unwrap().code, CloseCode(4002));
    }

    let page = Request::builder().method(Method::GET).uri(format!("https://{host}/page"));
    let response = sender.send_request(page.body(Empty::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, format!(r#"/page for Some("{host}")"#));
}

#[test]
fn connections_over_http1_reach_the_server_behind() {
    let (gateway, ca) = start(behind());
    let connector = || Connector::new().tls(ca.client());
    let request = client::Request::new(&url(&gateway, "/echo")).unwrap();
    let (mut socket, _) = blocking::connect_with(&request, connector()).unwrap();
    assert!(socket.read().unwrap().is_some());
    socket.send("Hello").unwrap();
    assert_eq!(socket.read().unwrap(), Some("Hello".into()));
    socket.close(CloseCode::NORMAL, "").unwrap();
    assert!(gateway.line().ends_with(" HTTP/1.1 /echo"));

    // Nobody is behind this one.
    let (gateway, ca) = start(1);
    let (mut socket, _) = blocking::connect_with(
        &client::Request::new(&url(&gateway, "/")).unwrap(),
        Connector::new().tls(ca.client()),
    )
    .unwrap();
    assert_eq!(socket.read().unwrap(), None);
    assert_eq!(socket.close_info().unwrap().code, CloseCode::BAD_GATEWAY);
}
