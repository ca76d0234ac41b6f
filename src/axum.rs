//! Connections as routes of axum 0.8, over HTTP/1.1 and HTTP/2.
//!
//! ```
//! use axum::Router;
//! use axum::response::Response;
//! use axum::routing::any;
//! use sansocket::axum::{WebSocket, WebSocketUpgrade};
//! use sansocket::Error;
//!
//! async fn echo(upgrade: WebSocketUpgrade) -> Response {
//!     upgrade.on_upgrade(async |socket| {
//!         if let Err(error) = serve(socket).await {
//!             eprintln!("{error}");
//!         }
//!     })
//! }
//!
//! async fn serve(mut socket: WebSocket) -> Result<(), Error> {
//!     while let Some(message) = socket.read().await? {
//!         socket.feed(&message).await?;
//!     }
//!     Ok(())
//! }
//!
//! let routes: Router = Router::new().route("/echo", any(echo));
//! ```
//!
//! Route with `any`, not with `get`: over HTTP/2 the method is `CONNECT`. `axum::serve` accepts HTTP/2 with axum's feature
//! `http2`, and enables WebSocket over HTTP/2 by itself. `axum::serve` has no time limit for the head of a request, and two
//! streams that are not read hold up the others of their HTTP/2 connection ([`crate::hyper`] says why). `hyper_upgrade` in
//! `examples/frameworks` has a server without these two faults.
//!
//! Layers may refuse a request in front of the handler. None may replace the response of [`WebSocketUpgrade::on_upgrade`] by
//! a refusal behind it: over HTTP/1.1 hyper can open the connection all the same, see [`crate::hyper`].
//!
//! Pages of other origins are refused unless [`origins`](WebSocketUpgrade::origins) or
//! [`any_origin`](WebSocketUpgrade::any_origin) says otherwise. [`crate::hyper`] says how a stream of HTTP/2 differs from a
//! TCP connection.

use std::fmt;
use std::sync::Arc;

use ::hyper::ext::Protocol;
use ::hyper::upgrade::OnUpgrade;
use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::config::Config;
use crate::error::{Error, HandshakeError};
use crate::handshake::http::Head;
use crate::handshake::server::{self, Request};
use crate::hyper::respond;
pub use crate::hyper::{HttpStream, WebSocket};

/// An opening handshake that keeps the rules of RFC 6455 or RFC 8441: an extractor, at any place among the arguments of a
/// handler. Other requests are rejected with the reason ([`Rejection`]). `Option<WebSocketUpgrade>` is `None` for ordinary
/// requests instead, for a route that also serves a page.
pub struct WebSocketUpgrade {
    request: Request,
    upgrade: OnUpgrade,
    config: Arc<Config>,
    origins: Origins,
    subprotocol: Option<String>,
    on_failed: Box<dyn FnOnce(Error) + Send>,
}

/// The pages that may connect. Requests without an origin do not come from a page.
enum Origins {
    Same,
    Any,
    These(Vec<String>),
}

impl WebSocketUpgrade {
    /// The request: path, query, headers, cookies, origin, subprotocols.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Sets the limits and timeouts, and with [`Config::deflate`] compression. One `Arc<Config>` can serve all connections.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Chooses the first of these subprotocols that the client offers, if there is one. [`subprotocol`](Self::subprotocol)
    /// says which.
    #[must_use]
    pub fn subprotocols(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let is_offered = |name: &String| self.request.subprotocols().any(|offered| offered == name);
        self.subprotocol = names.into_iter().map(Into::into).find(is_offered);
        self
    }

    /// The subprotocol that was chosen.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Accepts pages of these origins only, such as `https://example.com`. The server's own origin is accepted only if it is
    /// one of them. Requests without an `Origin` do not come from a page and are accepted. Origins are compared as
    /// [`HttpRequest::origin_is_in`](server::HttpRequest::origin_is_in) does.
    #[must_use]
    pub fn origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins = Origins::These(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts pages of any origin. A browser sends the server's cookies with the request of any page, so do this only where
    /// a connection needs no cookie, or proves in another way where it comes from.
    #[must_use]
    pub fn any_origin(mut self) -> Self {
        self.origins = Origins::Any;
        self
    }

    /// Sets a function that gets the error if the response was to open a connection, and no connection was opened: hyper has
    /// failed, or the client was gone. By default the error is dropped.
    #[must_use]
    pub fn on_failed_upgrade(mut self, failed: impl FnOnce(Error) + Send + 'static) -> Self {
        self.on_failed = Box::new(failed);
        self
    }

    /// Gives the response that opens the connection, and serves the connection in a task of its own. A page of an origin
    /// that is not accepted gets 403.
    ///
    /// The task ends when `serve` does. If the closing handshake is not complete then, the connection is dropped without it.
    /// A graceful shutdown of axum does not wait for the task of a connection over HTTP/1.1. Over HTTP/2 it waits until the
    /// connection ends.
    pub fn on_upgrade<F>(self, serve: impl FnOnce(WebSocket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if !self.has_accepted_origin() {
            return to_response(self.request.reject(403).body("pages of this origin may not connect\n"));
        }
        let mut accepting = self.request.accept();
        if let Some(name) = self.subprotocol {
            accepting = accepting.subprotocol(name);
        }
        let (response, upgrade) = respond(&self.request, accepting, self.upgrade, self.config);
        let failed = self.on_failed;
        ::tokio::spawn(async move {
            match upgrade.await {
                Ok(socket) => serve(socket).await,
                Err(error) => failed(error),
            }
        });
        response.map(Body::from)
    }

    fn has_accepted_origin(&self) -> bool {
        let request = &self.request;
        match &self.origins {
            Origins::Any => true,
            _ if request.headers().values("Origin").next().is_none() => true,
            Origins::Same => request.is_same_origin(),
            Origins::These(origins) => request.origin_is_in(origins),
        }
    }

    fn from_parts(parts: &mut Parts) -> Result<Self, HandshakeError> {
        let protocol = parts.extensions.get::<Protocol>().map(Protocol::as_str);
        let request = Request::from_head(&head(parts), protocol)?;
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(HandshakeError::NotUpgradable)?;
        Ok(Self {
            request,
            upgrade,
            config: Config::shared_default(),
            origins: Origins::Same,
            subprotocol: None,
            on_failed: Box::new(drop),
        })
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade").field("request", &self.request).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Self::from_parts(parts).map_err(|error| Rejection::new(error, parts))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        match Self::from_parts(parts) {
            Ok(upgrade) => Ok(Some(upgrade)),
            // A `CONNECT` with another `:protocol` is no request for a page.
            Err(HandshakeError::NotAnUpgrade) if parts.method != http::Method::CONNECT => Ok(None),
            Err(error) => Err(Rejection::new(error, parts)),
        }
    }
}

/// A request that opens no connection. The response says that this is a WebSocket endpoint, and what is wrong with the
/// request.
#[derive(Debug)]
pub struct Rejection {
    error: HandshakeError,
    response: server::Response,
}

impl Rejection {
    fn new(error: HandshakeError, parts: &Parts) -> Self {
        let response = server::Response::for_head_error(&error, &head(parts));
        let response = response.body(format!("this is a WebSocket endpoint: {error}\n"));
        Self { error, response }
    }

    /// What is wrong with the request.
    pub fn error(&self) -> &HandshakeError {
        &self.error
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no opening handshake: {}", self.error)
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        to_response(self.response)
    }
}

fn head(parts: &Parts) -> Head<'_> {
    Head { method: &parts.method, uri: &parts.uri, version: parts.version, headers: &parts.headers }
}

fn to_response(response: server::Response) -> Response {
    http::Response::try_from(response).map_or_else(
        |_| http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        |response| response.map(Body::from),
    )
}
