//! The opening handshake in the types of the `http` crate: for servers and clients that leave HTTP to another library, such
//! as hyper or axum.
//!
//! On a server, convert the request to a [`server::Request`](super::server::Request), which exists only if it keeps section
//! 4.2.1. Convert the [`Response`] to an `http::Response` and send it. [`Response::connection`] is the connection for the
//! upgraded stream:
//!
//! ```
//! use sansocket::handshake::server::{Request, Response};
//! use sansocket::{Config, Connection, HandshakeError};
//!
//! fn answer(request: &http::Request<()>) -> (http::Response<Vec<u8>>, Option<Connection>) {
//!     match open(request) {
//!         Ok((response, connection)) => (response, Some(connection)),
//!         Err(error) => (Response::for_error(&error).try_into().unwrap(), None),
//!     }
//! }
//!
//! fn open(request: &http::Request<()>) -> Result<(http::Response<Vec<u8>>, Connection), HandshakeError> {
//!     let response = Request::try_from(request)?.accept();
//!     let connection = response.connection(Config::default())?;
//!     Ok((response.try_into()?, connection)) // the stream upgraded: a shell's `from_parts` takes both
//! }
//!
//! let request = http::Request::get("/chat")
//!     .header("Host", "example.com")
//!     .header("Upgrade", "websocket")
//!     .header("Connection", "Upgrade")
//!     .header("Sec-WebSocket-Version", "13")
//!     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
//! let (response, connection) = answer(&request.body(()).unwrap());
//! assert_eq!(response.status(), 101);
//! assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
//! assert!(connection.is_some());
//! ```
//!
//! `hyper::upgrade::on(request)` gives the stream; `examples/frameworks` has whole servers. A graceful shutdown of hyper or
//! axum does not wait for upgraded connections.
//!
//! For a [`Response`] that rejects the request, [`Response::connection`] gives [`HandshakeError::Rejected`]; send it all the
//! same.
//!
//! On a client, send [`Handshake::http_request`] and give the response to [`Handshake::receive_http`].
//!
//! Heads are encoded and parsed on the way, so that the rules of [`server`](super::server) and [`client`] hold here too.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};

use super::client::{self, Handshake};
use super::head::{Headers, Scanner, Writer};
use super::lines::{may_begin_request, may_begin_response};
use super::server::{Incoming, Request, Response};
use crate::config::Config;
use crate::connection::Connection;
use crate::error::HandshakeError;

impl<B> TryFrom<&http::Request<B>> for Incoming {
    type Error = HandshakeError;

    /// Tells opening handshakes from other requests.
    ///
    /// # Errors
    ///
    /// As [`server::Handshake::next_request`](super::server::Handshake::next_request), without the limits on the head: those
    /// are up to the HTTP library. [`MalformedHead`](HandshakeError::MalformedHead) for a version other than HTTP/1.1.
    fn try_from(request: &http::Request<B>) -> Result<Self, HandshakeError> {
        let method = request.method().as_str().as_bytes();
        let target = request.uri().to_string();
        let first = [method, b" ", target.as_bytes(), b" ", version(request.version())?];
        parse(&head(&first, request.headers()), may_begin_request, Self::parse)?
    }
}

impl<B> TryFrom<&http::Request<B>> for Request {
    type Error = HandshakeError;

    /// The opening handshake, if the request is one that keeps section 4.2.1.
    ///
    /// # Errors
    ///
    /// As for [`Incoming`]; [`NotAnUpgrade`](HandshakeError::NotAnUpgrade) for an ordinary request.
    fn try_from(request: &http::Request<B>) -> Result<Self, HandshakeError> {
        match Incoming::try_from(request)? {
            Incoming::Upgrade(request) => Ok(request),
            Incoming::Http(_) => Err(HandshakeError::NotAnUpgrade),
        }
    }
}

impl TryFrom<Response> for http::Response<Vec<u8>> {
    type Error = HandshakeError;

    /// The response with its body in memory.
    ///
    /// # Errors
    ///
    /// As [`Response::check`].
    fn try_from(response: Response) -> Result<Self, HandshakeError> {
        response.check()?;
        let head = Writer::to_vec(|head| response.write_head(head));
        let (headers, line) = parse(&head, may_begin_response, Headers::of_response)?;
        let mut converted = http::Response::new(response.into_body());
        let status = StatusCode::from_u16(line.status);
        *converted.status_mut() = status.map_err(|_| HandshakeError::BadStatus(line.status))?;
        append(converted.headers_mut(), &headers)?;
        Ok(converted)
    }
}

impl Handshake {
    /// The request, for an HTTP client to send: `GET` of a path, on a connection to [`host`](client::Request::host) and
    /// [`port`](client::Request::port). Send it instead of the [`output`](Self::output), which has the same request.
    ///
    /// # Errors
    ///
    /// [`BadHeader`](HandshakeError::BadHeader) or [`BadUrl`](HandshakeError::BadUrl) for what the `http` crate does not
    /// accept.
    pub fn http_request(&mut self) -> Result<http::Request<()>, HandshakeError> {
        let head: Vec<u8> = self.output().chunks().flatten().copied().collect();
        let (headers, target) = parse(&head, may_begin_request, |bytes, max| {
            Headers::of_request(bytes, max, |headers, request| (headers, request.path.map(String::from)))
        })?;
        let mut request = http::Request::new(());
        let target = target.unwrap_or_default().parse();
        *request.uri_mut() =
            target.map_err(|_| HandshakeError::BadUrl("the http crate does not accept it"))?;
        append(request.headers_mut(), &headers)?;
        Ok(request)
    }

    /// The open connection for a response that an HTTP library has read, in place of
    /// [`next_response`](Self::next_response).
    ///
    /// # Errors
    ///
    /// As [`next_response`](Self::next_response). A [`Refused`](HandshakeError::Refused) has no body: `response` still has it.
    pub fn receive_http<B>(
        &mut self,
        response: &http::Response<B>,
    ) -> Result<(Connection, client::Response), HandshakeError> {
        if self.is_finished() {
            return Err(HandshakeError::Finished);
        }
        let status = response.status();
        let first = [version(response.version())?, b" ", status.as_str().as_bytes(), b" "];
        self.receive(&head(&first, response.headers()));
        self.next_response()?.ok_or_else(|| self.end_of_stream())
    }
}

fn version(version: Version) -> Result<&'static [u8], HandshakeError> {
    match version {
        Version::HTTP_11 => Ok(b"HTTP/1.1"),
        Version::HTTP_10 => Ok(b"HTTP/1.0"),
        _ => Err(HandshakeError::MalformedHead),
    }
}

/// The bytes of a head.
fn head(first_line: &[&[u8]], headers: &HeaderMap) -> Vec<u8> {
    Writer::to_vec(|head| {
        head.line(first_line);
        for (name, value) in headers {
            head.header(name.as_str(), value.as_bytes());
        }
        head.line(&[]);
    })
}

/// Parses a whole head.
fn parse<T>(
    head: &[u8],
    may_begin: impl Fn(&[u8]) -> bool,
    parse: impl Fn(&[u8], usize) -> Option<(usize, T)>,
) -> Result<T, HandshakeError> {
    let unlimited = Config { max_head_len: usize::MAX, max_headers: usize::MAX, ..Config::default() };
    let parsed = Scanner::default().head(head, &unlimited, may_begin, parse)?;
    parsed.map(|(_, parsed)| parsed).ok_or(HandshakeError::MalformedHead)
}

fn append(to: &mut HeaderMap, headers: &Headers) -> Result<(), HandshakeError> {
    for (name, value) in headers {
        let bad = || HandshakeError::BadHeader(name.into());
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(value).map_err(|_| bad())?;
        to.try_append(key, value).map_err(|_| bad())?;
    }
    Ok(())
}
