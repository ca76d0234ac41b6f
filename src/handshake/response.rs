//! The responses of a server.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::extensions::{self, Extension};
use super::head::Writer;
use super::opens::{HttpVersion, Opens};
use super::{ACCEPT_LEN, is_free_header};
use crate::config::Config;
use crate::connection::{Agreed, Connection, Inbox, Keys, Output};
#[cfg(feature = "deflate")]
use crate::deflate::Negotiated;
use crate::error::HandshakeError;
#[cfg(doc)]
use crate::handshake::server::{Exchange, Handshake, HttpRequest, Request};
use crate::role::Role;

/// The response to a request. [`Request::accept`], [`Request::reject`] and [`HttpRequest::respond`] make one,
/// [`Exchange::respond`] sends it. [`check`](Self::check) says whether it can be sent.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    /// How this response opens the connection, with `Sec-WebSocket-Accept`.
    opens: Option<Opens<[u8; ACCEPT_LEN]>>,
    /// The version of HTTP that the request came in.
    version: HttpVersion,
    /// The subprotocols that the client offers, each followed by a comma.
    offered: String,
    subprotocol: Option<String>,
    /// The list of extensions that the caller chose.
    extensions: String,
    #[cfg(feature = "deflate")]
    compression: Compression,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    /// The method of the request is `HEAD`.
    is_head: bool,
    /// The first thing in it that cannot be sent.
    fault: Option<HandshakeError>,
}

/// How far client and server are about compression.
#[cfg(feature = "deflate")]
#[derive(Clone, Debug)]
enum Compression {
    Undecided,
    /// With the value of the header.
    Agreed(Negotiated, String),
    Declined,
}

impl Response {
    pub(super) fn plain(status: u16) -> Self {
        let fault = (!(200..600).contains(&status)).then_some(HandshakeError::BadStatus(status));
        Self::new(status, None, String::new(), fault)
    }

    /// The response that opens a connection.
    pub(super) fn accepting(opens: Opens<[u8; ACCEPT_LEN]>, offered: String) -> Self {
        match opens {
            Opens::Upgrade(_) => Self::new(101, Some(opens), offered, None),
            Opens::ExtendedConnect => Self::new(200, Some(opens), offered, None).over(HttpVersion::Http2),
        }
    }

    #[inline]
    fn new(
        status: u16,
        opens: Option<Opens<[u8; ACCEPT_LEN]>>,
        offered: String,
        fault: Option<HandshakeError>,
    ) -> Self {
        Self {
            status,
            opens,
            version: HttpVersion::Http11,
            offered,
            subprotocol: None,
            extensions: String::new(),
            #[cfg(feature = "deflate")]
            compression: Compression::Undecided,
            headers: Vec::new(),
            body: Vec::new(),
            is_head: false,
            fault,
        }
    }

    /// Whether compression has neither been agreed on nor declined.
    #[cfg(feature = "deflate")]
    pub(super) fn is_undecided(&self) -> bool {
        self.opens() && matches!(self.compression, Compression::Undecided)
    }

    /// Agrees on compression, with the value of the header, or declines it.
    #[cfg(feature = "deflate")]
    pub(super) fn decide(&mut self, agreed: Option<(Negotiated, String)>) {
        self.compression = agreed
            .map_or(Compression::Declined, |(negotiated, header)| Compression::Agreed(negotiated, header));
    }

    /// Declines every offer of compression. For clients whose implementation is broken: Safari 15.0 to 15.3.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn without_compression(mut self) -> Self {
        self.compression = Compression::Declined;
        self
    }

    pub(super) fn over(mut self, version: HttpVersion) -> Self {
        self.version = version;
        self
    }

    /// "The HEAD method is identical to GET except that the server MUST NOT send content in the response" (RFC 9110 section
    /// 9.3.2): `Content-Length` is sent, the body is not.
    /// "Any 2xx (Successful) response indicates that the sender … will switch to tunnel mode" (section 9.3.6): only
    /// [`Request::accept`] may open a tunnel.
    pub(super) fn for_method(mut self, method: &str) -> Self {
        self.is_head = method == "HEAD";
        if method == "CONNECT" && (200..300).contains(&self.status) {
            self.fault.get_or_insert(HandshakeError::BadStatus(self.status));
        }
        self
    }

    /// Whether this response can be sent.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be: [`BadHeader`](HandshakeError::BadHeader),
    /// [`BadSubprotocol`](HandshakeError::BadSubprotocol), [`BadStatus`](HandshakeError::BadStatus) or
    /// [`BadBody`](HandshakeError::BadBody).
    pub fn check(&self) -> Result<(), HandshakeError> {
        match &self.fault {
            None => Ok(()),
            Some(fault) => Err(fault.clone()),
        }
    }

    /// The response to a request that breaks section 4.2.1 (400, 405 or 431) or has another protocol version (426, section
    /// 4.4). [`Handshake`] sends it by itself; this is for servers that read requests with another HTTP library.
    pub fn for_error(error: &HandshakeError) -> Self {
        Self::for_error_over(HttpVersion::Http11, error)
    }

    pub(super) fn for_error_over(version: HttpVersion, error: &HandshakeError) -> Self {
        let response = |status| Self::plain(status).over(version).body(alloc::format!("{error}\n"));
        match error {
            HandshakeError::HeadTooLong | HandshakeError::TooManyHeaders => response(431),
            HandshakeError::NotUpgradable => response(500),
            HandshakeError::MethodNotGet => response(405).header("Allow", "GET"),
            HandshakeError::UnsupportedVersion | HandshakeError::NotAnUpgrade => response(426).with_version(),
            _ => response(400),
        }
    }

    /// The connection that this response opens, for servers that write responses with another HTTP library.
    ///
    /// # Errors
    ///
    /// [`Rejected`](HandshakeError::Rejected) for a response that opens no connection, and those of [`check`](Self::check).
    pub fn connection(&self, config: impl Into<Arc<Config>>) -> Result<Connection, HandshakeError> {
        self.check()?;
        if !self.opens() {
            return Err(HandshakeError::Rejected(self.status));
        }
        Ok(self.open(config.into(), Output::default(), None))
    }

    /// Whether this response opens a connection.
    pub(super) fn opens(&self) -> bool {
        self.opens.is_some()
    }

    /// The open connection, with `output` to write first and an `inbox` with what was received behind the request.
    #[inline]
    pub(super) fn open(&self, config: Arc<Config>, output: Output, inbox: Option<Box<Inbox>>) -> Connection {
        let agreed = Agreed {
            subprotocol: self.subprotocol.as_deref(),
            #[cfg(feature = "deflate")]
            deflate: match self.compression {
                Compression::Agreed(negotiated, _) => Some(negotiated),
                _ => None,
            },
        };
        Connection::opened(Role::Server, config, Keys::Unmasked, agreed, output, inbox)
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Chooses one of the subprotocols that the client offers. Any other is an error in [`check`](Self::check).
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if self.opens.is_none() || !self.offered.split_terminator(',').any(|offered| offered == name) {
            self.fault.get_or_insert_with(|| HandshakeError::BadSubprotocol(name.as_str().into()));
        }
        self.subprotocol = Some(name);
        self
    }

    /// Chooses an extension that the caller implements, or passes on as a proxy does. The connection knows nothing of it:
    /// receive with a [`Decoder`](crate::frame::Decoder). What the [`Config`] says about compression does not count then. One
    /// that does not match the grammar is an error in [`check`](Self::check), and so is one in a response that opens no
    /// connection. The caller chooses only what the client offers ([`Request::extensions`]).
    #[must_use]
    pub fn extension(mut self, extension: &Extension<'_>) -> Self {
        let opens = self.opens().then_some(());
        let added = opens.ok_or_else(|| HandshakeError::BadHeader(extensions::HEADER.into()));
        let added = added.and_then(|()| extensions::add(&mut self.extensions, extension));
        self.fault = self.fault.or(added.err());
        #[cfg(feature = "deflate")]
        {
            self.compression = Compression::Declined;
        }
        self
    }

    /// Adds a header. These are errors in [`check`](Self::check): a header that the handshake sets itself, a name that is not
    /// a token, a value with a control character. A value need not be UTF-8: a proxy passes it on as it came.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        let (name, value) = (name.into(), value.into());
        if !is_free_header(&name, &value) {
            self.fault.get_or_insert_with(|| HandshakeError::BadHeader(name.as_str().into()));
        }
        self.headers.push((name, value));
        self
    }

    /// Sets the body. It is sent as `text/plain` unless there is a `Content-Type` header, and is left out in answer to
    /// `HEAD` and with status 204 or 304. A body in a response that opens the connection is an error in
    /// [`check`](Self::check).
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        if self.opens.is_some() {
            self.fault.get_or_insert(HandshakeError::BadBody);
        }
        self.body = body.into();
        self
    }

    /// "The server MUST … send back … a |Sec-WebSocket-Version| header" (section 4.2.2). HTTP/2 has no `Upgrade` (RFC 9113
    /// section 8.6), and "the server MUST send an Upgrade header field in a 426 response" (RFC 9110 section 15.5.22).
    pub(super) fn with_version(mut self) -> Self {
        self.headers.push(("Sec-WebSocket-Version".into(), "13".into()));
        match self.version {
            HttpVersion::Http2 => self.status = 400,
            _ => self.headers.push(("Upgrade".into(), "websocket".into())),
        }
        self
    }

    /// "A 204 response is terminated by the end of the header section; it cannot contain content" (RFC 9110 section 15.3.5),
    /// and likewise 304 (section 15.4.5).
    fn has_no_content(&self) -> bool {
        matches!(self.status, 204 | 304)
    }

    /// The part of the body that is sent: all or nothing.
    fn sent_body(&self) -> &[u8] {
        if self.is_head || self.has_no_content() { &[] } else { &self.body }
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The bytes on the wire of HTTP/1.1: head, empty line, body.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        Writer::to_vec(|to| {
            if let Some(Opens::Upgrade(accept)) = &self.opens {
                to.line(&[OPENING, accept]);
            } else {
                self.write_closing(to);
            }
            self.chosen_headers(|name, value| to.header(name, value));
            to.line(&[]);
            to.bytes(self.sent_body());
        })
    }

    /// The first lines of a response that opens no connection.
    fn write_closing(&self, head: &mut Writer) {
        let status = alloc::format!("{}", self.status);
        head.line(&[b"HTTP/1.1 ", status.as_bytes(), b" ", reason_phrase(self.status).as_bytes()]);
        // "A sender of Upgrade MUST also send an 'Upgrade' connection option" (RFC 9110 section 7.8).
        let connection: &[u8] = if self.has("Upgrade") { b"close, Upgrade" } else { b"close" };
        head.header("Connection", connection);
        self.body_headers(|name, value| head.header(name, value));
    }

    /// The headers about the body of a response that opens no connection.
    fn body_headers(&self, mut add: impl FnMut(&str, &[u8])) {
        // "A server MUST NOT send a Content-Length header field in any response with a status code of … 204 (No
        // Content)" (RFC 9110 section 8.6). In a 304 response it must be that of the 200 response, which is not known here.
        if self.has_no_content() {
            return;
        }
        add("Content-Length", alloc::format!("{}", self.body.len()).as_bytes());
        if !self.body.is_empty() && !self.has("Content-Type") {
            add("Content-Type", b"text/plain; charset=utf-8");
        }
    }

    /// What the caller has chosen: subprotocol, extensions, headers.
    fn chosen_headers(&self, mut add: impl FnMut(&str, &[u8])) {
        if let Some(subprotocol) = &self.subprotocol {
            add("Sec-WebSocket-Protocol", subprotocol.as_bytes());
        }
        if !self.extensions.is_empty() {
            add(extensions::HEADER, self.extensions.as_bytes());
        }
        #[cfg(feature = "deflate")]
        if let Compression::Agreed(_, header) = &self.compression {
            add(extensions::HEADER, header.as_bytes());
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
    }

    /// All headers for an HTTP library, which adds those about its own connection.
    #[cfg(feature = "http")]
    pub(super) fn http_headers(&self, mut add: impl FnMut(&str, &[u8])) {
        match &self.opens {
            Some(Opens::Upgrade(accept)) => {
                add("Upgrade", b"websocket");
                add("Connection", b"Upgrade");
                add("Sec-WebSocket-Accept", accept);
            }
            // "No content": a body, or its length, would be bytes of the tunnel (RFC 9110 section 9.3.6).
            Some(Opens::ExtendedConnect) => {}
            None => {
                if self.has("Upgrade") {
                    add("Connection", b"Upgrade");
                }
                self.body_headers(&mut add);
            }
        }
        self.chosen_headers(add);
    }

    #[cfg(feature = "http")]
    pub(super) fn into_body(self) -> Vec<u8> {
        if self.sent_body().is_empty() { Vec::new() } else { self.body }
    }
}

/// The first lines of every response that opens a connection.
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
