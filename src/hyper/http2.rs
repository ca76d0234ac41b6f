//! Connections of a client as streams of HTTP/2.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use ::hyper::body::{Body, Incoming};
use ::hyper::client::conn::http2::SendRequest;
use ::hyper::ext::Protocol;
use ::hyper::upgrade::on;
use ::tokio::time::timeout;
use http::StatusCode;

use super::settings::Settings;
use super::{HttpStream, WebSocket};
use crate::config::Config;
use crate::connection::Connection;
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::http::Pending;
use crate::trace::Trace;

/// An HTTP/2 connection of a client, for WebSocket connections as its streams. Clones of its `SendRequest` can send other
/// requests meanwhile.
///
/// ```
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use hyper::client::conn::http2;
/// use hyper_util::rt::{TokioExecutor, TokioIo};
/// use sansocket::handshake::client::Request;
/// use sansocket::hyper::{Http2, Http2Io, WebSocket};
/// use sansocket::{Config, Error};
/// use tokio::net::TcpStream;
///
/// async fn connect(stream: TcpStream) -> Result<WebSocket, Box<dyn std::error::Error>> {
///     let (io, settings) = Http2Io::new(TokioIo::new(stream));
///     let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
///     tokio::spawn(connection);
///     let streams = Http2::<Empty<Bytes>>::new(sender, settings);
///     let request = Request::new("ws://example.com/chat")?.subprotocol("chat");
///     let (socket, _response) = streams.connect(&request, Config::default()).await?;
///     Ok(socket)
/// }
/// ```
#[derive(Debug)]
pub struct Http2<B> {
    sender: SendRequest<B>,
    settings: Settings,
}

impl<B> Clone for Http2<B> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), settings: self.settings.clone() }
    }
}

impl<B: Body + Default + 'static> Http2<B> {
    /// Takes the `SendRequest` of hyper's `handshake`, and the settings of [`Http2Io::new`](super::Http2Io::new).
    pub fn new(sender: SendRequest<B>, settings: Settings) -> Self {
        Self { sender, settings }
    }

    /// Opens a connection, within [`Config::handshake_timeout`]. Waits for the settings of the server. The host of the
    /// request need not be that of the HTTP/2 connection.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, its stream is reset.
    ///
    /// # Errors
    ///
    /// [`Error::Handshake`]: [`ExtendedConnectDisabled`](HandshakeError::ExtendedConnectDisabled) if the server accepts no
    /// WebSocket connections over HTTP/2, [`Refused`](HandshakeError::Refused) for any status but 2xx,
    /// [`NotUpgradable`](HandshakeError::NotUpgradable) for a 2xx other than 200, of which hyper gives no stream,
    /// [`UnexpectedEof`](HandshakeError::UnexpectedEof) if the HTTP/2 connection has ended, for example because the server
    /// has no HTTP/2, and those of [`Pending::receive`](crate::handshake::http::Pending::receive). [`Error::Io`] for the
    /// errors of hyper.
    pub async fn connect(
        &self,
        request: &client::Request,
        config: impl Into<Arc<Config>>,
    ) -> Result<(WebSocket, client::Response), Error> {
        let config = config.into();
        let trace = Trace::client(request);
        let opened = timeout(config.handshake_timeout, self.open(request, Arc::clone(&config))).await;
        let opened = trace.unless_failed(opened.unwrap_or_else(|_| Err(HandshakeError::TimedOut.into())));
        let (stream, connection, response) = opened?;
        Ok((super::opened(stream, connection, trace), response))
    }

    async fn open(
        &self,
        request: &client::Request,
        config: Arc<Config>,
    ) -> Result<(HttpStream, Connection, client::Response), Error> {
        let (request, pending) = request.to_http_connect(Arc::clone(&config))?;
        let mut request = request.map(|()| B::default());
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        // "A client MAY use … the Extended CONNECT … upon receipt of SETTINGS_ENABLE_CONNECT_PROTOCOL with a value of 1"
        // (RFC 8441 section 3).
        match self.settings.clone().enable_connect_protocol().await {
            Some(true) => {}
            Some(false) => return Err(HandshakeError::ExtendedConnectDisabled.into()),
            None => return Err(HandshakeError::UnexpectedEof.into()),
        }
        let mut sender = self.sender.clone();
        sender.ready().await.map_err(failed)?;
        let mut response = sender.send_request(request).await.map_err(failed)?;
        // Hyper makes a stream of 200 only, not of every 2xx.
        let received = match response.status() {
            StatusCode::OK => pending.receive(&response),
            _ => Err(Pending::refused(&response)),
        };
        match received {
            Ok((connection, received)) => {
                Ok((HttpStream::of(on(&mut response)).await?, connection, received))
            }
            Err(HandshakeError::Refused(mut refusal)) => {
                let read = read_body(response.into_body(), &mut refusal.body, config.max_head_len);
                timeout(config.close_timeout.min(config.handshake_timeout / 2), read).await.ok();
                Err(HandshakeError::Refused(refusal).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads the start of a body, at most `limit` bytes, as far as it comes without an error.
async fn read_body(mut body: Incoming, start: &mut Vec<u8>, limit: usize) {
    while start.len() < limit {
        match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                let missing = limit.saturating_sub(start.len());
                start.extend_from_slice(data.get(..missing).unwrap_or(&data));
            }
            Some(Err(_)) | None => break,
        }
    }
}

/// An error of hyper while a connection is opened.
fn failed(error: ::hyper::Error) -> Error {
    let sources = std::iter::successors(std::error::Error::source(&error), |source| source.source());
    let is_io = sources.into_iter().any(|source| source.is::<std::io::Error>());
    if is_io || error.is_canceled() || error.is_closed() {
        return HandshakeError::UnexpectedEof.into();
    }
    std::io::Error::other(error).into()
}
