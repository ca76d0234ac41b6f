//! The server's side of the opening handshake (RFC 6455 section 4.2).
//!
//! One value per state:
//!
//! ```text
//!            bytes             next_request            respond
//! Handshake ──────▶ Handshake ─────────────▶ Exchange ─────────▶ Answer::Open(Connection)
//!                       │                                      └▶ Answer::Closed(Output)
//!                       └ an error: its response is in Handshake::output
//! ```

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::checks::Checked;
#[cfg(feature = "deflate")]
use super::extensions;
use super::head::{Headers, Scanner};
use super::lines::may_begin_request;
use super::opens::HttpVersion;
pub use super::request::{HttpRequest, Request};
pub use super::response::Response;
use crate::config::Config;
use crate::connection::{Connection, Inbox, Output};
use crate::error::HandshakeError;

/// An opening handshake that waits for the request.
///
/// Give it what arrives ([`read_from`](Self::read_from), [`receive`](Self::receive), or [`unfilled`](Self::unfilled) and
/// [`filled`](Self::filled)), then call [`next_request`](Self::next_request).
///
/// The request comes first. A handshake cannot respond without one:
///
/// ```compile_fail,E0599
/// # use sansocket::handshake::server::{Handshake, Response};
/// # fn early(handshake: Handshake, response: Response) {
/// handshake.respond(response);
/// # }
/// ```
#[derive(Debug)]
pub struct Handshake {
    config: Arc<Config>,
    scanner: Scanner,
    inbox: Option<Box<Inbox>>,
    output: Output,
    /// The request has been handed out (`Finished`), or broke a rule.
    ended: Option<HandshakeError>,
}

/// What a client asks for. More kinds may follow: answer those that you do not know by [`http`](Self::http).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming {
    /// A WebSocket connection.
    Upgrade(Request),
    /// A page, an API, a health check: the request does not mention WebSocket. It has one `Host`, or none before HTTP/1.1.
    Http(HttpRequest),
}

impl Incoming {
    /// The request as plain HTTP: method, path, headers.
    pub fn http(&self) -> &HttpRequest {
        match self {
            Self::Upgrade(request) => request,
            Self::Http(request) => request,
        }
    }

    /// Parses a head, for [`Scanner::take`].
    pub(super) fn parse(bytes: &[u8], max_headers: usize) -> Option<(usize, Result<Self, HandshakeError>)> {
        Headers::of_request(bytes, max_headers, |headers, request| {
            let http = HttpRequest::new(bytes, headers, request)?;
            let fields = request.headers.iter().map(|header| (header.name.as_bytes(), header.value));
            let version = HttpVersion::of_http1(request.version);
            Ok(match Checked::of(fields, bytes, request.method.unwrap_or_default(), version)? {
                Some(checked) => Self::Upgrade(Request::new(http, checked)),
                None => Self::Http(http),
            })
        })
    }

    /// The application's response to either kind.
    #[cfg(feature = "std")]
    pub(crate) fn decide(
        &self,
        upgrade: impl FnOnce(&Request) -> Response,
        page: impl FnOnce(&HttpRequest) -> Response,
    ) -> Response {
        match self {
            Self::Upgrade(request) => upgrade(request),
            Self::Http(request) => page(request),
        }
    }
}

impl Handshake {
    /// A handshake that has received nothing.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let (config, scanner) = (config.into(), Scanner::default());
        Self { config, scanner, inbox: None, output: Output::default(), ended: None }
    }

    /// The request, or `None` if more bytes are needed. Bytes behind the head stay for the [`Connection`].
    ///
    /// # Errors
    ///
    /// The request breaks a rule of section 4.2.1 or a limit of the [`Config`], or it is not HTTP/1.x with the one `Host` that
    /// HTTP/1.1 requires (RFC 9112 section 3.2). The response (400, 405, 426 or 431) is in
    /// the [`output`](Self::output): write it, then end the transport. "The server MUST stop processing the client's
    /// handshake" (section 4.2.1), so every further call gives the same error.
    ///
    /// [`Finished`](HandshakeError::Finished) after the request has been handed out.
    pub fn next_request(&mut self) -> Result<Option<Exchange>, HandshakeError> {
        if let Some(error) = &self.ended {
            self.inbox.iter_mut().for_each(|inbox| inbox.clear());
            return Err(error.clone());
        }
        let Some(inbox) = &mut self.inbox else { return Ok(None) };
        let mut incoming = Ok(None);
        let parse = |bytes: &[u8], max_headers| {
            let (len, parsed) = Incoming::parse(bytes, max_headers)?;
            incoming = parsed.map(Some);
            Some((len, ()))
        };
        let taken = self.scanner.take(inbox, &self.config, may_begin_request, parse);
        match taken.and(incoming) {
            Ok(None) => Ok(None),
            Ok(Some(incoming)) => {
                self.ended = Some(HandshakeError::Finished);
                let (inbox, config) = (self.inbox.take(), Arc::clone(&self.config));
                Ok(Some(Exchange { incoming, inbox, config }))
            }
            Err(error) => {
                self.output.append_vec(Response::for_error(&error).to_vec());
                inbox.clear();
                self.ended = Some(error.clone());
                Err(error)
            }
        }
    }

    /// The response to a request that broke a rule. Otherwise empty.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(super) fn inbox(&mut self) -> &mut Option<Box<Inbox>> {
        let is_open = self.ended != Some(HandshakeError::Finished);
        assert!(is_open, "the request was handed out: give further bytes to its Exchange or its Connection");
        &mut self.inbox
    }
}

super::receives!(
    Handshake,
    "These methods panic after the request has been handed out: bytes would be lost."
);

/// A request that waits for its response. Exactly one response can be given:
///
/// ```compile_fail,E0382
/// # use sansocket::handshake::server::{Exchange, Incoming};
/// # fn twice(exchange: Exchange) {
/// let response = exchange.incoming().http().respond(404);
/// exchange.respond(response.clone());
/// exchange.respond(response);
/// # }
/// ```
///
/// The response may be given later. What arrives until then can stay in the socket or be received here.
#[derive(Debug)]
pub struct Exchange {
    incoming: Incoming,
    inbox: Option<Box<Inbox>>,
    config: Arc<Config>,
}

/// What a response leads to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum Answer {
    /// The connection is open. Its output begins with the response, and it has received what came behind the request.
    Open(Connection),
    /// The response opens no connection. Write it, then end the transport: nothing else is read from it.
    Closed(Output),
}

impl Exchange {
    /// The request.
    pub fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// Sends the response: [`Request::accept`] opens the connection, [`Request::reject`] and [`HttpRequest::respond`] do
    /// not.
    ///
    /// # Errors
    ///
    /// What [`Response::check`] finds; no byte is written then. [`NotAnUpgrade`](HandshakeError::NotAnUpgrade) for a
    /// response that opens a connection which this request does not ask for.
    pub fn respond(
        self,
        #[cfg_attr(not(feature = "deflate"), allow(unused_mut, reason = "only an extension changes it"))]
        mut response: Response,
    ) -> Result<Answer, HandshakeError> {
        response.check()?;
        if response.opens() && matches!(self.incoming, Incoming::Http(_)) {
            return Err(HandshakeError::NotAnUpgrade);
        }
        #[cfg(feature = "deflate")]
        if let Incoming::Upgrade(request) = &self.incoming {
            response.agree(request, &self.config);
        }
        let mut output = Output::default();
        output.append_vec(response.to_vec());
        Ok(if response.opens() {
            Answer::Open(response.open(self.config, output, self.inbox))
        } else {
            Answer::Closed(output)
        })
    }

    /// What has arrived behind the request: the body of an ordinary HTTP request, or the first frames.
    pub fn unread(&self) -> &[u8] {
        self.inbox.as_ref().map_or(&[], |inbox| inbox.unread())
    }

    pub(super) fn inbox(&mut self) -> &mut Option<Box<Inbox>> {
        &mut self.inbox
    }
}

super::receives!(Exchange);

#[cfg(feature = "deflate")]
impl Response {
    /// Agrees on compression, if `request` offers it and [`Config::deflate`] has settings for it. The first acceptable offer
    /// counts. [`Exchange::respond`] does this by itself. Servers that write responses with another HTTP library call it before
    /// [`connection`](Self::connection); without it messages are not compressed.
    #[must_use]
    pub fn negotiate(mut self, request: &Request, config: &Config) -> Self {
        self.agree(request, config);
        self
    }

    fn agree(&mut self, request: &Request, config: &Config) {
        if config.deflate.is_some() && self.is_undecided() {
            self.decide(extensions::accept(request.extensions(), config));
        }
    }
}
