//! A page and an echo over WebSocket from one port, with hyper.
//!
//! ```text
//! cargo run --release -p frameworks --bin hyper_upgrade -- --bind 127.0.0.1:9001
//! ```
//!
//! Then open <http://127.0.0.1:9001/>. Hyper reads and writes HTTP. The request for `/ws` is checked and answered in
//! the types of the `http` crate. When hyper has sent the 101, the connection is a stream for `sansocket::tokio`.

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
use sansocket::tokio::{TokioTransport, WebSocket};
use sansocket::{Bytes, Config, Connection, HandshakeError};
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

const PAGE: &str = r#"<!doctype html><title>Echo</title>
<input placeholder="say something" onchange="socket.send(value); value = ''"><pre id=log></pre>
<script>
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  const socket = new WebSocket(scheme + location.host + "/ws");
  socket.onmessage = event => log.textContent += event.data + "\n";
  socket.onclose = event => log.textContent += `closed: ${event.code}\n`;
</script>
"#;

#[derive(Debug, Parser)]
#[command(about = "A page and a WebSocket echo with hyper")]
struct Options {
    /// The address to listen on; port 0 takes a free port
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
                // No descriptors or no memory: both come back when a connection ends.
                eprintln!("hyper_upgrade: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream) {
    stream.set_nodelay(true).ok();
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
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
            // The request breaks a rule of section 4.2.1.
            let refusal = Response::try_from(server::Response::for_error(&error));
            refusal.unwrap_or_default().map(Full::from)
        }),
        _ => {
            let mut missing = Response::new("not found: try / or /ws\n".into());
            *missing.status_mut() = StatusCode::NOT_FOUND;
            missing
        }
    })
}

/// Answers the opening handshake. If the answer opens a connection, a new task serves it.
fn upgrade(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, HandshakeError> {
    let handshake = server::Request::try_from(&request)?;
    let answer = match handshake.origin() {
        Some(_) if !handshake.is_same_origin() => {
            handshake.reject(403).body("pages of another origin may not connect\n")
        }
        _ => handshake.accept(),
    };
    if let Ok(connection) = answer.connection(Config::default()) {
        tokio::spawn(async move {
            match hyper::upgrade::on(request).await {
                Ok(upgraded) => {
                    if let Err(error) = echo(upgraded, connection).await {
                        eprintln!("hyper_upgrade: {error}");
                    }
                }
                Err(error) => eprintln!("hyper_upgrade: {error}"),
            }
        });
    }
    Ok(Response::try_from(answer)?.map(Full::from))
}

async fn echo(upgraded: Upgraded, connection: Connection) -> Result<(), sansocket::Error> {
    // Bytes that the client sent right behind its request are in `upgraded`.
    let mut socket = WebSocket::from_parts(TokioTransport::new(TokioIo::new(upgraded)), connection);
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
