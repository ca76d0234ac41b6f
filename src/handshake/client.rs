//! The client's side of the opening handshake (RFC 6455 section 4.1).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::extensions::{self, Extension};
use super::head::{Headers, StatusLine, Writer};
use super::refused::{Refused, Responses};
use super::url::{self, Url};
use super::{ACCEPT_LEN, accept_key, elements, is_free_header, is_token, lists_token};
use crate::config::Config;
use crate::connection::{Agreed, Connection, Inbox, Keys, Output};
#[cfg(feature = "deflate")]
use crate::deflate::Negotiated;
use crate::error::HandshakeError;
use crate::frame::MaskKeySource;
use crate::role::Role;

/// The request of an opening handshake: the URL, and what to add to it.
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
    /// The caller's `Host`, in place of the URL's.
    host: Option<String>,
    subprotocols: Vec<String>,
    /// The list of extensions that the caller offers.
    extensions: String,
    headers: Vec<(String, Vec<u8>)>,
    /// The first thing in it that cannot be sent.
    fault: Option<HandshakeError>,
}

impl Request {
    /// A request for a `ws://` or `wss://` URL (section 3). `user:password@` in it is sent as basic authentication.
    ///
    /// # Errors
    ///
    /// [`BadUrl`](HandshakeError::BadUrl) for another scheme, no host, a bad port, a fragment ("MUST NOT be used on these
    /// URIs"), and a character that must be percent-encoded or is not ASCII. Nothing is encoded for the caller. Path and query
    /// are sent as they are; `[ ] { } | ^` and a `%` that encodes nothing are accepted there, as browsers leave them.
    pub fn new(url: &str) -> Result<Self, HandshakeError> {
        let url = Url::parse(url).map_err(HandshakeError::BadUrl)?;
        let mut request = Self {
            host: None,
            subprotocols: Vec::new(),
            extensions: String::new(),
            headers: Vec::new(),
            fault: None,
            url,
        };
        if let Some(credentials) = request.url.credentials.take() {
            request.headers.push(("Authorization".into(), credentials.to_basic().into()));
        }
        Ok(request)
    }

    /// Sets the request target in place of the URL's path and query. The target is sent byte for byte, for a proxy that passes
    /// on what it received. It must begin with `/` and be visible ASCII without `#`; any other is an error in
    /// [`Handshake::new`].
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        let target = target.into();
        if !target.starts_with('/') || !url::is_target(target.as_bytes()) {
            self.fault.get_or_insert(HandshakeError::BadUrl("the request target cannot be sent"));
        }
        self.url.resource = target;
        self
    }

    /// Offers a subprotocol, in order of preference. One that is not a token, or is offered twice, is an error in
    /// [`Handshake::new`].
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if !is_token(name.as_bytes()) || self.subprotocols.contains(&name) {
            self.fault.get_or_insert_with(|| HandshakeError::BadSubprotocol(name.as_str().into()));
        }
        self.subprotocols.push(name);
        self
    }

    /// Offers an extension that the caller implements, or passes on as a proxy does, in order of preference. The connection
    /// knows nothing of it: receive with a [`Decoder`](crate::frame::Decoder). With such offers,
    /// [`Response::extensions`] says what the server chose, whose parameters the caller checks, and what the [`Config`] says
    /// about compression is not offered. One that does not match the grammar is an error in [`Handshake::new`].
    #[must_use]
    pub fn extension(mut self, extension: &Extension<'_>) -> Self {
        let added = extensions::add(&mut self.extensions, extension);
        self.fault = self.fault.or(added.err());
        self
    }

    /// Sets the origin, as a browser does for the page that asks: "the ASCII serialization of origin" (section 4.1, RFC 6454).
    /// Anything but visible ASCII is an error in [`Handshake::new`].
    #[must_use]
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.header("Origin", origin.into())
    }

    /// Adds a header. An `Origin` or an `Authorization` replaces an earlier one. A `Host` replaces that of the URL in the
    /// request; [`host`](Self::host) and [`port`](Self::port), where the connection goes, stay those of the URL.
    ///
    /// These are errors in [`Handshake::new`]: any other header that the handshake sets itself, a name that is not a token, a
    /// value with a control character, a `Host` that is not a host name or address with an optional port. A value need not be
    /// UTF-8: a proxy passes it on as it came.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        let (name, value) = (name.into(), value.into());
        if name.eq_ignore_ascii_case("Host") {
            if let Some(host) = core::str::from_utf8(&value).ok().filter(|host| url::is_authority(host)) {
                self.host = Some(host.into());
                return self;
            }
        }
        let is_origin = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
        if !is_free_header(&name, &value) || (name.eq_ignore_ascii_case("Origin") && !is_origin(&value)) {
            self.fault.get_or_insert_with(|| HandshakeError::BadHeader(name.as_str().into()));
        }
        // "The user agent MUST NOT include more than one Origin header field in any HTTP request" (RFC 6454 section 7.3). Two
        // `Authorization` headers have no meaning either, so the caller's replaces that of the URL.
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

    /// The port. Without one in the URL, 80 for `ws:` and 443 for `wss:`.
    pub fn port(&self) -> u16 {
        self.url.port
    }

    /// Whether the URL is `wss:`, which needs TLS.
    pub fn is_secure(&self) -> bool {
        self.url.secure
    }

    /// Whether this request can be sent. [`Handshake::new`] checks it, too; a program may want to know before it connects.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be: [`BadHeader`](HandshakeError::BadHeader),
    /// [`BadSubprotocol`](HandshakeError::BadSubprotocol), or for the target [`BadUrl`](HandshakeError::BadUrl).
    pub fn check(&self) -> Result<(), HandshakeError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    fn write(&self, key: &str, config: &Config, head: &mut Writer) {
        head.line(&[b"GET ", self.url.resource.as_bytes(), b" HTTP/1.1"]);
        let authority = || self.url.authority();
        head.header("Host", self.host.clone().unwrap_or_else(authority).as_bytes());
        head.header("Upgrade", b"websocket");
        head.header("Connection", b"Upgrade");
        head.header("Sec-WebSocket-Key", key.as_bytes());
        head.header("Sec-WebSocket-Version", b"13");
        if !self.subprotocols.is_empty() {
            head.header("Sec-WebSocket-Protocol", self.subprotocols.join(", ").as_bytes());
        }
        match self.extensions.as_str() {
            "" => extensions::write_offer(config, head),
            list => head.header(extensions::HEADER, list.as_bytes()),
        }
        for (name, value) in &self.headers {
            head.header(name, value);
        }
        head.line(&[]);
    }
}

/// An opening handshake from the client's side.
///
/// Write the [`output`](Self::output). Give the handshake what arrives ([`read_from`](Self::read_from),
/// [`receive`](Self::receive), or [`unfilled`](Self::unfilled) and [`filled`](Self::filled)), then call
/// [`next_response`](Self::next_response).
pub struct Handshake {
    config: Arc<Config>,
    responses: Responses,
    inbox: Option<Box<Inbox>>,
    output: Output,
    accept: [u8; ACCEPT_LEN],
    subprotocols: Vec<String>,
    /// The list of extensions that the caller offered.
    extensions: String,
    keys: Keys,
    outcome: Outcome,
}

/// What the server chooses of what was offered.
struct Chosen {
    subprotocol: Option<String>,
    #[cfg(feature = "deflate")]
    deflate: Option<Negotiated>,
}

enum Outcome {
    Pending,
    /// The response is not 101, and its body is arriving.
    Refused(Refused),
    /// Every further call gives this error: `Finished` after the connection was handed out.
    Ended(HandshakeError),
}

/// The 101 response that opened the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    headers: Headers,
}

impl Response {
    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The value of the first header of that name, if it is UTF-8. ASCII case of the name does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The extensions that the server chose.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'_>> {
        self.headers.values(extensions::HEADER).filter_map(extensions::parse).flatten()
    }
}

impl Handshake {
    /// A handshake with a nonce from the operating system.
    ///
    /// # Errors
    ///
    /// As [`Request::check`].
    #[cfg(feature = "std")]
    pub fn new(request: &Request, config: impl Into<Arc<Config>>) -> Result<Self, HandshakeError> {
        Self::start(request, config.into(), crate::frame::mask::os_random(), Keys::Thread)
    }

    /// A handshake with a nonce and masking keys of the caller's choice. "The nonce MUST be selected randomly for each
    /// connection" (section 4.1).
    ///
    /// # Errors
    ///
    /// As [`Request::check`].
    pub fn with_nonce(
        request: &Request,
        config: impl Into<Arc<Config>>,
        nonce: [u8; 16],
        keys: impl MaskKeySource + Send + Sync + 'static,
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
        output.append_vec(Writer::to_vec(|head| request.write(&key, &config, head)));
        Ok(Self {
            config,
            responses: Responses::default(),
            inbox: None,
            output,
            accept: accept_key(key.as_bytes()),
            subprotocols: request.subprotocols.clone(),
            extensions: request.extensions.clone(),
            keys,
            outcome: Outcome::Pending,
        })
    }

    /// The request, to be written.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// The open connection and the response that opened it, or `None` if more bytes are needed. The connection has received
    /// what came behind the response.
    ///
    /// # Errors
    ///
    /// The response breaks a rule of section 4.1 or 11.3 or a limit of the [`Config`], or it is
    /// [`Refused`](HandshakeError::Refused): any status other than 101, given once the part of its body that is kept has
    /// arrived. Every further call gives the same error. The transport ends.
    ///
    /// [`Finished`](HandshakeError::Finished) after the connection has been handed out.
    pub fn next_response(&mut self) -> Result<Option<(Connection, Response)>, HandshakeError> {
        if let Outcome::Pending = self.outcome {
            match self.response() {
                Ok(Some((headers, chosen))) => {
                    return Ok(Some((self.open(&chosen), Response { headers })));
                }
                Ok(None) => {}
                Err(error) => self.outcome = Outcome::Ended(error),
            }
        }
        match &mut self.outcome {
            Outcome::Pending => Ok(None),
            Outcome::Ended(error) => {
                self.inbox.iter_mut().for_each(|inbox| inbox.clear());
                Err(error.clone())
            }
            Outcome::Refused(refused) => {
                let inbox = self.inbox.get_or_insert_default();
                let is_complete = refused.receive(inbox, self.config.max_head_len);
                if is_complete { Err(self.end_of_stream()) } else { Ok(None) }
            }
        }
    }

    /// The stream has ended. Gives the error that every further call of [`next_response`](Self::next_response) gives:
    /// [`Refused`](HandshakeError::Refused) with the body so far if the server refused, the error that the handshake has
    /// already ended with, otherwise [`UnexpectedEof`](HandshakeError::UnexpectedEof). First call
    /// [`next_response`](Self::next_response): a response that opens the connection is not given here.
    pub fn end_of_stream(&mut self) -> HandshakeError {
        self.end(HandshakeError::UnexpectedEof)
    }

    /// The deadline has passed. As [`end_of_stream`](Self::end_of_stream), with
    /// [`TimedOut`](HandshakeError::TimedOut) if the server has neither opened nor refused.
    pub fn time_out(&mut self) -> HandshakeError {
        self.end(HandshakeError::TimedOut)
    }

    fn end(&mut self, error: HandshakeError) -> HandshakeError {
        if let Outcome::Pending = self.outcome {
            // A refusal may have arrived that nobody has looked at.
            if let Ok(Some(_)) = self.next_response() {
                self.outcome = Outcome::Pending;
            }
        }
        let error = match core::mem::replace(&mut self.outcome, Outcome::Pending) {
            Outcome::Pending => error,
            Outcome::Refused(refused) => HandshakeError::Refused(refused.into_refusal()),
            Outcome::Ended(error) => error,
        };
        self.outcome = Outcome::Ended(error.clone());
        error
    }

    pub(super) fn inbox(&mut self) -> &mut Option<Box<Inbox>> {
        assert!(!self.is_finished(), "the connection was handed out: give further bytes to it");
        &mut self.inbox
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(self.outcome, Outcome::Ended(HandshakeError::Finished))
    }

    fn open(&mut self, chosen: &Chosen) -> Connection {
        self.outcome = Outcome::Ended(HandshakeError::Finished);
        let keys = core::mem::replace(&mut self.keys, Keys::Unmasked);
        let (config, inbox) = (Arc::clone(&self.config), self.inbox.take());
        let agreed = Agreed {
            subprotocol: chosen.subprotocol.as_deref(),
            #[cfg(feature = "deflate")]
            deflate: chosen.deflate,
        };
        Connection::opened(Role::Client, config, keys, agreed, Output::default(), inbox)
    }

    /// The headers of a response that opens the connection, and what it chooses.
    fn response(&mut self) -> Result<Option<(Headers, Chosen)>, HandshakeError> {
        let Some(inbox) = &mut self.inbox else { return Ok(None) };
        let head = self.responses.next_final(inbox, &self.config)?;
        let Some((headers, StatusLine { status, minor_version })) = head else { return Ok(None) };
        if status != 101 {
            self.outcome = Outcome::Refused(Refused::new(status, &headers));
            return Ok(None);
        }
        if minor_version != 1 {
            return Err(HandshakeError::MalformedHead);
        }
        let chosen = self.check(&headers)?;
        Ok(Some((headers, chosen)))
    }

    /// Checks the numbered list at the end of section 4.1, and "MUST NOT appear more than once" of section 11.3. Gives what
    /// the server chooses.
    fn check(&self, headers: &Headers) -> Result<Chosen, HandshakeError> {
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
        // "|Sec-WebSocket-Extensions| … MAY appear multiple times" (section 11.3.2): all lines are one list.
        let mut extensions = Vec::new();
        for value in headers.values(extensions::HEADER) {
            const MALFORMED: HandshakeError = HandshakeError::Invalid(extensions::HEADER);
            extensions.extend(extensions::parse(value).ok_or(MALFORMED)?);
        }
        #[cfg(feature = "deflate")]
        let deflate = extensions::chosen(&extensions, &self.extensions, &self.config)?;
        #[cfg(not(feature = "deflate"))]
        extensions::check_offered(&extensions, &self.extensions)?;
        Ok(Chosen {
            subprotocol: self.chosen_subprotocol(headers)?,
            #[cfg(feature = "deflate")]
            deflate,
        })
    }

    /// A line that names no subprotocol counts as absent, and so does an empty element beside a name.
    fn chosen_subprotocol(&self, headers: &Headers) -> Result<Option<String>, HandshakeError> {
        const NAME: &str = "Sec-WebSocket-Protocol";
        let mut lines = headers.values(NAME).filter(|value| elements(value).next().is_some());
        let Some(line) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(HandshakeError::Duplicate(NAME));
        }
        let mut names = elements(line);
        let chosen = names.next().filter(|_| names.next().is_none());
        let offered = self.subprotocols.iter().find(|offered| chosen == Some(offered.as_bytes()));
        offered.cloned().map(Some).ok_or(HandshakeError::SubprotocolNotOffered)
    }
}

super::receives!(
    Handshake,
    "These methods panic after the connection has been handed out: bytes would be lost."
);

impl core::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handshake").field("subprotocols", &self.subprotocols).finish_non_exhaustive()
    }
}
