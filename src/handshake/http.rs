//! The handshake in the types of the `http` crate: for servers and clients whose heads somebody else reads and writes,
//! such as hyper and axum.
//!
//! On a server, the request comes in as a [`server::Request`](super::server::Request), which exists only if section
//! 4.2.1 holds; the answer goes out as an `http::Response`, and [`Response::connection`] is what speaks over the upgraded
//! stream:
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
//! An application that rejects the request has a [`Response`] that opens no connection: [`Response::connection`] says so with
//! [`HandshakeError::Rejected`], and the response is still what to send.
//!
//! On a client, [`Handshake::http_request`] is what to send and [`Handshake::receive_http`] takes the answer.
//!
//! Both directions go through the bytes of a head, so that the rules are those of [`server`](super::server) and
//! [`client`] and stand in one place.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use http::{HeaderMap, Version};

use super::client::{self, Handshake};
use super::head::{Headers, Scanner, Writer};
use super::server::{Incoming, Request, Response};
use crate::buffer::Buffer;
use crate::config::Config;
use crate::connection::Connection;
use crate::error::HandshakeError;

impl<B> TryFrom<&http::Request<B>> for Incoming {
    type Error = HandshakeError;

    /// Tells opening handshakes from other requests.
    ///
    /// # Errors
    ///
    /// What [`server::Handshake::receive`](super::server::Handshake::receive) refuses, but for the limits of the head, which were somebody else's to keep.
    /// A version other than HTTP/1.1 is [`MalformedHead`](HandshakeError::MalformedHead).
    fn try_from(request: &http::Request<B>) -> Result<Self, HandshakeError> {
        let method = request.method().as_str().as_bytes();
        let target = request.uri().to_string();
        let first = [method, b" ", target.as_bytes(), b" ", version(request.version())?];
        parse(&head(&first, request.headers()), Self::parse)?
    }
}

impl<B> TryFrom<&http::Request<B>> for Request {
    type Error = HandshakeError;

    /// The opening handshake, if it is one that section 4.2.1 lets through.
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

    /// The answer with its body, in memory.
    ///
    /// # Errors
    ///
    /// As [`server::Handshake::respond`](super::server::Handshake::respond).
    fn try_from(response: Response) -> Result<Self, HandshakeError> {
        response.check()?;
        let head = Writer::to_vec(|head| response.write_head(head));
        let (headers, line) = parse(&head, Headers::of_response)?;
        let mut builder = http::Response::builder().status(line.status);
        for (name, value) in headers.iter() {
            builder = builder.header(name, value);
        }
        builder.body(response.into_body()).map_err(|_| HandshakeError::BadHeader)
    }
}

impl Handshake {
    /// The request, for an HTTP client to send: `GET` of a path, on a connection to [`host`](client::Request::host) and
    /// [`port`](client::Request::port). What is in the [`output`](Self::output) is the same, and not to be sent then.
    ///
    /// # Errors
    ///
    /// [`BadHeader`](HandshakeError::BadHeader) for a header that the `http` crate does not take.
    pub fn http_request(&mut self) -> Result<http::Request<()>, HandshakeError> {
        let head: Vec<u8> = self.output().chunks().flatten().copied().collect();
        let (headers, target) = parse(&head, |bytes, max| {
            Headers::of_request(bytes, max, |headers, request| (headers, request.path.map(String::from)))
        })?;
        let mut builder = http::Request::get(target.unwrap_or_default());
        for (name, value) in headers.iter() {
            builder = builder.header(name, value);
        }
        builder.body(()).map_err(|_| HandshakeError::BadHeader)
    }

    /// [`receive`](Self::receive) for a response that somebody else has read.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive); the body of a [`Refused`](HandshakeError::Refused) is not in it, and still with the
    /// response.
    pub fn receive_http<B>(
        &mut self,
        response: &http::Response<B>,
    ) -> Result<(Connection, client::Response), HandshakeError> {
        let status = response.status();
        let first = [version(response.version())?, b" ", status.as_str().as_bytes(), b" "];
        let mut input = Buffer::new();
        input.extend_from_slice(&head(&first, response.headers()));
        self.receive(&mut input)?.ok_or_else(|| self.receive_eof())
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

/// What is in a head.
fn parse<T>(head: &[u8], parse: impl Fn(&[u8], usize) -> Option<(usize, T)>) -> Result<T, HandshakeError> {
    let unlimited = Config { max_head_len: usize::MAX, max_headers: usize::MAX, ..Config::default() };
    let mut input = Buffer::new();
    input.extend_from_slice(head);
    Scanner::default().take(&mut input, &unlimited, parse)?.ok_or(HandshakeError::MalformedHead)
}
