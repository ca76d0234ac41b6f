//! What makes a request an opening handshake: section 4.2.1.

use alloc::vec::Vec;

use super::head::Place;
use super::{elements, extensions, is_nonce, is_token};
use crate::error::HandshakeError;

/// What is known of a request of which section 4.2.1 holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The `Sec-WebSocket-Key`.
    pub(super) key: Place,
    pub(super) has_subprotocols: bool,
}

impl Opening {
    /// `None` where nothing says that the request is meant to be an opening handshake; whatever speaks of WebSocket is to
    /// be one, and no broken one.
    pub(super) fn of(
        head: &[u8],
        request: &httparse::Request<'_, '_>,
    ) -> Result<Option<Self>, HandshakeError> {
        let fields = Fields::of(request.headers);
        if !fields.speak_websocket() {
            return Ok(None);
        }
        let key = Place::of(fields.check(request)?, head);
        Ok(Some(Self { key, has_subprotocols: fields.has_subprotocols }))
    }
}

/// The headers that section 4.2.1 speaks of, all found in one pass.
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
    has_bad_extensions: bool,
    has_websocket_header: bool,
}

/// A header that may come once.
#[derive(Clone, Copy, Default)]
enum Field<'a> {
    #[default]
    Missing,
    Sole(&'a [u8]),
    Duplicate,
}

/// A list, and whether the one token is in it that counts.
#[derive(Clone, Copy, Default, PartialEq)]
enum Listed {
    #[default]
    Missing,
    Without,
    With,
}

impl<'a> Fields<'a> {
    fn of(headers: &[httparse::Header<'a>]) -> Self {
        let mut fields = Self::default();
        for header in headers {
            fields.add(header.name.as_bytes(), header.value);
        }
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

    /// A header whose name begins with `Sec-WebSocket-` and ends with `name`.
    fn add_websocket(&mut self, name: &[u8], value: &'a [u8]) {
        self.has_websocket_header = true;
        if is(name, b"key") {
            self.key.add(value);
        } else if is(name, b"version") {
            self.version.add(value);
        } else if is(name, b"protocol") {
            self.has_subprotocols = true;
        } else if is(name, b"extensions") {
            self.has_bad_extensions |= !extensions::are_valid(value);
        }
    }

    /// Whether any of them says that this is meant to be an opening handshake, be it a broken one.
    fn speak_websocket(&self) -> bool {
        self.has_websocket_header || self.upgrade == Listed::With
    }

    /// The rules of section 4.2.1, in its order, the version first among the `Sec-WebSocket` ones: what another version
    /// asks of the others is not known. Gives the key.
    fn check(&self, request: &httparse::Request<'_, '_>) -> Result<&'a [u8], HandshakeError> {
        if request.method != Some("GET") {
            return Err(HandshakeError::MethodNotGet);
        }
        if request.version != Some(1) {
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
        match self.version.sole("Sec-WebSocket-Version") {
            Ok(b"13") => {}
            Ok(_) | Err(HandshakeError::Missing(_)) => return Err(HandshakeError::UnsupportedVersion),
            Err(error) => return Err(error),
        }
        let key = self.key.sole("Sec-WebSocket-Key")?;
        if !is_nonce(key) {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Key"));
        }
        if let Field::Duplicate = self.origin {
            return Err(HandshakeError::Duplicate("Origin"));
        }
        if self.has_subprotocols {
            check_subprotocols(request.headers)?;
        }
        if self.has_bad_extensions {
            return Err(HandshakeError::Invalid("Sec-WebSocket-Extensions"));
        }
        Ok(key)
    }
}

/// Whether a name or an element of a list is the `known` one, which is of small letters and hyphens. By that bit nothing but a
/// letter becomes a small letter, and a hyphen nothing but a hyphen and a CR, which neither can have. All bytes are compared
/// together.
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

/// "1#token", and "each all unique strings" (section 4.1).
fn check_subprotocols(headers: &[httparse::Header<'_>]) -> Result<(), HandshakeError> {
    const NAME: &str = "Sec-WebSocket-Protocol";
    let lines = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(NAME));
    let mut names: Vec<&[u8]> = lines.flat_map(|header| elements(header.value)).collect();
    let valid = !names.is_empty() && names.iter().all(|name| is_token(name));
    names.sort_unstable();
    let unique = names.windows(2).all(|pair| pair.first() != pair.last());
    if valid && unique { Ok(()) } else { Err(HandshakeError::Invalid(NAME)) }
}
