//! A page and an echo over WebSocket from one port, with hyper.
//!
//! ```text
//! cargo run --release -p frameworks --bin hyper_upgrade -- --bind 127.0.0.1:9001
//! ```
//!
//! then open <http://127.0.0.1:9001/>. Hyper reads and writes the HTTP; the request for `/ws` is checked and answered in the
//! types of the `http` crate; and when hyper has sent the 101, what is left of the connection is a stream like any other.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use clap::Parser;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use sansocket::handshake::server;
use sansocket::tokio::{Tokio, WebSocket};
use sansocket::{Buffer, Bytes, Config, Connection, HandshakeError};
use tokio::net::{TcpListener, TcpStream};

const PAGE: &str = r#"<!doctype html><title>Echo</title>
<input placeholder="say something" onchange="socket.send(value); value = ''"><pre id=log></pre>
<script>
  const socket = new WebSocket(location.href.replace(/^http/, "ws") + "ws");
  socket.onmessage = event => log.textContent += event.data + "\n";
  socket.onclose = event => log.textContent += `closed: ${event.code}\n`;
</script>
"#;

#[derive(Debug, Parser)]
#[command(about = "A page and a WebSocket echo with hyper")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(Options::parse().bind).await?;
    println!("hyper_upgrade: http://{}/", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream))),
            Err(error) => {
                // Out of descriptors or memory: that ends when a connection does.
                eprintln!("hyper_upgrade: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream) {
    stream.set_nodelay(true).ok();
    let http = http1::Builder::new()
        .timer(TokioTimer::new()) // so that a head does not take for ever
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    if let Err(error) = http.with_upgrades().await {
        eprintln!("hyper_upgrade: {error}");
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.uri().path() {
        "/" => {
            let mut page = Response::new(PAGE.into());
            page.headers_mut()
                .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8"));
            page
        }
        "/ws" => upgrade(request).unwrap_or_else(|error| {
            // What section 4.2.1 forbids, and what it wants to have been told.
            let refusal = Response::try_from(server::Response::for_error(&error));
            refusal.unwrap_or_default().map(Full::from)
        }),
        _ => {
            let mut missing = Response::new("there is / and /ws\n".into());
            *missing.status_mut() = StatusCode::NOT_FOUND;
            missing
        }
    })
}

/// Answers the opening handshake, and has the connection served once the answer is out.
fn upgrade(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HandshakeError> {
    let handshake = server::Request::try_from(&request)?;
    let answer = match handshake.origin() {
        Some(_) if !handshake.is_from_host() => handshake.reject(403).body("not from another site\n"),
        _ => handshake.accept(),
    };
    if let Ok(connection) = answer.connection(Config::default()) {
        tokio::spawn(async move {
            match hyper::upgrade::on(request).await {
                Ok(upgraded) => echo(upgraded, connection).await.unwrap_or_default(),
                Err(error) => eprintln!("hyper_upgrade: {error}"),
            }
        });
    }
    Ok(Response::try_from(answer)?.map(Full::from))
}

async fn echo(upgraded: Upgraded, connection: Connection) -> Result<(), sansocket::Error> {
    // What the client sent behind its handshake is in `upgraded`, so that the buffer begins empty.
    let mut socket = WebSocket::from_parts(Tokio::new(TokioIo::new(upgraded)), connection, Buffer::new());
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
