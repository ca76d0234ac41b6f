//! A page and an echo over WebSocket from one port, with hyper, over HTTP/1.1 and HTTP/2.
//!
//! ```text
//! cargo run --release -p frameworks --bin hyper_upgrade -- --bind 127.0.0.1:9001
//! ```
//!
//! Then open <http://127.0.0.1:9001/>. Browsers speak HTTP/2 over TLS only: `gateway` beside this program does that.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use clap::Parser;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use sansocket::hyper::{Upgrade, upgrade_with};
use sansocket::{Bytes, Config};
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The most requests and WebSocket connections at a time on one HTTP/2 connection.
const STREAMS: u32 = 200;

/// The most bytes that one of them may send before the program reads them. The HTTP/2 connection has room for as many of each.
const WINDOW: u32 = 64 << 10;

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
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    http.http2()
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(STREAMS * WINDOW);
    let served = http.serve_connection_with_upgrades(TokioIo::new(stream), service_fn(respond));
    if let Err(error) = served.await {
        eprintln!("hyper_upgrade: {error}");
    }
}

async fn respond(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match request.uri().path() {
        "/" => {
            let mut page = Response::new(include_str!("echo.html").into());
            page.headers_mut()
                .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8"));
            page
        }
        "/ws" => {
            let (response, upgrade) =
                upgrade_with(&mut request, Config::default(), |request| match request.origin() {
                    Some(_) if !request.is_same_origin() => {
                        request.reject(403).body("pages of other origins may not connect\n")
                    }
                    _ => request.accept(),
                });
            tokio::spawn(async {
                if let Err(error) = echo(upgrade).await {
                    eprintln!("hyper_upgrade: {error}");
                }
            });
            response.map(Full::from)
        }
        _ => {
            let mut missing = Response::new("not found: try / or /ws\n".into());
            *missing.status_mut() = StatusCode::NOT_FOUND;
            missing
        }
    })
}

async fn echo(upgrade: Upgrade) -> Result<(), sansocket::Error> {
    let mut socket = upgrade.await?;
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
