//! An echo over WebSocket as a route of an axum server: an extractor, and a handler that takes it.
//!
//! ```text
//! cargo run --release -p frameworks --bin axum -- --bind 127.0.0.1:9001
//! ```
//!
//! [`Upgrade`] is what to copy into a server of yours. As it takes the request as a whole, it is a handler's last argument;
//! extractors of the request's parts (`Query`, `State`, cookies) may stand before it.

use std::io;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{Html, Response};
use axum::routing::{any, get};
use axum::{Router, serve};
use clap::Parser;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sansocket::handshake::server;
use sansocket::tokio::{Tokio, WebSocket};
use sansocket::{Buffer, Config, HandshakeError};
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo with axum")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(Options::parse().bind).await?;
    println!("axum: http://{}/", listener.local_addr()?);
    let routes = Router::new().route("/", get(page)).route("/ws", any(echo));
    serve(listener, routes).await
}

async fn page() -> Html<&'static str> {
    Html("<!doctype html><title>Echo</title><p>The echo is at <code>/ws</code>.")
}

async fn echo(upgrade: Upgrade) -> Response {
    let answer = match upgrade.request.origin() {
        Some(_) if !upgrade.request.is_from_host() => {
            upgrade.request.reject(403).body("not from another site\n")
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

/// An opening handshake that holds to section 4.2.1; any other request is answered with what is wrong with it.
struct Upgrade {
    /// Path, query, cookies, origin, subprotocols, and how to accept or reject it all.
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
    /// Sends the answer; where it opens a connection, has it served.
    fn answer<F>(self, answer: server::Response, serve: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = Result<(), sansocket::Error>> + Send,
    {
        if let Ok(connection) = answer.connection(Config::default()) {
            tokio::spawn(async move {
                // An error here: the client went away before the answer was out.
                let Ok(upgraded) = self.upgraded.await else { return };
                let io = Tokio::new(TokioIo::new(upgraded));
                if let Err(error) = serve(WebSocket::from_parts(io, connection, Buffer::new())).await {
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
