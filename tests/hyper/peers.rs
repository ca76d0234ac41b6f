//! Both ends of HTTP connections in memory.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use sansocket::handshake::server;
use sansocket::hyper::{Http2, Http2Io, Upgrade, WebSocket, upgrade_with};
use sansocket::{Config, Error};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::mpsc;

/// What becomes of the requests of a server.
pub(crate) type Upgrades = mpsc::UnboundedReceiver<Upgrade>;

/// The settings of HTTP/2 that servers differ in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Serves {
    Http1,
    Http2,
    /// Without the setting of RFC 8441.
    Http2Only,
}

/// A server that accepts every opening handshake, with the first subprotocol that is offered.
pub(crate) fn server(serves: Serves, config: Config) -> (DuplexStream, Upgrades) {
    server_that(serves, config, accept)
}

/// [`server`] with another response.
pub(crate) fn server_that(
    serves: Serves,
    config: Config,
    decide: fn(&server::Request) -> server::Response,
) -> (DuplexStream, Upgrades) {
    let (here, there) = tokio::io::duplex(1 << 20);
    let (sender, upgrades) = mpsc::unbounded_channel();
    let config = Arc::new(config);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (response, upgrade) = upgrade_with(&mut request, Arc::clone(&config), decide);
        sender.send(upgrade).ok();
        std::future::ready(Ok::<_, Infallible>(response.map(Full::<Bytes>::from)))
    });
    let io = TokioIo::new(there);
    tokio::spawn(async move {
        if serves == Serves::Http1 {
            hyper::server::conn::http1::Builder::new()
                .serve_connection(io, service)
                .with_upgrades()
                .await
                .ok();
        } else {
            let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // As the docs of `sansocket::hyper` ask for.
            http2
                .max_concurrent_streams(200)
                .initial_stream_window_size(64 << 10)
                .initial_connection_window_size(200 * (64 << 10));
            if serves == Serves::Http2 {
                http2.enable_connect_protocol();
            }
            http2.timer(TokioTimer::new()).serve_connection(io, service).await.ok();
        }
    });
    (here, upgrades)
}

fn accept(request: &server::Request) -> server::Response {
    match request.subprotocols().next() {
        Some(name) => request.accept().subprotocol(name),
        None => request.accept(),
    }
}

/// A client's HTTP/2 connection.
pub(crate) async fn client<S>(io: S) -> Http2<Empty<Bytes>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (io, settings) = Http2Io::new(TokioIo::new(io));
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    Http2::new(sender, settings)
}

/// The response of a server of HTTP/1.1 to a request without an opening handshake.
pub(crate) async fn get(io: DuplexStream, request: Request<Empty<Bytes>>) -> Response<Incoming> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

/// Echoes until the connection ends. Gives how it ended.
pub(crate) async fn echo(mut socket: WebSocket) -> Result<WebSocket, Error> {
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(socket)
}
