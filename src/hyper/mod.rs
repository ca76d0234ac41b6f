//! Connections that begin as requests of [hyper]: over HTTP/1.1, where the whole HTTP connection becomes the WebSocket
//! connection, and over HTTP/2, where one stream does (RFC 8441).
//!
//! On a server, [`upgrade`] gives the response to send and a future of the open connection:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http_body_util::Full;
//! use hyper::body::{Bytes, Incoming};
//! use hyper::{Request, Response};
//! use sansocket::{Config, Error};
//!
//! async fn echo(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let (response, upgrade) = sansocket::hyper::upgrade(&mut request, Config::default());
//!     tokio::spawn(async move {
//!         let mut socket = upgrade.await?;
//!         while let Some(message) = socket.read().await? {
//!             socket.feed(&message).await?;
//!         }
//!         Ok::<(), Error>(())
//!     });
//!     Ok(response.map(Full::from))
//! }
//! ```
//!
//! Serve HTTP/1.1 with hyper's `with_upgrades()`, and HTTP/2 with `http2::Builder::enable_connect_protocol()`. A graceful
//! shutdown of hyper does not wait for WebSocket connections over HTTP/1.1. Over HTTP/2 it waits until their streams end, so
//! give it a time limit.
//!
//! On a client, [`Http2`] opens connections as streams of an HTTP/2 connection. For HTTP/1.1, send the request of
//! [`client::Request::to_http_upgrade`](crate::handshake::client::Request::to_http_upgrade) and give the response to
//! [`receive`].
//!
//! # What is in front of the handler
//!
//! Hyper upgrades a connection after any response, not only after 101, if the client has asked for the end of the
//! connection. So nothing that runs behind [`upgrade`] may replace its response by a refusal: the connection would be open
//! all the same. Check authentication in front of it, or in the function that is given to [`upgrade_with`]. Over HTTP/2 only
//! a 200 opens the stream.
//!
//! # A stream of HTTP/2
//!
//! - The end of the stream (END_STREAM) before the closing handshake is a lost connection, as the end of a TCP connection
//!   is. So is a reset (RST_STREAM), or it gives an [`Error::Io`] with `ConnectionReset`.
//! - After the closing handshake this end sends END_STREAM. A connection that is dropped before the end of the closing
//!   handshake ends or resets its stream, once hyper has passed on what it holds. If the peer's window is closed, that is
//!   when the window opens or the HTTP connection ends: until then the stream counts for `max_concurrent_streams`, and a
//!   graceful shutdown waits. So end the HTTP connection itself after a time limit.
//! - A peer that does not read holds up its stream. Other streams go on while the window of the HTTP connection has room. A
//!   few pieces of 16 KiB wait inside hyper, the rest in the connection's own output, within [`Config::max_output_len`]. A
//!   peer that takes less than one piece in [`Config::write_timeout`] is given up: its connection is lost.
//! - What the peer sends and the program does not read waits inside hyper. By default a server of hyper has room for 1 MiB
//!   from one stream, and for little more from all streams of a connection. So two streams that are not read hold up all
//!   others. Give the connection room for every stream: set `initial_connection_window_size` of hyper's `http2::Builder` to
//!   at least `max_concurrent_streams` times `initial_stream_window_size`, such as 200 times 64 KiB.
//! - Pings of HTTP/2 test the HTTP connection. Those of [`Config::keepalive`] test one stream, through all proxies.

mod http2;
mod settings;
mod stream;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::hyper::ext::Protocol;
use ::hyper::upgrade::{OnUpgrade, on};
use ::tokio::time::timeout;

pub use self::http2::Http2;
pub use self::settings::{Http2Io, Settings};
pub use self::stream::HttpStream;
use crate::config::Config;
use crate::connection::Connection;
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::http::Pending;
use crate::handshake::server::{Request, Response};
use crate::tokio::TokioTransport;
use crate::trace::Trace;

/// A connection over hyper's stream.
pub type WebSocket = crate::tokio::WebSocket<HttpStream>;

/// Accepts the opening handshake in `request`, without a subprotocol, from pages of any origin. See [`upgrade_with`].
pub fn upgrade<B>(
    request: &mut http::Request<B>,
    config: impl Into<Arc<Config>>,
) -> (http::Response<Vec<u8>>, Upgrade) {
    upgrade_with(request, config, Request::accept)
}

/// Answers the opening handshake in `request` as `decide` does: with [`Request::accept`], which a subprotocol and headers
/// can be added to, or with [`Request::reject`]. Gives the response, and the connection that is open once hyper has sent it.
/// Compression is agreed on if [`Config::deflate`] has settings for it.
///
/// Always send the response. For a request that opens no connection, the response says why, and [`Upgrade`] gives the same
/// reason at once, as [`Error::Handshake`].
///
/// ```
/// use sansocket::{Config, hyper};
///
/// fn chat<B>(request: &mut http::Request<B>) -> (http::Response<Vec<u8>>, hyper::Upgrade) {
///     hyper::upgrade_with(request, Config::default(), |request| match request.origin() {
///         Some(_) if !request.is_same_origin() => request.reject(403).body("pages of other origins may not connect\n"),
///         _ => request.accept(),
///     })
/// }
/// ```
pub fn upgrade_with<B>(
    request: &mut http::Request<B>,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Request) -> Response,
) -> (http::Response<Vec<u8>>, Upgrade) {
    let config = config.into();
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    let handshake = Request::from_http(request, protocol);
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(HandshakeError::NotUpgradable);
    match handshake.and_then(|handshake| Ok((handshake, upgrade?))) {
        Ok((handshake, upgrade)) => respond(&handshake, decide(&handshake), upgrade, config),
        Err(error) => {
            let response = Response::for_http_error(&error, request);
            finish(response, Err(error), Trace::server(|| None))
        }
    }
}

/// The response to a request that keeps the rules, and the connection.
pub(crate) fn respond(
    request: &Request,
    response: Response,
    upgrade: OnUpgrade,
    config: Arc<Config>,
) -> (http::Response<Vec<u8>>, Upgrade) {
    let trace = Trace::server(|| None);
    trace.requested(request);
    #[cfg(feature = "deflate")]
    let response = response.negotiate(request, &config);
    let opened = response.connection(config).map(|connection| (upgrade, connection));
    finish(response, opened, trace)
}

/// The response for hyper, and the future of the connection. A response that cannot be sent becomes a 500, and the future
/// gives the error.
fn finish(
    response: Response,
    opened: Result<(OnUpgrade, Connection), HandshakeError>,
    trace: Trace,
) -> (http::Response<Vec<u8>>, Upgrade) {
    let response: Result<http::Response<_>, _> = response.try_into();
    match (response, opened) {
        (Ok(response), Ok((upgrade, connection))) => (response, Upgrade::new(upgrade, connection, trace)),
        (Ok(response), Err(error)) => (response, Upgrade::failed(error, trace)),
        (Err(error), _) => {
            let mut response = http::Response::default();
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            (response, Upgrade::failed(error, trace))
        }
    }
}

/// The connection that a response opens, for a client of hyper over HTTP/1.1 or HTTP/2. `pending` came with the request.
///
/// # Errors
///
/// As [`Pending::receive`].
pub fn receive<B>(
    response: &mut http::Response<B>,
    pending: Pending,
) -> Result<(Upgrade, client::Response), HandshakeError> {
    let (connection, received) = pending.receive(response)?;
    let trace = Trace::adopted(connection.role(), || None);
    Ok((Upgrade::new(on(response), connection, trace), received))
}

/// The connection, which is open, over hyper's stream.
fn opened(stream: HttpStream, connection: Connection, trace: Trace) -> WebSocket {
    WebSocket::opened(TokioTransport::new(stream), connection).traced(trace)
}

/// An upgrade that hyper completes: a future of the open connection.
///
/// # Errors
///
/// [`Error::Handshake`]: the request or the response opens no connection, [`UnexpectedEof`](HandshakeError::UnexpectedEof)
/// if the HTTP connection has ended before the upgrade, [`TimedOut`](HandshakeError::TimedOut) after
/// [`Config::handshake_timeout`], and [`NotUpgradable`](HandshakeError::NotUpgradable) if hyper has nothing to upgrade.
#[must_use = "the connection is dropped if nobody waits for it"]
pub struct Upgrade(Pin<Box<dyn Future<Output = Result<WebSocket, Error>> + Send>>);

impl Upgrade {
    fn new(upgrade: OnUpgrade, connection: Connection, trace: Trace) -> Self {
        Self(Box::pin(async move {
            let stream = timeout(connection.config().handshake_timeout, HttpStream::of(upgrade)).await;
            let stream = stream.unwrap_or(Err(HandshakeError::TimedOut)).map_err(Error::from);
            Ok(opened(trace.unless_failed(stream)?, connection, trace))
        }))
    }

    fn failed(error: HandshakeError, trace: Trace) -> Self {
        Self(Box::pin(std::future::ready(trace.unless_failed(Err(error.into())))))
    }
}

impl Future for Upgrade {
    type Output = Result<WebSocket, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}
