//! Routes of axum: its own extractor, and that of this crate.

use std::net::TcpListener;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::MethodRouter;
use axum::serve::ListenerExt;
use tokio::runtime;

use super::sinks;
use crate::Outcome;

/// One route, on a runtime of one thread.
pub fn serve(listener: TcpListener, route: MethodRouter) -> Outcome<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
        Ok(axum::serve(listener, Router::new().route("/", route)).await?)
    })
}

pub async fn theirs(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

pub async fn theirs_gathered(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |socket| drop(sinks::gathered(socket).await))
}

pub async fn ours(upgrade: sansocket::axum::WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        while let Ok(Some(message)) = socket.read().await {
            if socket.feed(&message).await.is_err() {
                return;
            }
        }
    })
}
