//! What a client asks for, and whether section 4.2.1 lets it.

use alloc::string::String;

use super::extensions::{self, Extension};
use super::head::{Headers, Place};
use super::opening::Opening;
use super::response::Response;
use super::{accept_key, list};
use crate::error::HandshakeError;

/// An HTTP request: its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    headers: Headers,
    method: Place,
    path: Place,
    query: Option<Place>,
}

impl HttpRequest {
    /// What was parsed of `bytes`.
    pub(super) fn new(
        bytes: &[u8],
        headers: Headers,
        request: &httparse::Request<'_, '_>,
    ) -> Result<Self, HandshakeError> {
        let target = request.path.unwrap_or_default().as_bytes();
        let (authority, resource) = split_target(target).ok_or(HandshakeError::BadTarget)?;
        if let Some((authority, port)) = authority {
            // "MUST send a field value for Host that is identical to that authority component" (RFC 9112 section 3.2):
            // whoever reads one and whoever reads the other are to agree.
            let host = headers.sole("Host")?;
            let host = host.strip_suffix(port).unwrap_or(host);
            let authority = authority.strip_suffix(port).unwrap_or(authority);
            if !host.eq_ignore_ascii_case(authority) {
                return Err(HandshakeError::Invalid("Host"));
            }
        }
        let mut parts = resource.splitn(2, |&byte| byte == b'?');
        let path = Place::of(parts.next().unwrap_or_default(), bytes);
        let query = parts.next().map(|query| Place::of(query, bytes));
        let method = Place::of(request.method.unwrap_or_default().as_bytes(), bytes);
        Ok(Self { headers, method, path, query })
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        self.headers.text(self.method)
    }

    /// The path, as it was sent: percent-encoded, beginning with `/`.
    pub fn path(&self) -> &str {
        match self.headers.text(self.path) {
            "" => "/",
            path => path,
        }
    }

    /// What follows the `?`, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.query.map(|query| self.headers.text(query))
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The value of the first header of that name, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The cookies with their values (RFC 6265 section 4.2), in the order in which they were sent. A session's cookie is
    /// one of them.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.headers.all("Cookie").filter_map(|value| core::str::from_utf8(value).ok());
        let pairs = values.flat_map(|value| value.split(';'));
        pairs.filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.trim(), value.trim()))
    }

    /// Where the request comes from (RFC 6454), where a browser sent it. "A request without Origin should not be taken
    /// as coming from a browser" (section 4.2.1).
    pub fn origin(&self) -> Option<&str> {
        self.headers.get("Origin")
    }

    /// Whether the [`origin`](Self::origin) is one of `allowed`, each of the form `https://example.com` or
    /// `http://localhost:8080`: compared as a whole, but for ASCII case. `false` without an origin, and for `null`
    /// unless that is in the list.
    ///
    /// Any page on the web can open a connection to any server, and brings the server's cookies along (section 10.2):
    /// this is what tells them apart.
    pub fn is_from(&self, allowed: &[impl AsRef<str>]) -> bool {
        let origin = self.origin();
        origin
            .is_some_and(|origin| allowed.iter().any(|allowed| allowed.as_ref().eq_ignore_ascii_case(origin)))
    }

    /// Whether the [`origin`](Self::origin) is a page of this very server, going by the `Host` header.
    pub fn is_from_host(&self) -> bool {
        let authority = self
            .origin()
            .and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
        matches!((authority, self.header("Host")), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
    }

    /// An HTTP answer, after which the transport ends: any status from 200 to 599.
    pub fn respond(&self, status: u16) -> Response {
        Response::plain(status).for_method(self.method())
    }

    /// The answer of a server that takes nothing but WebSocket connections: 426, with the version.
    pub fn upgrade_required(&self) -> Response {
        self.respond(426).body("this is a WebSocket server\n").with_version()
    }
}

/// An authority, and the port that goes without saying.
type Authority<'a> = (&'a [u8], &'static [u8]);

/// The authority, if there is one, and the resource name of a request target: an absolute path, or the path of an `http:`
/// URI (section 4.1).
fn split_target(target: &[u8]) -> Option<(Option<Authority<'_>>, &[u8])> {
    let after = |scheme: &[u8]| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    // To the end, whatever comes: that way, several bytes are looked at together.
    if !target.iter().fold(true, |all, byte| all & byte.is_ascii_graphic() & (*byte != b'#')) {
        return None;
    }
    if target.starts_with(b"/") {
        return Some((None, target));
    }
    let http = after(b"http://").map(|rest| (rest, &b":80"[..]));
    let (rest, port) = http.or_else(|| after(b"https://").map(|rest| (rest, &b":443"[..])))?;
    let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
    let (authority, resource) = rest.split_at(end);
    (!authority.is_empty()).then_some((Some((authority, port)), resource))
}

/// A client's opening handshake. It exists only if all of section 4.2.1 holds. Derefs to [`HttpRequest`] for path, query,
/// headers, cookies and origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    http: HttpRequest,
    opening: Opening,
}

impl core::ops::Deref for Request {
    type Target = HttpRequest;

    fn deref(&self) -> &HttpRequest {
        &self.http
    }
}

impl Request {
    pub(super) fn new(http: HttpRequest, opening: Opening) -> Self {
        Self { http, opening }
    }

    /// The subprotocols that the client offers, the one it likes best first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        list(&self.http.headers, "Sec-WebSocket-Protocol").filter_map(|name| core::str::from_utf8(name).ok())
    }

    /// The extensions that the client offers, the one it likes best first.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'_>> {
        self.http.headers.all("Sec-WebSocket-Extensions").filter_map(extensions::parse).flatten()
    }

    /// The answer that opens the connection.
    pub fn accept(&self) -> Response {
        let mut offered = String::new();
        if self.opening.has_subprotocols {
            for name in self.subprotocols() {
                offered.push_str(name);
                offered.push(',');
            }
        }
        Response::accepting(accept_key(self.http.headers.bytes(self.opening.key)), offered)
    }

    /// An answer that does not: 401, 403, 404, a redirect. Any status from 200 to 599.
    pub fn reject(&self, status: u16) -> Response {
        self.http.respond(status)
    }
}
