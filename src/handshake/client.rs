//! The client's side of the opening handshake (RFC 6455 section 4.1).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::head::{Headers, Scanner, StatusLine, Writer};
use super::url::Url;
use super::{ACCEPT_LEN, accept_key, extensions, is_free_header, is_token, lists_token};
use crate::buffer::Buffer;
use crate::config::Config;
use crate::connection::{Connection, Keys, Output};
use crate::error::{HandshakeError, Refusal};
use crate::frame::MaskKeys;
use crate::role::Role;

/// How many 1xx responses may come before the final one.
const MAX_INTERIM: u8 = 8;

/// Where to connect, and what to ask for.
///
/// ```
/// use sansocket::handshake::client::Request;
///
/// let request = Request::new("ws://user:secret@example.com/chat?room=rust")?
///     .subprotocol("chat")
///     .origin("https://example.com")
///     .header("Cookie", "session=42");
/// assert_eq!((request.host(), request.port(), request.is_secure()), ("example.com", 80, false));
/// # Ok::<(), sansocket::HandshakeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    url: Url,
    subprotocols: Vec<String>,
    headers: Vec<(String, String)>,
    fault: Option<HandshakeError>,
}

impl Request {
    /// A request for a `ws://` or `wss://` URL (section 3). A `user:password@` in it becomes basic authentication.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::BadUrl`] for another scheme, no host, a bad port, a fragment ("MUST NOT be used on these
    /// URIs"), and any character that must be percent-encoded or is not ASCII: nothing is encoded on the caller's
    /// behalf.
    pub fn new(url: &str) -> Result<Self, HandshakeError> {
        let url = Url::parse(url).map_err(HandshakeError::BadUrl)?;
        let mut request = Self { subprotocols: Vec::new(), headers: Vec::new(), fault: None, url };
        if let Some(credentials) = request.url.credentials.take() {
            let value = format!("Basic {}", BASE64_STANDARD.encode(credentials));
            request.headers.push(("Authorization".into(), value));
        }
        Ok(request)
    }

    /// Offers a subprotocol; the one offered first is liked best. One that is not a token, or offered twice, is an error
    /// in [`Handshake::new`].
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if !is_token(name.as_bytes()) || self.subprotocols.contains(&name) {
            self.fault.get_or_insert(HandshakeError::BadSubprotocol);
        }
        self.subprotocols.push(name);
        self
    }

    /// Says which page asks for the connection, as a browser would: "the ASCII serialization of origin" (section 4.1,
    /// RFC 6454), so anything but visible ASCII is an error in [`Handshake::new`].
    #[must_use]
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.header("Origin", origin)
    }

    /// Adds a header; an `Origin` or an `Authorization` in place of one that was there. Those that the handshake itself sets are an error in [`Handshake::new`], as is a name that is not
    /// a token and a value with a control character in it.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        let is_origin = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_free_header(&name, &value) || (name.eq_ignore_ascii_case("Origin") && !is_origin(&value)) {
            self.fault.get_or_insert(HandshakeError::BadHeader);
        }
        // Two of either mean nothing: one in the URL gives way, as does the one before. "The user agent MUST NOT include more
        // than one Origin header field in any HTTP request" (RFC 6454 section 7.3).
        if ["Authorization", "Origin"].iter().any(|sole| name.eq_ignore_ascii_case(sole)) {
            self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        }
        self.headers.push((name, value));
        self
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.url.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port: 80 for `ws:` and 443 for `wss:` where the URL has none.
    pub fn port(&self) -> u16 {
        self.url.port
    }

    /// Whether the URL is `wss:`, so that the handshake goes through TLS.
    pub fn is_secure(&self) -> bool {
        self.url.secure
    }

    /// What cannot be sent of it, if anything.
    pub(crate) fn check(&self) -> Result<(), HandshakeError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    fn write(&self, key: &str, head: &mut Writer) {
        head.line(&[b"GET ", self.url.resource.as_bytes(), b" HTTP/1.1"]);
        head.header("Host", self.url.authority().as_bytes());
        head.header("Upgrade", b"websocket");
        head.header("Connection", b"Upgrade");
        head.header("Sec-WebSocket-Key", key.as_bytes());
        head.header("Sec-WebSocket-Version", b"13");
        if !self.subprotocols.is_empty() {
            head.header("Sec-WebSocket-Protocol", self.subprotocols.join(", ").as_bytes());
        }
        for (name, value) in &self.headers {
            head.header(name, value.as_bytes());
        }
        head.line(&[]);
    }
}

/// A connection that is still to be opened: the request is in the [`output`](Self::output), the response goes to
/// [`receive`](Self::receive).
pub struct Handshake {
    config: Arc<Config>,
    scanner: Scanner,
    /// How many 1xx responses came before the one that counts.
    interim: u8,
    output: Output,
    accept: [u8; ACCEPT_LEN],
    subprotocols: Vec<String>,
    keys: Keys,
    outcome: Outcome,
}

enum Outcome {
    Pending,
    Opened,
    /// An HTTP answer, whose body is still arriving. The number is how many bytes of it are worth waiting for.
    Refused(Refusal, usize),
    Failed(HandshakeError),
}

/// The server's answer that opened the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    headers: Headers,
}

impl Response {
    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The value of the first header of that name, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

impl Handshake {
    /// A handshake with a nonce from the operating system.
    ///
    /// # Errors
    ///
    /// What the request was built from cannot be sent: [`BadHeader`](HandshakeError::BadHeader),
    /// [`BadSubprotocol`](HandshakeError::BadSubprotocol).
    #[cfg(feature = "std")]
    pub fn new(request: &Request, config: impl Into<Arc<Config>>) -> Result<Self, HandshakeError> {
        Self::start(request, config.into(), crate::frame::mask::os_random(), Keys::Thread)
    }

    /// A handshake with a nonce and mask keys of the caller's choice. "The nonce MUST be selected randomly for each
    /// connection."
    ///
    /// # Errors
    ///
    /// What the request was built from cannot be sent: [`BadHeader`](HandshakeError::BadHeader),
    /// [`BadSubprotocol`](HandshakeError::BadSubprotocol).
    pub fn with_nonce(
        request: &Request,
        config: impl Into<Arc<Config>>,
        nonce: [u8; 16],
        keys: impl MaskKeys + Send + Sync + 'static,
    ) -> Result<Self, HandshakeError> {
        Self::start(request, config.into(), nonce, Keys::Custom(Box::new(keys)))
    }

    fn start(
        request: &Request,
        config: Arc<Config>,
        nonce: [u8; 16],
        keys: Keys,
    ) -> Result<Self, HandshakeError> {
        request.check()?;
        let key = BASE64_STANDARD.encode(nonce);
        let mut output = Output::default();
        output.append_vec(Writer::to_vec(|head| request.write(&key, head)));
        Ok(Self {
            config,
            scanner: Scanner::default(),
            interim: 0,
            output,
            accept: accept_key(key.as_bytes()),
            subprotocols: request.subprotocols.clone(),
            keys,
            outcome: Outcome::Pending,
        })
    }

    /// The request, to be written.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Takes the response from `input`, or `None` when more bytes are needed. What the server sent behind it stays.
    ///
    /// # Errors
    ///
    /// Something that sections 4.1 and 11.3 do not let pass, or [`Refused`](HandshakeError::Refused) for an HTTP answer,
    /// once its body has arrived as far as it is kept. Every further call gives the same error; the transport ends.
    pub fn receive(&mut self, input: &mut Buffer) -> Result<Option<(Connection, Response)>, HandshakeError> {
        if let Outcome::Pending = self.outcome {
            match self.response(input) {
                Ok(Some(headers)) => return Ok(Some((self.open(&headers), Response { headers }))),
                Ok(None) => {}
                Err(error) => self.outcome = Outcome::Failed(error),
            }
        }
        match &mut self.outcome {
            Outcome::Pending | Outcome::Opened => Ok(None),
            Outcome::Failed(error) => Err(error.clone()),
            Outcome::Refused(refusal, wanted) => {
                let missing = wanted.saturating_sub(refusal.body.len());
                let arrived = input.unread();
                let body = arrived.get(..missing.min(arrived.len())).unwrap_or_default();
                refusal.body.extend_from_slice(body);
                let complete = refusal.body.len() == *wanted;
                input.clear();
                if complete { Err(self.receive_eof()) } else { Ok(None) }
            }
        }
    }

    /// Nothing more arrives: the stream has ended, or whoever waits has waited long enough. Gives the reason why there
    /// is no connection.
    pub fn receive_eof(&mut self) -> HandshakeError {
        match &self.outcome {
            Outcome::Pending | Outcome::Opened => HandshakeError::UnexpectedEof,
            Outcome::Refused(refusal, _) => HandshakeError::Refused(Box::new(refusal.clone())),
            Outcome::Failed(error) => error.clone(),
        }
    }

    fn open(&mut self, headers: &Headers) -> Connection {
        self.outcome = Outcome::Opened;
        let keys = core::mem::replace(&mut self.keys, Keys::Unmasked);
        let subprotocol = headers.get("Sec-WebSocket-Protocol");
        Connection::opened(Role::Client, Arc::clone(&self.config), keys, subprotocol, Output::default())
    }

    /// The headers of a response that opens the connection.
    fn response(&mut self, input: &mut Buffer) -> Result<Option<Headers>, HandshakeError> {
        let (headers, StatusLine { status, minor_version }) = loop {
            let head = self.scanner.take(input, &self.config, Headers::of_response)?;
            let Some((headers, line)) = head else { return Ok(None) };
            if !matches!(line.status, 100 | 102..=199) {
                break (headers, line);
            }
            // "A client MUST be able to parse one or more 1xx responses received prior to a final response" (RFC 9110
            // section 15.2). More than a few are a way to keep somebody busy.
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(HandshakeError::MalformedHead);
            }
            self.scanner = Scanner::default();
        };
        if status != 101 {
            let wanted = body_len(status, &headers).unwrap_or(usize::MAX).min(self.config.max_head_len);
            self.outcome = Outcome::Refused(refusal(status, &headers), wanted);
            return Ok(None);
        }
        if minor_version != 1 {
            return Err(HandshakeError::MalformedHead);
        }
        self.check(&headers)?;
        Ok(Some(headers))
    }

    /// The numbered list at the end of section 4.1, and the "MUST NOT appear more than once" of section 11.3.
    fn check(&self, headers: &Headers) -> Result<(), HandshakeError> {
        if !headers.sole("Upgrade")?.eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::Invalid("Upgrade"));
        }
        if !headers.has("Connection") {
            return Err(HandshakeError::Missing("Connection"));
        }
        if !lists_token(headers, "Connection", "upgrade") {
            return Err(HandshakeError::Invalid("Connection"));
        }
        if headers.sole("Sec-WebSocket-Accept")? != self.accept {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Accept"));
        }
        // None is offered yet, so whatever is well-formed was not.
        if let Some(value) = headers.all("Sec-WebSocket-Extensions").next() {
            let malformed = extensions::parse(value).is_none();
            let error = HandshakeError::Invalid("Sec-WebSocket-Extensions");
            return Err(if malformed { error } else { HandshakeError::ExtensionNotOffered });
        }
        match headers.sole("Sec-WebSocket-Protocol") {
            Err(HandshakeError::Missing(_)) => Ok(()),
            Ok(chosen) if self.subprotocols.iter().any(|offered| offered.as_bytes() == chosen) => Ok(()),
            Ok(_) => Err(HandshakeError::SubprotocolNotOffered),
            Err(error) => Err(error),
        }
    }
}

impl core::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handshake").field("subprotocols", &self.subprotocols).finish_non_exhaustive()
    }
}

/// How long the body says that it is (RFC 9112 section 6.3).
fn body_len(status: u16, headers: &Headers) -> Option<usize> {
    if matches!(status, 204 | 304) {
        return Some(0);
    }
    if headers.has("Transfer-Encoding") {
        return None;
    }
    // "Content-Length = 1*DIGIT" (RFC 9110 section 8.6), where `parse` would take a sign.
    let len = headers.get("Content-Length")?;
    if len.bytes().all(|byte| byte.is_ascii_digit()) { len.parse().ok() } else { None }
}

fn refusal(status: u16, headers: &Headers) -> Refusal {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.into(), text(value))).collect();
    Refusal { status, headers, body: Vec::new() }
}
