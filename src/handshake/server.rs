//! The server's side of the opening handshake (RFC 6455 section 4.2).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::extensions::{self, Extension};
use super::head::{Headers, RequestLine, Scanner, Writer};
use super::{ACCEPT_LEN, accept_key, is_free_header, is_nonce, is_token, list, lists_token};
use crate::buffer::Buffer;
use crate::config::Config;
use crate::connection::{Connection, Output};
use crate::error::HandshakeError;

/// A connection that is still to be opened.
///
/// [`receive`](Self::receive) the request, [`respond`](Self::respond) to it. An answer that opens the connection goes
/// out with the [`Connection`]'s output; one that does not is in the [`output`](Self::output) here, after which the
/// transport ends: "the server MUST stop processing the client's handshake" (section 4.2.1), and nothing else is
/// read from that socket.
#[derive(Debug)]
pub struct Handshake {
    config: Arc<Config>,
    scanner: Scanner,
    output: Output,
    failed: Option<HandshakeError>,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A WebSocket connection.
    Upgrade(Request),
    /// A page, an API, a health check: nothing in the request speaks of WebSocket.
    Http(HttpRequest),
}

impl Handshake {
    /// A handshake that waits for the request.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        Self { config, scanner: Scanner::default(), output: Output::default(), failed: None }
    }

    /// Takes the request from `input`, or `None` when more bytes are needed. What the client sent behind it stays.
    ///
    /// # Errors
    ///
    /// Something that section 4.2.1 forbids; the answer (400, 405, 426 or 431) is in the [output](Self::output), and
    /// every further call gives the same error.
    pub fn receive(&mut self, input: &mut Buffer) -> Result<Option<Incoming>, HandshakeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.incoming(input).inspect_err(|error| {
            self.failed = Some(error.clone());
            self.write(&error_response(error));
        })
    }

    /// Answers the request. `Some` is the open connection, its output beginning with the answer; `None` means that the
    /// answer is in the [output](Self::output) and the transport ends with it.
    ///
    /// # Errors
    ///
    /// [`BadHeader`](HandshakeError::BadHeader), [`BadSubprotocol`](HandshakeError::BadSubprotocol),
    /// [`BadStatus`](HandshakeError::BadStatus): what the response was built from cannot be sent, and no byte of it was
    /// written. Another response may be tried.
    pub fn respond(&mut self, response: Response) -> Result<Option<Connection>, HandshakeError> {
        if let Some(error) = response.fault {
            return Err(error);
        }
        if response.accept.is_none() {
            self.write(&response);
            return Ok(None);
        }
        let head = response.to_bytes();
        let connection = Connection::server(Arc::clone(&self.config));
        Ok(Some(connection.with_subprotocol(response.subprotocol.as_deref()).with_head(&head)))
    }

    /// What waits to be written where there is no connection.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    fn write(&mut self, response: &Response) {
        let bytes = response.to_bytes();
        self.output.append(bytes.len()).copy_from_slice(&bytes);
    }

    fn incoming(&mut self, input: &mut Buffer) -> Result<Option<Incoming>, HandshakeError> {
        let Some(head) = self.scanner.take(input, &self.config)? else { return Ok(None) };
        let (headers, line) = Headers::of_request(head, &self.scanner)?;
        let http = HttpRequest::new(headers, line)?;
        if http.speaks_websocket() {
            Request::new(http).map(Incoming::Upgrade).map(Some)
        } else {
            Ok(Some(Incoming::Http(http)))
        }
    }
}

/// The answer to a request that is not one (section 4.2.1), or not of our version (section 4.4).
fn error_response(error: &HandshakeError) -> Response {
    let response = |status| Response::plain(status).body(alloc::format!("{error}\n"));
    match error {
        HandshakeError::HeadTooLong | HandshakeError::TooManyHeaders => response(431),
        HandshakeError::MethodNotGet => response(405).header("Allow", "GET"),
        HandshakeError::UnsupportedVersion => response(426).with_version(),
        _ => response(400),
    }
}

/// An HTTP request: its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    headers: Headers,
    method: core::ops::Range<usize>,
    path: core::ops::Range<usize>,
    query: Option<core::ops::Range<usize>>,
    is_http_1_1: bool,
}

impl HttpRequest {
    fn new(headers: Headers, line: RequestLine) -> Result<Self, HandshakeError> {
        let target = resource(headers.text(&line.target)).ok_or(HandshakeError::BadTarget)?;
        let start = line.target.end - target.len();
        let path_len = target.find('?').unwrap_or(target.len());
        let path = start..start + path_len;
        let query = (path_len < target.len()).then_some(path.end + 1..line.target.end);
        Ok(Self { headers, method: line.method, path, query, is_http_1_1: line.minor_version == 1 })
    }

    /// Whether any header says that this is meant to be an opening handshake, be it a broken one.
    fn speaks_websocket(&self) -> bool {
        let prefixed =
            |name: &str| name.get(..14).is_some_and(|name| name.eq_ignore_ascii_case("sec-websocket-"));
        lists_token(&self.headers, "Upgrade", "websocket")
            || self.headers.iter().any(|(name, _)| prefixed(name))
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &str {
        self.headers.text(&self.method)
    }

    /// The path, as it was sent: percent-encoded, beginning with `/`.
    pub fn path(&self) -> &str {
        match self.headers.text(&self.path) {
            "" => "/",
            path => path,
        }
    }

    /// What follows the `?`, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.query.as_ref().map(|query| self.headers.text(query))
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
        Response::plain(status)
    }

    /// The answer of a server that takes nothing but WebSocket connections: 426, with the version.
    pub fn upgrade_required(&self) -> Response {
        self.respond(426).body("this is a WebSocket server\n").with_version()
    }
}

/// The part of a request target that is the resource name: an absolute path, or that of an `http:` URI (section 4.1).
fn resource(target: &str) -> Option<&str> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let start = target.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| target.get(scheme.len()..)).flatten()
    });
    let (authority, resource) = match rest {
        Some(rest) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
        None => ("", target),
    };
    let absolute = match rest {
        Some(_) => !authority.is_empty(),
        None => resource.starts_with('/'),
    };
    (absolute && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')).then_some(resource)
}

/// A client's opening handshake. It exists only if all of section 4.2.1 holds. Derefs to [`HttpRequest`] for path, query,
/// headers, cookies and origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    http: HttpRequest,
    accept: [u8; ACCEPT_LEN],
}

impl core::ops::Deref for Request {
    type Target = HttpRequest;

    fn deref(&self) -> &HttpRequest {
        &self.http
    }
}

impl Request {
    /// The rules of section 4.2.1, in its order, the version first among the `Sec-WebSocket` ones: what another version
    /// asks of the others is not known.
    fn new(http: HttpRequest) -> Result<Self, HandshakeError> {
        let headers = &http.headers;
        if http.method() != "GET" {
            return Err(HandshakeError::MethodNotGet);
        }
        if !http.is_http_1_1 {
            return Err(HandshakeError::MalformedHead);
        }
        if headers.has("Transfer-Encoding") || headers.all("Content-Length").any(|len| len != b"0") {
            return Err(HandshakeError::UnexpectedBody);
        }
        if headers.sole("Host")?.is_empty() {
            return Err(HandshakeError::Invalid("Host"));
        }
        for (name, token) in [("Upgrade", "websocket"), ("Connection", "upgrade")] {
            if !headers.has(name) {
                return Err(HandshakeError::Missing(name));
            }
            if !lists_token(headers, name, token) {
                return Err(HandshakeError::Invalid(name));
            }
        }
        match headers.sole("Sec-WebSocket-Version") {
            Ok(b"13") => {}
            Ok(_) | Err(HandshakeError::Missing(_)) => return Err(HandshakeError::UnsupportedVersion),
            Err(error) => return Err(error),
        }
        let key = headers.sole("Sec-WebSocket-Key")?;
        if !is_nonce(key) {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Key"));
        }
        if headers.all("Origin").count() > 1 {
            return Err(HandshakeError::Duplicate("Origin"));
        }
        check_subprotocols(headers)?;
        if headers.all("Sec-WebSocket-Extensions").any(|value| extensions::parse(value).is_none()) {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Extensions"));
        }
        Ok(Self { accept: accept_key(key), http })
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
        let offered = self.subprotocols().map(String::from).collect();
        Response { accept: Some(self.accept), offered, fault: None, ..Response::plain(101) }
    }

    /// An answer that does not: 401, 403, 404, a redirect. Any status from 200 to 599.
    pub fn reject(&self, status: u16) -> Response {
        self.http.respond(status)
    }
}

/// "1#token", and "each all unique strings" (section 4.1).
fn check_subprotocols(headers: &Headers) -> Result<(), HandshakeError> {
    const NAME: &str = "Sec-WebSocket-Protocol";
    if !headers.has(NAME) {
        return Ok(());
    }
    let mut names: Vec<&[u8]> = list(headers, NAME).collect();
    let valid = !names.is_empty() && names.iter().all(|name| is_token(name));
    names.sort_unstable();
    let unique = names.windows(2).all(|pair| pair.first() != pair.last());
    if valid && unique { Ok(()) } else { Err(HandshakeError::Invalid(NAME)) }
}

/// The answer to a request: made by [`Request::accept`], [`Request::reject`] or [`HttpRequest::respond`], taken by
/// [`Handshake::respond`]. What cannot be sent is reported there.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    /// What opens the connection, if this does.
    accept: Option<[u8; ACCEPT_LEN]>,
    offered: Vec<String>,
    subprotocol: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    fault: Option<HandshakeError>,
}

impl Response {
    fn plain(status: u16) -> Self {
        Self {
            status,
            accept: None,
            offered: Vec::new(),
            subprotocol: None,
            headers: Vec::new(),
            body: Vec::new(),
            fault: (!(200..600).contains(&status)).then_some(HandshakeError::BadStatus),
        }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Chooses one of the subprotocols that the client offered; another one is an error when the response is sent.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if self.accept.is_none() || !self.offered.contains(&name) {
            self.fault.get_or_insert(HandshakeError::BadSubprotocol);
        }
        self.subprotocol = Some(name);
        self
    }

    /// Adds a header. Those that the handshake itself sets are an error when the response is sent, as is a name that is
    /// not a token and a value with a control character in it.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        if !is_free_header(&name, &value) {
            self.fault.get_or_insert(HandshakeError::BadHeader);
        }
        self.headers.push((name, value));
        self
    }

    /// The body of an answer that does not open the connection. Text, unless a `Content-Type` header says otherwise.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        if self.accept.is_some() {
            self.fault.get_or_insert(HandshakeError::UnexpectedBody);
        }
        self.body = body.into();
        self
    }

    /// "The server MUST … send back … a |Sec-WebSocket-Version| header" (section 4.2.2).
    fn with_version(mut self) -> Self {
        self.headers.push(("Sec-WebSocket-Version".into(), "13".into()));
        self.headers.push(("Upgrade".into(), "websocket".into()));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let status = alloc::format!("{}", self.status);
        let mut head =
            Writer::new(&[b"HTTP/1.1 ", status.as_bytes(), b" ", reason_phrase(self.status).as_bytes()]);
        if let Some(accept) = &self.accept {
            head.header("Upgrade", b"websocket");
            head.header("Connection", b"Upgrade");
            head.header("Sec-WebSocket-Accept", accept);
        } else {
            let length = alloc::format!("{}", self.body.len());
            head.header("Connection", b"close");
            head.header("Content-Length", length.as_bytes());
            if !self.body.is_empty() && !self.has("Content-Type") {
                head.header("Content-Type", b"text/plain; charset=utf-8");
            }
        }
        if let Some(subprotocol) = &self.subprotocol {
            head.header("Sec-WebSocket-Protocol", subprotocol.as_bytes());
        }
        for (name, value) in &self.headers {
            head.header(name, value.as_bytes());
        }
        head.finish(&self.body)
    }
}

fn reason_phrase(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        // "A client SHOULD ignore the reason-phrase" (RFC 9112 section 4).
        _ => "Other",
    }
}
