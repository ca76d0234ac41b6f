//! Requests as a server reads them.

use alloc::collections::BTreeSet;
use alloc::string::String;

use super::checks::Checked;
use super::extensions::{self, Extension};
use super::head::{Headers, Place};
use super::opens::HttpVersion;
use super::response::Response;
use super::url::is_target;
use super::{accept_key, list};
use crate::error::HandshakeError;

/// The head of an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    headers: Headers,
    version: HttpVersion,
    target: Target<Place>,
}

/// What is before the headers: parts of the head, or where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<T> {
    pub(super) method: T,
    pub(super) path: T,
    pub(super) query: Option<T>,
    /// The `:authority` of HTTP/2.
    pub(super) authority: Option<T>,
}

impl HttpRequest {
    /// The request that was parsed from `bytes`.
    pub(super) fn new(
        bytes: &[u8],
        headers: Headers,
        request: &httparse::Request<'_, '_>,
    ) -> Result<Self, HandshakeError> {
        let target = request.path.unwrap_or_default().as_bytes();
        let (authority, resource) = match target {
            // "The asterisk-form of request-target is only used for a server-wide OPTIONS request" (RFC 9112 section 3.2.4).
            b"*" if request.method == Some("OPTIONS") => (None, target),
            _ => split_target(target).ok_or(HandshakeError::BadTarget)?,
        };
        if let Some(authority) = authority {
            check_host(&headers, authority)?;
        }
        let mut parts = resource.splitn(2, |&byte| byte == b'?');
        let target = Target {
            path: Place::of(parts.next().unwrap_or_default(), bytes),
            query: parts.next().map(|query| Place::of(query, bytes)),
            method: Place::of(request.method.unwrap_or_default().as_bytes(), bytes),
            authority: None,
        };
        Ok(Self::of_parts(headers, HttpVersion::of_http1(request.version), target))
    }

    /// The request whose `target` is a part of the head of `headers`.
    pub(super) fn of_parts(headers: Headers, version: HttpVersion, target: Target<Place>) -> Self {
        Self { headers, version, target }
    }

    /// The method, such as `GET`. `CONNECT` for a WebSocket connection over HTTP/2.
    pub fn method(&self) -> &str {
        self.headers.text(self.target.method)
    }

    /// The path, as it arrived: nothing is decoded or encoded. It begins with `/` and is visible ASCII without `#` and `?`.
    /// The path of `OPTIONS *`, which asks about the whole server (RFC 9112 section 3.2.4), is `*`.
    pub fn path(&self) -> &str {
        match self.headers.text(self.target.path) {
            "" => "/",
            path => path,
        }
    }

    /// The part of the target behind the first `?`, as it arrived.
    pub fn query(&self) -> Option<&str> {
        self.target.query.map(|query| self.headers.text(query))
    }

    /// Host and port that the client has named, as they arrived: the `:authority` of HTTP/2, or the `Host` header. `None`
    /// for HTTP/1.0 without that header, or for one that is not UTF-8.
    pub fn host(&self) -> Option<&str> {
        match self.target.authority {
            Some(authority) => Some(self.headers.text(authority)),
            None => self.header("Host"),
        }
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The value of the first header of that name, if it is UTF-8. ASCII case of the name does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Names and values of the cookies (RFC 6265 section 4.2), in their order.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.headers.values("Cookie").filter_map(|value| core::str::from_utf8(value).ok());
        let pairs = values.flat_map(|value| value.split(';'));
        pairs.filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.trim(), value.trim()))
    }

    /// The origin of the page that made the request (RFC 6454), such as `https://example.com`. Browsers always send one,
    /// other programs need not. `None` also for a value that is not UTF-8, which no browser sends.
    pub fn origin(&self) -> Option<&str> {
        self.headers.get("Origin")
    }

    /// Whether the [`origin`](Self::origin) is one of `allowed`, such as `https://example.com` or `http://localhost:8080`.
    /// Origins are compared as a whole; ASCII case does not matter. `false` without an origin, and for `null` unless
    /// `allowed` has it.
    ///
    /// Any page on the web can open a connection to any server, and the browser sends the server's cookies with it. Only
    /// the origin tells such a page from your own (section 10.2).
    pub fn origin_is_in(&self, allowed: &[impl AsRef<str>]) -> bool {
        let origin = self.origin();
        origin
            .is_some_and(|origin| allowed.iter().any(|allowed| allowed.as_ref().eq_ignore_ascii_case(origin)))
    }

    /// Whether the [`origin`](Self::origin) is a page of this server: host and port equal the [`host`](Self::host). An
    /// origin has no port if it is its scheme's default; a host with that port equals it. The scheme (`http`, `https`, `ws`
    /// or `wss`) is not compared: a proxy may have ended TLS.
    pub fn is_same_origin(&self) -> bool {
        let origin = self.origin().and_then(|origin| strip_scheme(origin.as_bytes()));
        let (Some((authority, port)), Some(host)) = (origin, self.host()) else { return false };
        let host = host.as_bytes();
        let is_authority = |host: &[u8]| !host.is_empty() && host.eq_ignore_ascii_case(authority);
        is_authority(host) || host.strip_suffix(port).is_some_and(is_authority)
    }

    /// A response that opens no connection, with a status from 200 to 599. The transport ends after it.
    pub fn respond(&self, status: u16) -> Response {
        Response::plain(status).over(self.version).for_method(self.method())
    }

    /// The response of a server that accepts only WebSocket connections: 426 with `Upgrade` and the protocol version. Over
    /// HTTP/2, which has no upgrade, 400 with the protocol version.
    pub fn upgrade_required(&self) -> Response {
        self.respond(426).body("this is a WebSocket server\n").with_version()
    }
}

/// "MUST send a field value for Host that is identical to that authority component" (RFC 9112 section 3.2). Otherwise two
/// readers of the request could take it for two different hosts.
pub(super) fn check_host(headers: &Headers, (authority, port): Authority<'_>) -> Result<(), HandshakeError> {
    let host = headers.sole("Host")?;
    let host = host.strip_suffix(port).unwrap_or(host);
    let authority = authority.strip_suffix(port).unwrap_or(authority);
    if host.eq_ignore_ascii_case(authority) { Ok(()) } else { Err(HandshakeError::Invalid("Host")) }
}

/// An authority, and the scheme's default port.
pub(super) type Authority<'a> = (&'a [u8], &'static [u8]);

/// The authority, if there is one, and the resource name of a request target: an absolute path, or the path of an `http:`
/// URI (section 4.1). Clients behind a proxy send a `ws:` URI as they have it.
fn split_target(target: &[u8]) -> Option<(Option<Authority<'_>>, &[u8])> {
    if !is_target(target) {
        return None;
    }
    if target.starts_with(b"/") {
        return Some((None, target));
    }
    let (rest, port) = strip_scheme(target)?;
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, resource) = rest.split_at(end);
    (!authority.is_empty()).then_some((Some((authority, port)), resource))
}

/// What is behind the scheme and its `://`, and the scheme's default port.
fn strip_scheme(uri: &[u8]) -> Option<Authority<'_>> {
    let end = uri.windows(3).position(|bytes| bytes == b"://")?;
    let (scheme, rest) = uri.split_at_checked(end)?;
    Some((rest.strip_prefix(b"://")?, default_port(scheme)?))
}

/// The default port of a scheme in which a WebSocket connection can be asked for, with its colon.
pub(super) fn default_port(scheme: &[u8]) -> Option<&'static [u8]> {
    const SCHEMES: [(&[u8], &[u8]); 4] =
        [(b"http", b":80"), (b"https", b":443"), (b"ws", b":80"), (b"wss", b":443")];
    SCHEMES.iter().find_map(|(known, port)| scheme.eq_ignore_ascii_case(known).then_some(*port))
}

/// A client's opening handshake that keeps all rules of section 4.2.1, or over HTTP/2 those of RFC 8441. Derefs to
/// [`HttpRequest`] for path, query, headers, cookies and origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    http: HttpRequest,
    checked: Checked,
}

impl core::ops::Deref for Request {
    type Target = HttpRequest;

    fn deref(&self) -> &HttpRequest {
        &self.http
    }
}

impl Request {
    pub(super) fn new(http: HttpRequest, checked: Checked) -> Self {
        Self { http, checked }
    }

    /// The subprotocols that the client offers, in its order of preference. One that is offered twice counts once.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        let mut seen = BTreeSet::new();
        let names = list(&self.http.headers, "Sec-WebSocket-Protocol").filter(move |name| seen.insert(*name));
        names.filter_map(|name| core::str::from_utf8(name).ok())
    }

    /// The extensions that the client offers, in its order of preference.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'_>> {
        self.http.headers.values(extensions::HEADER).filter_map(extensions::parse).flatten()
    }

    /// The response that opens the connection.
    pub fn accept(&self) -> Response {
        let offered = if self.checked.has_subprotocols { self.offered() } else { String::new() };
        let opens = self.checked.opens.map(|key| accept_key(self.http.headers.bytes(key)));
        Response::accepting(opens, offered)
    }

    /// The subprotocols that the client offers, each followed by a comma.
    #[inline(never)]
    fn offered(&self) -> String {
        self.subprotocols().flat_map(|name| [name, ","]).collect()
    }

    /// A response that opens no connection, such as 401, 403, 404 or a redirect: a status from 200 to 599, over HTTP/2 from 300.
    pub fn reject(&self, status: u16) -> Response {
        self.http.respond(status)
    }
}
