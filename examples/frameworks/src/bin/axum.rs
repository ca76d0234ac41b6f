//! A WebSocket echo as a route of an axum server: an extractor, and a handler that uses it.
//!
//! ```text
//! cargo run --release -p frameworks --bin axum -- --bind 127.0.0.1:9001
//! ```
//!
//! Copy [`Upgrade`] into your own server. It takes the whole request, so it is the last argument of a handler.
//! Extractors of parts of the request (`Query`, `State`, cookies) may come before it.
//!
//! `axum::serve` has no time limit for the head of a request and leaves Nagle's algorithm on, so this server accepts
//! connections with hyper-util.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{Html, Response};
use axum::routing::{any, get};
use clap::Parser;
use hyper::server::conn::http1;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sansocket::handshake::server;
use sansocket::tokio::{TokioTransport, WebSocket};
use sansocket::{Config, HandshakeError};
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo with axum")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(Options::parse().bind).await?;
    println!("axum: http://{}/", listener.local_addr()?);
    let routes = Router::new().route("/", get(page)).route("/ws", any(echo));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, routes.clone()))),
            Err(error) => {
                // No descriptors or no memory: both come back when a connection ends.
                eprintln!("axum: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves the HTTP requests of one connection, and gives the connection away when a request upgrades it.
async fn serve(stream: TcpStream, routes: Router) {
    stream.set_nodelay(true).ok();
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    if let Err(error) = http.with_upgrades().await {
        eprintln!("axum: {error}");
    }
}

async fn page() -> Html<&'static str> {
    Html("<!doctype html><title>Echo</title><p>The echo is at <code>/ws</code>.")
}

async fn echo(upgrade: Upgrade) -> Response {
    let answer = match upgrade.request.origin() {
        Some(_) if !upgrade.request.is_same_origin() => {
            upgrade.request.reject(403).body("pages of another origin may not connect\n")
        }
        _ => upgrade.request.accept(),
    };
    upgrade.answer(answer, async |mut socket| {
        while let Some(message) = socket.read().await? {
            socket.feed(&message).await?;
        }
        Ok(())
    })
}

/// An opening handshake that keeps section 4.2.1. Other requests are rejected with the reason.
struct Upgrade {
    /// Path, query, cookies, origin, subprotocols; makes the response that accepts or rejects.
    request: server::Request,
    upgraded: OnUpgrade,
}

type Socket = WebSocket<TokioIo<Upgraded>>;

impl<S: Send + Sync> FromRequest<S> for Upgrade {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        match server::Request::try_from(&request) {
            Ok(handshake) => Ok(Self { request: handshake, upgraded: hyper::upgrade::on(request) }),
            Err(error) => Err(refusal(&error)),
        }
    }
}

impl Upgrade {
    /// Sends the answer. If it opens a connection, a new task serves it.
    fn answer<F>(self, answer: server::Response, serve: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = Result<(), sansocket::Error>> + Send,
    {
        if let Ok(connection) = answer.connection(Config::default()) {
            tokio::spawn(async move {
                // An error: the client was gone before the answer was sent.
                let Ok(upgraded) = self.upgraded.await else { return };
                // Bytes that the client sent right behind its request are in `upgraded`.
                let transport = TokioTransport::new(TokioIo::new(upgraded));
                if let Err(error) = serve(WebSocket::from_parts(transport, connection)).await {
                    eprintln!("axum: {error}");
                }
            });
        }
        axum::http::Response::try_from(answer)
            .map_or_else(|error| refusal(&error), |answer| answer.map(Body::from))
    }
}

fn refusal(error: &HandshakeError) -> Response {
    axum::http::Response::try_from(server::Response::for_error(error)).unwrap_or_default().map(Body::from)
}
