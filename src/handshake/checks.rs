//! The rules of section 4.2.1 for the request of an opening handshake.

use super::head::Place;
use super::opens::{HttpVersion, Opens};
use super::{elements, extensions, is_nonce, is_token};
use crate::error::HandshakeError;

/// What the server still needs of a request that keeps the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    /// With the `Sec-WebSocket-Key`.
    pub(super) opens: Opens<Place>,
    pub(super) has_subprotocols: bool,
}

impl Checked {
    /// The names and values of `fields` are parts of `head`. `None` if the request does not mention WebSocket. One that does
    /// must keep all rules, any other only that of `Host`.
    pub(super) fn of<'a>(
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        head: &[u8],
        method: &str,
        version: HttpVersion,
    ) -> Result<Option<Self>, HandshakeError> {
        let fields = Fields::of(fields);
        if !fields.mention_websocket() {
            fields.check_http_host(version)?;
            return Ok(None);
        }
        let key = Place::of(fields.check(method, version)?, head);
        Ok(Some(Self { opens: Opens::Upgrade(key), has_subprotocols: fields.has_subprotocols }))
    }

    /// The rules for a `CONNECT` whose `:protocol` is `websocket`.
    #[cfg(feature = "http")]
    pub(super) fn of_extended_connect<'a>(
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Self, HandshakeError> {
        let fields = Fields::of(fields);
        fields.check_extended_connect()?;
        Ok(Self { opens: Opens::ExtendedConnect, has_subprotocols: fields.has_subprotocols })
    }
}

/// The headers that section 4.2.1 has rules for, collected in one pass.
#[derive(Default)]
struct Fields<'a> {
    host: Field<'a>,
    upgrade: Listed,
    connection: Listed,
    version: Field<'a>,
    key: Field<'a>,
    origin: Field<'a>,
    has_body: bool,
    has_subprotocols: bool,
    has_bad_subprotocols: bool,
    has_bad_extensions: bool,
    has_websocket_header: bool,
}

/// A header that must not come twice.
#[derive(Clone, Copy, Default)]
enum Field<'a> {
    #[default]
    Missing,
    Sole(&'a [u8]),
    Duplicate,
}

/// A header with a list, and whether the list has the required token.
#[derive(Clone, Copy, Default, PartialEq)]
enum Listed {
    #[default]
    Missing,
    Without,
    With,
}

impl<'a> Fields<'a> {
    fn of(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut fields = Self::default();
        headers.for_each(|(name, value)| fields.add(name, value));
        fields
    }

    fn add(&mut self, name: &[u8], value: &'a [u8]) {
        if is(name, b"host") {
            self.host.add(value);
        } else if is(name, b"origin") {
            self.origin.add(value);
        } else if is(name, b"upgrade") {
            self.upgrade.add(value, b"websocket");
        } else if is(name, b"connection") {
            self.connection.add(value, b"upgrade");
        } else if is(name, b"transfer-encoding") {
            self.has_body = true;
        } else if is(name, b"content-length") {
            self.has_body |= value != b"0";
        } else if let Some((prefix, rest)) = name.split_at_checked(14) {
            if is(prefix, b"sec-websocket-") {
                self.add_websocket(rest, value);
            }
        }
    }

    /// Adds a header whose name is `Sec-WebSocket-` and then `name`.
    fn add_websocket(&mut self, name: &[u8], value: &'a [u8]) {
        self.has_websocket_header = true;
        if is(name, b"key") {
            self.key.add(value);
        } else if is(name, b"version") {
            self.version.add(value);
        } else if is(name, b"protocol") {
            // A line without a name counts as absent.
            for name in elements(value) {
                self.has_subprotocols = true;
                self.has_bad_subprotocols |= !is_token(name);
            }
        } else if is(name, b"extensions") {
            self.has_bad_extensions |= !extensions::are_valid(value);
        }
    }

    /// Whether any header mentions WebSocket.
    fn mention_websocket(&self) -> bool {
        self.has_websocket_header || self.upgrade == Listed::With
    }

    /// "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header
    /// field and to any request message that contains more than one Host header field line" (RFC 9112 section 3.2).
    /// HTTP/1.0 has none, and HTTP/2 has `:authority` in its place.
    fn check_http_host(&self, version: HttpVersion) -> Result<(), HandshakeError> {
        match self.host.sole("Host") {
            Err(HandshakeError::Missing(_)) if version != HttpVersion::Http11 => Ok(()),
            host => host.map(|_| ()),
        }
    }

    /// Checks the rules of section 4.2.1 in its order, but the version before the other `Sec-WebSocket` headers: another
    /// version may have other rules for them. Gives the key.
    fn check(&self, method: &str, version: HttpVersion) -> Result<&'a [u8], HandshakeError> {
        // "HTTP/2 … does not use … the 101 (Switching Protocols) informational status code" (RFC 9113 section 8.6).
        if version == HttpVersion::Http2 {
            return Err(HandshakeError::NotAnUpgrade);
        }
        if method != "GET" {
            return Err(HandshakeError::MethodNotGet);
        }
        if version != HttpVersion::Http11 {
            return Err(HandshakeError::MalformedHead);
        }
        if self.has_body {
            return Err(HandshakeError::UnexpectedBody);
        }
        if self.host.sole("Host")?.is_empty() {
            return Err(HandshakeError::Invalid("Host"));
        }
        self.upgrade.check("Upgrade")?;
        self.connection.check("Connection")?;
        self.check_version()?;
        let key = self.key.sole("Sec-WebSocket-Key")?;
        if !is_nonce(key) {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Key"));
        }
        self.check_offers()?;
        Ok(key)
    }

    /// RFC 8441 section 5: "The … Connection and Upgrade header fields … are not included", and `Origin` and the headers
    /// that begin with `Sec-WebSocket-` mean what they mean in RFC 6455, but for the key, which is not looked at.
    #[cfg(feature = "http")]
    fn check_extended_connect(&self) -> Result<(), HandshakeError> {
        if self.has_body {
            return Err(HandshakeError::UnexpectedBody);
        }
        for (field, name) in [(self.upgrade, "Upgrade"), (self.connection, "Connection")] {
            if field != Listed::Missing {
                return Err(HandshakeError::Invalid(name));
            }
        }
        self.check_version()?;
        self.check_offers()
    }

    fn check_version(&self) -> Result<(), HandshakeError> {
        match self.version.sole("Sec-WebSocket-Version") {
            Ok(b"13") => Ok(()),
            Ok(_) | Err(HandshakeError::Missing(_)) => Err(HandshakeError::UnsupportedVersion),
            Err(error) => Err(error),
        }
    }

    /// Where the request comes from, and what it offers.
    fn check_offers(&self) -> Result<(), HandshakeError> {
        if let Field::Duplicate = self.origin {
            return Err(HandshakeError::Duplicate("Origin"));
        }
        // "1#token", and "each all unique strings" (section 4.1), which clients do not keep.
        if self.has_bad_subprotocols {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Protocol"));
        }
        if self.has_bad_extensions {
            return Err(HandshakeError::Invalid(extensions::HEADER));
        }
        Ok(())
    }
}

/// Whether `name` equals `known`, ASCII case aside. `known` has only small letters and hyphens: setting bit 0x20 makes a
/// small letter only of a letter, and a hyphen only of a hyphen or a CR, and no name has a CR. No early exit, so that the
/// loop vectorises.
fn is<const N: usize>(name: &[u8], known: &[u8; N]) -> bool {
    let differ = |name: &[u8; N]| name.iter().zip(known).fold(0, |differ, (a, b)| differ | ((a | 0x20) ^ b));
    <&[u8; N]>::try_from(name).is_ok_and(|name| differ(name) == 0)
}

impl<'a> Field<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = if let Self::Missing = self { Self::Sole(value) } else { Self::Duplicate };
    }

    fn sole(self, name: &'static str) -> Result<&'a [u8], HandshakeError> {
        match self {
            Self::Missing => Err(HandshakeError::Missing(name)),
            Self::Sole(value) => Ok(value),
            Self::Duplicate => Err(HandshakeError::Duplicate(name)),
        }
    }
}

impl Listed {
    fn add<const N: usize>(&mut self, value: &[u8], token: &[u8; N]) {
        if is(value, token) || elements(value).any(|element| is(element, token)) {
            *self = Self::With;
        } else if *self == Self::Missing {
            *self = Self::Without;
        }
    }

    fn check(self, name: &'static str) -> Result<(), HandshakeError> {
        match self {
            Self::Missing => Err(HandshakeError::Missing(name)),
            Self::Without => Err(HandshakeError::Invalid(name)),
            Self::With => Ok(()),
        }
    }
}
