//! `Sec-WebSocket-Extensions` from bytes (RFC 6455 section 9.1).

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::is_token;

/// An extension as offered or accepted: its name and its parameters in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The extension's token, such as `permessage-deflate`.
    pub name: &'a str,
    /// Each parameter with the value it was given, quotes and escapes removed.
    pub params: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// Parses one header value into the extensions that it lists. `None` where it does not match the grammar: "the
/// recipient of such malformed data MUST immediately _Fail the WebSocket Connection_".
///
/// ```
/// use sansocket::handshake::extensions::parse;
///
/// let offers = parse(b"permessage-deflate; client_max_window_bits, permessage-deflate").unwrap();
/// assert_eq!(offers.len(), 2);
/// assert_eq!(offers[0].params, [("client_max_window_bits", None)]);
/// assert_eq!(parse(b"permessage-deflate; ="), None);
/// ```
pub fn parse(value: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut rest = Cursor(value);
    let mut extensions = Vec::new();
    loop {
        // "#rule": elements may be empty and then count for nothing.
        rest.skip_space();
        if !rest.is_empty() && rest.peek() != Some(b',') {
            extensions.push(extension(&mut rest)?);
        }
        if rest.is_empty() {
            return (!extensions.is_empty()).then_some(extensions);
        }
        rest.take(b',')?;
    }
}

fn extension<'a>(rest: &mut Cursor<'a>) -> Option<Extension<'a>> {
    let name = rest.token()?;
    let mut params = Vec::new();
    loop {
        rest.skip_space();
        if rest.peek() != Some(b';') {
            return Some(Extension { name, params });
        }
        rest.take(b';')?;
        rest.skip_space();
        let name = rest.token()?;
        rest.skip_space();
        let value = if rest.peek() == Some(b'=') {
            rest.take(b'=')?;
            rest.skip_space();
            Some(rest.value()?)
        } else {
            None
        };
        params.push((name, value));
    }
}

/// What has not been read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        (*first == byte).then_some(())
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.iter().position(|byte| !is_token(&[*byte])).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        core::str::from_utf8(token).ok().filter(|token| !token.is_empty())
    }

    /// "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the
    /// 'token' ABNF."
    fn value(&mut self) -> Option<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return self.token().map(Cow::Borrowed);
        }
        self.take(b'"')?;
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
        let value = is_token(&value).then_some(value)?;
        alloc::string::String::from_utf8(value).ok().map(Cow::Owned)
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
        let rows: [(&[u8], Option<Vec<Extension<'_>>>); 17] = [
            (b"foo", Some(vec![one("foo", &[])])),
            (b" foo , bar ", Some(vec![one("foo", &[]), one("bar", &[])])),
            (b"foo; bar; baz=2", Some(vec![one("foo", &[("bar", None), ("baz", Some("2"))])])),
            (b"foo;bar=\"b\\az\"", Some(vec![one("foo", &[("bar", Some("baz"))])])),
            (b"foo ; bar = 1\t,,", Some(vec![one("foo", &[("bar", Some("1"))])])),
            (b"foo; bar, foo; bar", Some(vec![one("foo", &[("bar", None)]), one("foo", &[("bar", None)])])),
            (b"", None),
            (b",", None),
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
