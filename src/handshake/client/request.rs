//! What a client asks for.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::config::Config;
use crate::error::HandshakeError;
use crate::handshake::extensions::{self, Extension};
use crate::handshake::head::Writer;
use crate::handshake::url::{self, Url};
use crate::handshake::{is_free_header, is_token};

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
    pub(super) subprotocols: Vec<String>,
    /// The list of extensions that the caller offers.
    pub(super) extensions: String,
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
    /// URIs"), and a character that must be percent-encoded or is not ASCII. Nothing is encoded for the caller. Path and
    /// query are sent as they are; `[ ] { } | ^` and a `%` that encodes nothing are accepted there, as browsers leave them.
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

    /// Sets the request target in place of the URL's path and query. The target is sent byte for byte, for a proxy that
    /// passes on what it received. It must begin with `/` and be visible ASCII without `#`; any other is an error in
    /// [`Handshake::new`](super::Handshake::new).
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
    /// [`Handshake::new`](super::Handshake::new).
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
    /// [`Response::extensions`](super::Response::extensions) says what the server chose, whose parameters the caller checks,
    /// and what the [`Config`] says about compression is not offered. One that does not match the grammar is an error in
    /// [`Handshake::new`](super::Handshake::new).
    #[must_use]
    pub fn extension(mut self, extension: &Extension<'_>) -> Self {
        let added = extensions::add(&mut self.extensions, extension);
        self.fault = self.fault.or(added.err());
        self
    }

    /// Sets the origin, as a browser does for the page that asks: "the ASCII serialization of origin" (section 4.1, RFC
    /// 6454). Anything but visible ASCII is an error in [`Handshake::new`](super::Handshake::new).
    #[must_use]
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.header("Origin", origin.into())
    }

    /// Adds a header. An `Origin` or an `Authorization` replaces an earlier one. A `Host` replaces that of the URL in the
    /// request; [`host`](Self::host) and [`port`](Self::port), where the connection goes, stay those of the URL.
    ///
    /// These are errors in [`Handshake::new`](super::Handshake::new): any other header that the handshake sets itself, a
    /// name that is not a token, a value with a control character, a `Host` that is not a host name or address with an
    /// optional port. A value need not be UTF-8: a proxy passes it on as it came.
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
        // "The user agent MUST NOT include more than one Origin header field in any HTTP request" (RFC 6454 section 7.3).
        // Two `Authorization` headers have no meaning either, so the caller's replaces that of the URL.
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

    /// The path, without the query.
    #[cfg(feature = "tracing")]
    pub(crate) fn path(&self) -> &str {
        self.url.resource.split(['?', '#']).next().unwrap_or_default()
    }

    /// Whether the URL is `wss:`, which needs TLS.
    pub fn is_secure(&self) -> bool {
        self.url.secure
    }

    /// Whether this request can be sent. [`Handshake::new`](super::Handshake::new) checks it, too; a program may want to
    /// know before it connects.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be: [`BadHeader`](HandshakeError::BadHeader),
    /// [`BadSubprotocol`](HandshakeError::BadSubprotocol), or for the target [`BadUrl`](HandshakeError::BadUrl).
    pub fn check(&self) -> Result<(), HandshakeError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// The request that follows a redirect to `location`, a URI reference. What the caller offers stays. To another origin,
    /// headers do not: `Authorization` and `Cookie` are for the origin that the caller named, and any header may be as
    /// secret.
    ///
    /// # Errors
    ///
    /// What is wrong with `location`.
    #[cfg(feature = "std")]
    pub(crate) fn redirected(&self, location: &str) -> Result<Self, &'static str> {
        let url = self.url.join(location)?;
        if url.has_origin_of(&self.url) {
            return Ok(Self { url, ..self.clone() });
        }
        let (subprotocols, extensions) = (self.subprotocols.clone(), self.extensions.clone());
        let fault = self.fault.clone();
        Ok(Self { url, host: None, subprotocols, extensions, headers: Vec::new(), fault })
    }

    /// Writes the head of HTTP/1.1.
    pub(super) fn write(&self, key: &str, config: &Config, head: &mut Writer) {
        head.line(&[b"GET ", self.url.resource.as_bytes(), b" HTTP/1.1"]);
        self.upgrade_headers(key, |name, value| head.header(name, value));
        self.headers(config, |name, value| head.header(name, value));
        head.line(&[]);
    }

    /// The headers that only HTTP/1.1 has.
    pub(in crate::handshake) fn upgrade_headers(&self, key: &str, mut add: impl FnMut(&str, &[u8])) {
        add("Host", self.authority().as_bytes());
        add("Upgrade", b"websocket");
        add("Connection", b"Upgrade");
        add("Sec-WebSocket-Key", key.as_bytes());
    }

    /// The headers that every version of HTTP has.
    pub(in crate::handshake) fn headers(&self, config: &Config, mut add: impl FnMut(&str, &[u8])) {
        add("Sec-WebSocket-Version", b"13");
        if !self.subprotocols.is_empty() {
            add("Sec-WebSocket-Protocol", self.subprotocols.join(", ").as_bytes());
        }
        if !self.extensions.is_empty() {
            add(extensions::HEADER, self.extensions.as_bytes());
        } else if let Some(offer) = extensions::offer(config) {
            add(extensions::HEADER, offer.as_bytes());
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
    }

    /// Host and port for the server: those of the caller's `Host`, or those of the URL.
    pub(in crate::handshake) fn authority(&self) -> Cow<'_, str> {
        match &self.host {
            Some(host) => host.into(),
            None => self.url.authority().into(),
        }
    }

    /// Path and query.
    #[cfg(feature = "http")]
    pub(in crate::handshake) fn resource(&self) -> &str {
        &self.url.resource
    }
}
