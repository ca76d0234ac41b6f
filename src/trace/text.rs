//! Text in events: bounded, escaped, and without what may be secret.

use std::fmt::{self, Display, Write};

use crate::dial::Ending;
use crate::error::{Error, HandshakeError};

/// The most characters of a text, escaped.
const LONGEST: usize = 256;

/// Text whose control characters are escaped, as in a string of Rust: what a peer sends can neither begin a line of a log nor
/// command a terminal. Longer text is cut, and ends with `…`.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut escaping = Escaping { to: f, left: LONGEST };
        match write!(escaping, "{}", self.0) {
            Err(_) if escaping.left == 0 => f.write_char('…'),
            written => written,
        }
    }
}

struct Escaping<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    left: usize,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            // Quotes are the only characters that `escape_debug` escapes and that a line of a log may have.
            let escaped = if matches!(char, '\'' | '"') { None } else { Some(char.escape_debug()) };
            let len = escaped.as_ref().map_or(1, ExactSizeIterator::len);
            let Some(left) = self.left.checked_sub(len) else {
                self.left = 0;
                return Err(fmt::Error);
            };
            self.left = left;
            match escaped {
                Some(escaped) => write!(self.to, "{escaped}")?,
                None => self.to.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// Why there is no connection. Names of subprotocols and headers are left out: programs put tokens into both.
pub(super) struct Reason<'a>(pub(super) &'a Error);

impl Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Handshake(HandshakeError::BadHeader(_)) => f.write_str("a header cannot be sent"),
            Error::Handshake(HandshakeError::BadSubprotocol(_)) => {
                f.write_str("a subprotocol cannot be sent")
            }
            error => Escaped(error).fmt(f),
        }
    }
}

/// Why a connection pauses.
pub(super) struct Why<'a>(pub(super) &'a Ending);

impl Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ending::Failed(error) => Reason(error).fmt(f),
            closed @ Ending::Closed(_) => closed.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_quotes_are_not() {
        let text = "a\nb\r\x1b[31m\u{2028}\u{202e}\\ 'c' \"d\" é";
        let expected = r#"a\nb\r\u{1b}[31m\u{2028}\u{202e}\\ 'c' "d" é"#;
        assert_eq!(Escaped(text).to_string(), expected);
    }

    #[test]
    fn text_of_256_characters_is_whole_and_longer_text_is_cut() {
        let whole = "x".repeat(256);
        assert_eq!(Escaped(&whole).to_string(), whole);
        assert_eq!(Escaped(format!("{whole}y")).to_string(), whole.clone() + "…");
        // An escape is whole or missing.
        assert_eq!(Escaped("x".repeat(255) + "\n").to_string(), "x".repeat(255) + "…");
    }

    #[test]
    fn names_that_may_be_tokens_are_left_out() {
        for error in
            [HandshakeError::BadHeader("s3cret".into()), HandshakeError::BadSubprotocol("s3cret".into())]
        {
            assert!(error.to_string().contains("s3cret"), "{error}");
            let reason = Reason(&error.into()).to_string();
            assert!(!reason.contains("s3cret") && reason.ends_with("cannot be sent"), "{reason}");
        }
    }
}
