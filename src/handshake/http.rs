//! The opening handshake in the types of the `http` crate: for servers and clients that leave HTTP to another library. With
//! hyper or axum, use the features of these names instead.
//!
//! On a server, read the request with [`Request::from_http`], which checks the rules of RFC 6455 section 4.2.1, or of RFC
//! 8441 for HTTP/2. Convert the [`Response`] to an `http::Response` and send it. [`Response::connection`] is the connection
//! for the upgraded stream:
//!
//! ```
//! use sansocket::handshake::server::{Request, Response};
//! use sansocket::{Config, Connection, HandshakeError};
//!
//! fn respond(request: &http::Request<()>) -> (http::Response<Vec<u8>>, Option<Connection>) {
//!     match open(request) {
//!         Ok((response, connection)) => (response, Some(connection)),
//!         Err(error) => (Response::for_http_error(&error, request).try_into().unwrap(), None),
//!     }
//! }
//!
//! fn open(request: &http::Request<()>) -> Result<(http::Response<Vec<u8>>, Connection), HandshakeError> {
//!     let response = Request::from_http(request, None)?.accept();
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
//! let (response, connection) = respond(&request.body(()).unwrap());
//! assert_eq!(response.status(), 101);
//! assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
//! assert!(connection.is_some());
//! ```
//!
//! For a [`Response`] that rejects the request, [`Response::connection`] gives [`HandshakeError::Rejected`]. Send this
//! response, too.
//!
//! On a client, [`client::Request::to_http_upgrade`] gives the request for HTTP/1.1 and
//! [`to_http_connect`](client::Request::to_http_connect) that for HTTP/2. Send it, and give the response to [`Pending`].
//!
//! HTTP/3 (RFC 9220) opens connections as HTTP/2 does, and is accepted in the same way.

use alloc::sync::Arc;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use super::checks::Checked;
use super::client::{self, Expected};
use super::head::{Headers, Place};
use super::opens::{HttpVersion, Opens};
use super::refused::Refused;
use super::request::{Target, check_host, default_port};
use super::server::{HttpRequest, Incoming, Request, Response};
use super::{accept_key, url};
use crate::config::Config;
use crate::connection::{Connection, Keys};
use crate::error::HandshakeError;
use crate::frame::mask::os_random;

/// The head of a request, whole or in its parts.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    pub(crate) fn of<B>(request: &'a http::Request<B>) -> Self {
        let (method, uri, version) = (request.method(), request.uri(), request.version());
        Self { method, uri, version, headers: request.headers() }
    }
}

impl Incoming {
    /// Tells opening handshakes from other requests. `protocol` is the `:protocol` of a `CONNECT` over HTTP/2, which HTTP
    /// libraries keep beside the request: `request.extensions().get::<hyper::ext::Protocol>()`. Any value but `websocket` is
    /// an ordinary request.
    ///
    /// # Errors
    ///
    /// As [`server::Handshake::next_request`](super::server::Handshake::next_request), without the limits on the head: those
    /// are up to the HTTP library. [`MalformedHead`](HandshakeError::MalformedHead) for an unknown version of HTTP.
    pub fn from_http<B>(request: &http::Request<B>, protocol: Option<&str>) -> Result<Self, HandshakeError> {
        Self::from_head(&Head::of(request), protocol)
    }

    fn from_head(request: &Head<'_>, protocol: Option<&str>) -> Result<Self, HandshakeError> {
        let version = version(request.version)?;
        let uri = request.uri;
        let target = Target {
            method: request.method.as_str().as_bytes(),
            path: uri.path().as_bytes(),
            query: uri.query().map(str::as_bytes),
            authority: uri.authority().map(|authority| authority.as_str().as_bytes()),
        };
        let (headers, target) = collect(&target, request.headers)?;
        check_target(&headers, request, version)?;
        let opens_stream = version == HttpVersion::Http2
            && request.method == Method::CONNECT
            && protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
        if opens_stream && uri.authority().is_none() {
            headers.sole("Host")?;
        }
        let checked = match opens_stream {
            true => Checked::of_extended_connect(headers.fields()).map(Some),
            false => Checked::of(headers.fields(), headers.head(), request.method.as_str(), version),
        }?;
        // Over HTTP/1.1 the `Host` header has been compared with it, and is what counts.
        let authority = target.authority.filter(|_| version == HttpVersion::Http2);
        let request = HttpRequest::of_parts(headers, version, Target { authority, ..target });
        Ok(match checked {
            Some(checked) => Self::Upgrade(Request::new(request, checked)),
            None => Self::Http(request),
        })
    }
}

impl Request {
    /// The opening handshake, if the request is one. See [`Incoming::from_http`].
    ///
    /// # Errors
    ///
    /// As [`Incoming::from_http`]; [`NotAnUpgrade`](HandshakeError::NotAnUpgrade) for an ordinary request.
    pub fn from_http<B>(request: &http::Request<B>, protocol: Option<&str>) -> Result<Self, HandshakeError> {
        Self::from_head(&Head::of(request), protocol)
    }

    pub(crate) fn from_head(request: &Head<'_>, protocol: Option<&str>) -> Result<Self, HandshakeError> {
        match Incoming::from_head(request, protocol)? {
            Incoming::Upgrade(request) => Ok(request),
            Incoming::Http(_) => Err(HandshakeError::NotAnUpgrade),
        }
    }
}

impl Response {
    /// [`for_error`](Self::for_error) in the version of HTTP of the request: without `Upgrade` over HTTP/2, and without a body
    /// for `HEAD`. A `CONNECT` that asks for another protocol is answered with 501 (RFC 9220 section 3).
    pub fn for_http_error<B>(error: &HandshakeError, request: &http::Request<B>) -> Self {
        Self::for_head_error(error, &Head::of(request))
    }

    pub(crate) fn for_head_error(error: &HandshakeError, request: &Head<'_>) -> Self {
        let version = version(request.version).unwrap_or(HttpVersion::Http11);
        let method = request.method;
        let response = match error {
            HandshakeError::NotAnUpgrade if method == Method::CONNECT => {
                Self::plain(501).over(version).body("this server connects to WebSocket endpoints only\n")
            }
            error => Self::for_error_over(version, error),
        };
        response.for_method(method.as_str())
    }
}

impl TryFrom<Response> for http::Response<Vec<u8>> {
    type Error = HandshakeError;

    /// The response with its body in memory. The HTTP library decides on keeping its connection open.
    ///
    /// # Errors
    ///
    /// As [`Response::check`].
    fn try_from(response: Response) -> Result<Self, HandshakeError> {
        response.check()?;
        let mut headers = HeaderLines::default();
        response.http_headers(|name, value| headers.add(name, value));
        let status = response.status();
        let mut converted = http::Response::new(response.into_body());
        *converted.status_mut() =
            StatusCode::from_u16(status).map_err(|_| HandshakeError::BadStatus(status))?;
        *converted.headers_mut() = headers.finish()?;
        Ok(converted)
    }
}

/// A client's opening handshake whose request an HTTP library sends.
#[derive(Debug)]
pub struct Pending(Expected);

impl client::Request {
    /// The request of HTTP/1.1, for an HTTP library to send on a connection to [`host`](Self::host) and
    /// [`port`](Self::port): `GET` of a path, with `Host` and `Upgrade`.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check). [`BadHeader`](HandshakeError::BadHeader) or [`BadUrl`](HandshakeError::BadUrl) for what
    /// the `http` crate does not accept.
    pub fn to_http_upgrade(
        &self,
        config: impl Into<Arc<Config>>,
    ) -> Result<(http::Request<()>, Pending), HandshakeError> {
        let key = BASE64_STANDARD.encode(os_random::<16>());
        let mut headers = HeaderLines::default();
        self.upgrade_headers(&key, |name, value| headers.add(name, value));
        let opens = Opens::Upgrade(accept_key(key.as_bytes()));
        let (mut request, pending) = self.to_http(opens, headers, config.into())?;
        *request.uri_mut() = Uri::from(self.path_and_query()?);
        Ok((request, pending))
    }

    /// The request of HTTP/2 (RFC 8441 section 5), for an HTTP library to send on a connection to [`host`](Self::host) and
    /// [`port`](Self::port): `CONNECT` of an `https:` or `http:` URI. Give the library `websocket` as the `:protocol`, and
    /// send the request only if the server has sent `SETTINGS_ENABLE_CONNECT_PROTOCOL` with the value 1 (section 3).
    ///
    /// # Errors
    ///
    /// As [`to_http_upgrade`](Self::to_http_upgrade).
    pub fn to_http_connect(
        &self,
        config: impl Into<Arc<Config>>,
    ) -> Result<(http::Request<()>, Pending), HandshakeError> {
        let (mut request, pending) =
            self.to_http(Opens::ExtendedConnect, HeaderLines::default(), config.into())?;
        let mut parts = http::uri::Parts::default();
        // "The scheme of the Target URI … MUST be 'https' for 'wss' schemed WebSockets and 'http' for 'ws'" (section 5).
        parts.scheme = Some(if self.is_secure() { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(self.authority().parse::<Authority>().map_err(|_| BAD_URL)?);
        parts.path_and_query = Some(self.path_and_query()?);
        *request.uri_mut() = Uri::from_parts(parts).map_err(|_| BAD_URL)?;
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = Version::HTTP_2;
        Ok((request, pending))
    }

    fn to_http(
        &self,
        opens: Opens<[u8; super::ACCEPT_LEN]>,
        mut headers: HeaderLines,
        config: Arc<Config>,
    ) -> Result<(http::Request<()>, Pending), HandshakeError> {
        self.check()?;
        self.headers(&config, |name, value| headers.add(name, value));
        let mut request = http::Request::new(());
        *request.headers_mut() = headers.finish()?;
        Ok((request, Pending(Expected::new(self, config, opens, Keys::Thread))))
    }

    fn path_and_query(&self) -> Result<PathAndQuery, HandshakeError> {
        self.resource().parse().map_err(|_| BAD_URL)
    }
}

const BAD_URL: HandshakeError = HandshakeError::BadUrl("the http crate does not accept it");

impl Pending {
    /// The error for a response that opens no connection, of any status.
    #[cfg(feature = "hyper")]
    pub(crate) fn refused<B>(response: &http::Response<B>) -> HandshakeError {
        collect_of(response).map_or_else(|error| error, |headers| refused(response.status(), &headers))
    }

    /// The open connection for the response that the HTTP library has read.
    ///
    /// # Errors
    ///
    /// As [`client::Handshake::next_response`]. Over HTTP/2 any status but 2xx is
    /// [`Refused`](HandshakeError::Refused). A refusal has no body here: `response` still has it.
    pub fn receive<B>(
        mut self,
        response: &http::Response<B>,
    ) -> Result<(Connection, client::Response), HandshakeError> {
        let headers = collect_of(response)?;
        let status = response.status();
        let (opens, expected) = match self.0.opens_stream() {
            true => (status.is_success(), HttpVersion::Http2),
            false => (status == StatusCode::SWITCHING_PROTOCOLS, HttpVersion::Http11),
        };
        if !opens {
            return Err(refused(status, &headers));
        }
        if version(response.version())? != expected {
            return Err(HandshakeError::MalformedHead);
        }
        let chosen = self.0.check(&headers)?;
        Ok((self.0.open(&chosen, None), client::Response { headers }))
    }
}

fn refused(status: StatusCode, headers: &Headers) -> HandshakeError {
    HandshakeError::Refused(Refused::new(status.as_u16(), headers).into_refusal())
}

fn version(version: Version) -> Result<HttpVersion, HandshakeError> {
    match version {
        Version::HTTP_10 => Ok(HttpVersion::Http10),
        Version::HTTP_11 => Ok(HttpVersion::Http11),
        Version::HTTP_2 | Version::HTTP_3 => Ok(HttpVersion::Http2),
        _ => Err(HandshakeError::MalformedHead),
    }
}

/// The headers of a response as ours.
fn collect_of<B>(response: &http::Response<B>) -> Result<Headers, HandshakeError> {
    let nothing = Target { method: &b""[..], path: b"", query: None, authority: None };
    collect(&nothing, response.headers()).map(|(headers, _)| headers)
}

/// The headers as ours, and where the parts of the target are.
fn collect(target: &Target<&[u8]>, headers: &HeaderMap) -> Result<(Headers, Target<Place>), HandshakeError> {
    let parts =
        [target.method, target.path, target.query.unwrap_or_default(), target.authority.unwrap_or_default()];
    let headers = headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let (headers, [method, path, query, authority]) =
        Headers::collect(parts, headers).ok_or(HandshakeError::HeadTooLong)?;
    let (query, authority) = (target.query.map(|_| query), target.authority.map(|_| authority));
    Ok((headers, Target { method, path, query, authority }))
}

/// Checks the target of a request, and the `Host` header against it.
fn check_target(headers: &Headers, request: &Head<'_>, version: HttpVersion) -> Result<(), HandshakeError> {
    let uri = request.uri;
    let path = uri.path();
    if path == "*" && request.method == Method::OPTIONS {
        return Ok(());
    }
    let is_target = |part: &str| url::is_target(part.as_bytes());
    if !path.starts_with('/') || !is_target(path) || !uri.query().is_none_or(is_target) {
        return Err(HandshakeError::BadTarget);
    }
    let Some(authority) = uri.authority() else { return Ok(()) };
    let scheme = uri.scheme_str().unwrap_or_default();
    let port = default_port(scheme.as_bytes()).ok_or(HandshakeError::BadTarget)?;
    // "':authority' MUST NOT include the deprecated userinfo subcomponent" (RFC 9113 section 8.3.1). Over HTTP/1.1 it makes
    // the authority differ from the `Host`.
    if version == HttpVersion::Http2 && authority.as_str().contains('@') {
        return Err(HandshakeError::BadTarget);
    }
    // "A server SHOULD treat a request as malformed if it contains a Host header field that identifies an entity that
    // differs from the entity in the ':authority' pseudo-header field" (RFC 9113 section 8.3.1), which may be there alone.
    if version == HttpVersion::Http2 && !headers.has("Host") {
        return Ok(());
    }
    check_host(headers, (authority.as_str().as_bytes(), port))
}

/// Headers for the `http` crate, and an error for the first one that the crate does not accept.
#[derive(Default)]
struct HeaderLines {
    headers: HeaderMap,
    refused: Option<HandshakeError>,
}

impl HeaderLines {
    fn add(&mut self, name: &str, value: &[u8]) {
        let key = HeaderName::from_bytes(name.as_bytes()).ok();
        let line = key.zip(HeaderValue::from_bytes(value).ok());
        let added = line.is_some_and(|(key, value)| self.headers.try_append(key, value).is_ok());
        if !added {
            self.refused.get_or_insert_with(|| HandshakeError::BadHeader(name.into()));
        }
    }

    fn finish(self) -> Result<HeaderMap, HandshakeError> {
        self.refused.map_or(Ok(self.headers), Err)
    }
}
