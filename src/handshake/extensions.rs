//! The `Sec-WebSocket-Extensions` header (RFC 6455 section 9.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{is_token, token_len};
use crate::config::Config;
#[cfg(feature = "deflate")]
use crate::deflate::{Negotiated, negotiation};
use crate::error::HandshakeError;

/// The name of the header.
pub(super) const HEADER: &str = "Sec-WebSocket-Extensions";

/// One extension in the header, as offered or accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The name, such as `permessage-deflate`.
    pub name: &'a str,
    /// Names and values of the parameters, in their order. Quotes and escapes are removed.
    pub params: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// As it is in the header, without quotes.
impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (name, value) in &self.params {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Parses one header value into the extensions that it lists. `None` if it does not match the grammar: "the recipient of
/// such malformed data MUST immediately _Fail the WebSocket Connection_". One deviation: a value that lists nothing is an
/// empty list, because some clients and servers send one.
///
/// ```
/// use sansocket::handshake::extensions::parse;
///
/// let offers = parse(b"permessage-deflate; client_max_window_bits, permessage-deflate").unwrap();
/// assert_eq!(offers.len(), 2);
/// assert_eq!(offers[0].params, [("client_max_window_bits", None)]);
/// assert_eq!(parse(b""), Some(vec![]));
/// assert_eq!(parse(b"permessage-deflate; ="), None);
/// ```
pub fn parse(value: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut extensions = Vec::new();
    read(value, |part| match part {
        Part::Name(name) => extensions.push(Extension { name: text(name), params: Vec::new() }),
        Part::Param(name, value) => {
            if let Some(extension) = extensions.last_mut() {
                extension.params.push((text(name), value.map(owned_text)));
            }
        }
    })?;
    Some(extensions)
}

/// Whether [`parse`] accepts the value. Allocates less.
pub(super) fn are_valid(value: &[u8]) -> bool {
    read(value, |_| ()).is_some()
}

/// Adds an extension to a list, the value of the header.
///
/// # Errors
///
/// A name or a value is not a token.
pub(super) fn add(list: &mut String, extension: &Extension<'_>) -> Result<(), HandshakeError> {
    let param = |(name, value): &(&str, Option<Cow<'_, str>>)| {
        is_token(name.as_bytes()) && value.as_ref().is_none_or(|value| is_token(value.as_bytes()))
    };
    if !is_token(extension.name.as_bytes()) || !extension.params.iter().all(param) {
        return Err(HandshakeError::BadHeader(HEADER.into()));
    }
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(&alloc::format!("{extension}"));
    Ok(())
}

/// Checks that a caller who offered this list offered all these extensions, by their names.
///
/// # Errors
///
/// One was not offered.
pub(super) fn check_offered(extensions: &[Extension<'_>], offered: &str) -> Result<(), HandshakeError> {
    let offered = parse(offered.as_bytes()).unwrap_or_default();
    let is_offered = |extension: &Extension<'_>| offered.iter().any(|offer| offer.name == extension.name);
    if extensions.iter().all(is_offered) { Ok(()) } else { Err(HandshakeError::ExtensionNotOffered) }
}

/// The value of the header with what a client offers.
pub(super) fn offer(_config: &Config) -> Option<String> {
    #[cfg(feature = "deflate")]
    return _config.deflate.as_ref().map(negotiation::offer);
    #[cfg(not(feature = "deflate"))]
    None
}

/// What a server with this configuration agrees on, and the value of its header: the first acceptable offer of
/// permessage-deflate in a list of values.
#[cfg(feature = "deflate")]
pub(super) fn accept<'a>(
    offers: impl Iterator<Item = Extension<'a>>,
    config: &Config,
) -> Option<(Negotiated, String)> {
    let settings = config.deflate.as_ref()?;
    let mut offers = offers.filter(|offer| offer.name == negotiation::NAME);
    offers.find_map(|offer| negotiation::accept(&offer.params, settings))
}

/// What a server has chosen for a client with this configuration. `offered`: the list that the caller offered in place of it.
///
/// # Errors
///
/// Another extension than permessage-deflate, or that one twice, was not offered. Bad parameters are an invalid header.
#[cfg(feature = "deflate")]
pub(super) fn chosen(
    extensions: &[Extension<'_>],
    offered: &str,
    config: &Config,
) -> Result<Option<Negotiated>, HandshakeError> {
    match (extensions, &config.deflate) {
        _ if !offered.is_empty() => check_offered(extensions, offered).map(|()| None),
        ([], _) => Ok(None),
        ([chosen], Some(settings)) if chosen.name == negotiation::NAME => {
            let agreed = negotiation::agreed(&chosen.params, settings);
            agreed.map(Some).ok_or(HandshakeError::Invalid(HEADER))
        }
        _ => Err(HandshakeError::ExtensionNotOffered),
    }
}

enum Part<'a> {
    Name(&'a [u8]),
    /// A parameter of the last extension named.
    Param(&'a [u8], Option<Cow<'a, [u8]>>),
}

/// A token as text.
fn text(token: &[u8]) -> &str {
    core::str::from_utf8(token).unwrap_or_default()
}

fn owned_text(token: Cow<'_, [u8]>) -> Cow<'_, str> {
    match token {
        Cow::Borrowed(token) => Cow::Borrowed(text(token)),
        Cow::Owned(token) => Cow::Owned(String::from_utf8(token).unwrap_or_default()),
    }
}

fn read<'a>(value: &'a [u8], mut found: impl FnMut(Part<'a>)) -> Option<()> {
    let mut rest = Cursor(value);
    loop {
        // "#rule": empty elements are allowed and ignored.
        rest.skip_space();
        if !rest.is_empty() && rest.peek() != Some(b',') {
            read_extension(&mut rest, &mut found)?;
        }
        if rest.is_empty() {
            return Some(());
        }
        rest.take(b',')?;
    }
}

fn read_extension<'a>(rest: &mut Cursor<'a>, found: &mut impl FnMut(Part<'a>)) -> Option<()> {
    found(Part::Name(rest.token()?));
    loop {
        rest.skip_space();
        if rest.take(b';').is_none() {
            return Some(());
        }
        rest.skip_space();
        let name = rest.token()?;
        rest.skip_space();
        let value = if rest.take(b'=').is_some() {
            rest.skip_space();
            Some(rest.value()?)
        } else {
            None
        };
        found(Part::Param(name, value));
    }
}

/// The unread rest of the value.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn token(&mut self) -> Option<&'a [u8]> {
        let (token, rest) = self.0.split_at(token_len(self.0));
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the
    /// 'token' ABNF."
    fn value(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.take(b'"').is_none() {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = Vec::new();
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => break,
                b'\\' => {
                    let (&escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    value.push(escaped);
                }
                byte => value.push(byte),
            }
        }
        is_token(&value).then_some(Cow::Owned(value))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn one<'a>(name: &'a str, params: &[(&'a str, Option<&'a str>)]) -> Extension<'a> {
        let params = params.iter().map(|(name, value)| (*name, value.map(Cow::Borrowed))).collect();
        Extension { name, params }
    }

    // req: 6455-4.3-d, 6455-4.3-e
    #[test]
    fn section_9_1_lists() {
        let rows: [(&[u8], Option<Vec<Extension<'_>>>); 19] = [
            (b"foo", Some(vec![one("foo", &[])])),
            (b" foo , bar ", Some(vec![one("foo", &[]), one("bar", &[])])),
            (b"foo; bar; baz=2", Some(vec![one("foo", &[("bar", None), ("baz", Some("2"))])])),
            (b"foo;bar=\"b\\az\"", Some(vec![one("foo", &[("bar", Some("baz"))])])),
            (b"foo ; bar = 1\t,,", Some(vec![one("foo", &[("bar", Some("1"))])])),
            (b"foo; bar, foo; bar", Some(vec![one("foo", &[("bar", None)]), one("foo", &[("bar", None)])])),
            (b"", Some(vec![])),
            (b" , ,\t", Some(vec![])),
            (b",foo,,", Some(vec![one("foo", &[])])),
            (b",;", None),
            (b"foo bar", None),
            (b"foo;", None),
            (b"foo; =1", None),
            (b"foo; bar=", None),
            (b"foo; bar=\"\"", None),
            (b"foo; bar=\"a b\"", None),
            (b"foo; bar=\"unclosed", None),
            (b"foo; bar=\"unclosed\\", None),
            (b"f\xc3\xa9e", None),
        ];
        for (value, expected) in rows {
            assert_eq!(parse(value), expected, "{}", value.escape_ascii());
        }
    }
}
