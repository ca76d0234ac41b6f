//! A page and a WebSocket echo as routes of an axum server, over HTTP/1.1 and HTTP/2.
//!
//! ```text
//! cargo run --release -p frameworks --bin axum -- --bind 127.0.0.1:9001
//! ```

use axum::Router;
use axum::response::{Html, Response};
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use sansocket::axum::{WebSocket, WebSocketUpgrade};
use sansocket::{Config, Deflate, Error};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().skip_while(|word| word != "--bind").nth(1);
    let listener = tokio::net::TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9001")).await?;
    println!("axum: http://{}/", listener.local_addr()?);
    let routes = Router::new().route("/", get(Html(include_str!("echo.html")))).route("/ws", any(echo));
    axum::serve(listener.tap_io(|stream| _ = stream.set_nodelay(true)), routes).await
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.config(Config::default().deflate(Some(Deflate::default()))).on_upgrade(async |socket| {
        if let Err(error) = serve(socket).await {
            eprintln!("axum: {error}");
        }
    })
}

async fn serve(mut socket: WebSocket) -> Result<(), Error> {
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?; // queued; the next read that waits writes all queued messages
    }
    Ok(())
}
