//! The answers of a server.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::head::Writer;
use super::{ACCEPT_LEN, is_free_header};
use crate::config::Config;
use crate::connection::{Connection, Keys, Output};
use crate::error::HandshakeError;
#[cfg(doc)]
use crate::handshake::server::{Handshake, HttpRequest, Request};
use crate::role::Role;

/// The answer to a request: made by [`Request::accept`], [`Request::reject`] or [`HttpRequest::respond`], taken by
/// [`Handshake::respond`]. What cannot be sent is reported there.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    /// What opens the connection, if this does.
    accept: Option<[u8; ACCEPT_LEN]>,
    /// The subprotocols to choose from, a comma behind each.
    offered: String,
    subprotocol: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The request was for the head alone.
    is_head: bool,
    fault: Option<HandshakeError>,
}

impl Response {
    pub(super) fn plain(status: u16) -> Self {
        Self {
            status,
            accept: None,
            offered: String::new(),
            subprotocol: None,
            headers: Vec::new(),
            body: Vec::new(),
            is_head: false,
            fault: (!(200..600).contains(&status)).then_some(HandshakeError::BadStatus),
        }
    }

    /// The answer that opens a connection.
    pub(super) fn accepting(accept: [u8; ACCEPT_LEN], offered: String) -> Self {
        Self { accept: Some(accept), offered, fault: None, ..Self::plain(101) }
    }

    /// "The HEAD method is identical to GET except that the server MUST NOT send content in the response" (RFC 9110 section
    /// 9.3.2): the length of the body is told and the body left out.
    pub(super) fn for_method(mut self, method: &str) -> Self {
        self.is_head = method == "HEAD";
        self
    }

    /// What cannot be sent of it, if anything.
    pub(super) fn check(&self) -> Result<(), HandshakeError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// The answer to a request that is not what section 4.2.1 wants, or not of our version (section 4.4): 400, 405, 426 or
    /// 431. [`Handshake::receive`] has given it already; this is for servers that read requests otherwise.
    pub fn for_error(error: &HandshakeError) -> Self {
        let response = |status| Self::plain(status).body(alloc::format!("{error}\n"));
        match error {
            HandshakeError::HeadTooLong | HandshakeError::TooManyHeaders => response(431),
            HandshakeError::MethodNotGet => response(405).header("Allow", "GET"),
            HandshakeError::UnsupportedVersion | HandshakeError::NotAnUpgrade => response(426).with_version(),
            _ => response(400),
        }
    }

    /// The connection that this answer opens, where somebody else writes the answer; [`Handshake::respond`] does both.
    ///
    /// # Errors
    ///
    /// [`Rejected`](HandshakeError::Rejected) for an answer that opens none, and what [`Handshake::respond`] refuses to
    /// send.
    pub fn connection(&self, config: impl Into<Arc<Config>>) -> Result<Connection, HandshakeError> {
        self.check_opens()?;
        Ok(self.open(config.into(), Output::default()))
    }

    /// Whether it can be sent and opens a connection.
    pub(super) fn check_opens(&self) -> Result<(), HandshakeError> {
        self.check()?;
        if self.accept.is_some() { Ok(()) } else { Err(HandshakeError::Rejected(self.status)) }
    }

    /// The connection that is open with this; what is in `output` goes out first.
    #[inline]
    pub(super) fn open(&self, config: Arc<Config>, output: Output) -> Connection {
        Connection::opened(Role::Server, config, Keys::Unmasked, self.subprotocol.as_deref(), output)
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Chooses one of the subprotocols that the client offered; another one is an error when the response is sent.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if self.accept.is_none() || !self.offered.split_terminator(',').any(|offered| offered == name) {
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

    /// The body of an answer that does not open the connection. Text, unless a `Content-Type` header says otherwise. Left
    /// out where the request's method is `HEAD`, and of an answer that can have none (204, 304).
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        if self.accept.is_some() {
            self.fault.get_or_insert(HandshakeError::UnexpectedBody);
        }
        self.body = body.into();
        self
    }

    /// "The server MUST … send back … a |Sec-WebSocket-Version| header" (section 4.2.2).
    pub(super) fn with_version(mut self) -> Self {
        self.headers.push(("Sec-WebSocket-Version".into(), "13".into()));
        self.headers.push(("Upgrade".into(), "websocket".into()));
        self
    }

    /// "A 204 response is terminated by the end of the header section; it cannot contain content" (RFC 9110 section 15.3.5),
    /// and likewise 304 (section 15.4.5).
    fn has_no_content(&self) -> bool {
        matches!(self.status, 204 | 304)
    }

    /// The body as far as it is sent.
    fn sent_body(&self) -> &[u8] {
        if self.is_head || self.has_no_content() { &[] } else { &self.body }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The head, the empty line included, and the body as far as it is sent.
    pub(super) fn write(&self, to: &mut Writer) {
        self.write_head(to);
        to.bytes(self.sent_body());
    }

    pub(super) fn write_head(&self, head: &mut Writer) {
        if let Some(accept) = &self.accept {
            head.line(&[OPENING, accept]);
        } else {
            self.write_closing(head);
        }
        if let Some(subprotocol) = &self.subprotocol {
            head.header("Sec-WebSocket-Protocol", subprotocol.as_bytes());
        }
        for (name, value) in &self.headers {
            head.header(name, value.as_bytes());
        }
        head.line(&[]);
    }

    /// The beginning of an answer that opens no connection.
    fn write_closing(&self, head: &mut Writer) {
        let status = alloc::format!("{}", self.status);
        head.line(&[b"HTTP/1.1 ", status.as_bytes(), b" ", reason_phrase(self.status).as_bytes()]);
        // "A sender of Upgrade MUST also send an 'Upgrade' connection option" (RFC 9110 section 7.8).
        let connection: &[u8] = if self.has("Upgrade") { b"close, Upgrade" } else { b"close" };
        head.header("Connection", connection);
        // "A server MUST NOT send a Content-Length header field in any response with a status code of … 204 (No
        // Content)" (RFC 9110 section 8.6), nor in a 304 one unless it is what a 200 would have had, which is not known.
        if self.has_no_content() {
            return;
        }
        head.header("Content-Length", alloc::format!("{}", self.body.len()).as_bytes());
        if !self.body.is_empty() && !self.has("Content-Type") {
            head.header("Content-Type", b"text/plain; charset=utf-8");
        }
    }

    #[cfg(feature = "http")]
    pub(super) fn into_body(self) -> Vec<u8> {
        if self.sent_body().is_empty() { Vec::new() } else { self.body }
    }
}

/// What every answer begins with that opens a connection.
const OPENING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: ";

fn reason_phrase(status: u16) -> &'static str {
    match status {
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
