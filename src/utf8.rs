//! Validates UTF-8 that arrives in pieces (RFC 6455 sections 5.6 and 8.1).
//!
//! A piece may end inside a character. Its whole characters are returned as `&str`; [`Carry`] keeps the first bytes of
//! the incomplete one, at most three, until the next piece. An invalid byte is an error at once.

use ascii::AsciiStr;

/// The bytes are not UTF-8, and more bytes cannot make them valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

/// Text below this length in bytes is tested for ASCII first, which takes less time than to set up the vectorised
/// validator.
const SHORT: usize = 64;

/// Validates a whole text.
#[inline]
pub(crate) fn whole(bytes: &[u8]) -> Result<&str, Invalid> {
    if bytes.len() < SHORT {
        if let Ok(text) = AsciiStr::from_ascii(bytes) {
            return Ok(text.as_str());
        }
    }
    simdutf8::basic::from_utf8(bytes).map_err(|_| Invalid)
}

/// The first bytes of a character that is not complete.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carry {
    bytes: [u8; 4],
    len: u8,
}

impl Carry {
    /// Whether the text so far ends with a complete character.
    pub(crate) fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The first bytes of a character that is not complete.
    #[cfg(feature = "deflate")]
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Validates the next piece of the text. Returns the character that it completes, then the whole characters after
    /// that.
    pub(crate) fn push<'a>(&mut self, mut piece: &'a [u8]) -> Result<(Option<char>, &'a str), Invalid> {
        let mut seam = None;
        while self.len > 0 && seam.is_none() {
            let Some((&byte, rest)) = piece.split_first() else { return Ok((None, "")) };
            piece = rest;
            seam = self.push_byte(byte)?;
        }
        let (whole, cut) = split_before_cut(piece);
        let text = self::whole(whole)?;
        for &byte in cut {
            self.push_byte(byte)?;
        }
        Ok((seam, text))
    }

    fn push_byte(&mut self, byte: u8) -> Result<Option<char>, Invalid> {
        let len = usize::from(self.len);
        *self.bytes.get_mut(len).ok_or(Invalid)? = byte;
        match core::str::from_utf8(self.bytes.get(..=len).unwrap_or_default()) {
            Ok(whole) => {
                self.len = 0;
                Ok(whole.chars().next())
            }
            Err(error) if error.error_len().is_none() => {
                self.len += 1;
                Ok(None)
            }
            Err(_) => Err(Invalid),
        }
    }
}

/// Splits off an incomplete character at the end. Looks only at the lead byte and the number of continuation bytes; the
/// caller validates both parts.
fn split_before_cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    let behind = bytes.iter().rev().take(3).position(|&byte| byte & 0xC0 != 0x80);
    let Some(continuations) = behind else { return (bytes, &[]) };
    let lead = bytes.len() - continuations - 1;
    let needed = match bytes.get(lead) {
        Some(0xC2..=0xDF) => 1,
        Some(0xE0..=0xEF) => 2,
        Some(0xF0..=0xF4) => 3,
        _ => 0,
    };
    if continuations < needed { bytes.split_at(lead) } else { (bytes, &[]) }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    /// The text of `pieces`; `None` if a byte is invalid or the text ends inside a character.
    fn joined<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
        let (mut carry, mut text) = (Carry::default(), String::new());
        for piece in pieces {
            let (seam, rest) = carry.push(piece).ok()?;
            text.extend(seam);
            text.push_str(rest);
        }
        carry.is_empty().then_some(text)
    }

    fn agrees_at_every_split(bytes: &[u8]) {
        let expected = core::str::from_utf8(bytes).ok().map(String::from);
        assert_eq!(joined([bytes]), expected, "{bytes:02x?}");
        assert_eq!(joined(bytes.chunks(1)), expected, "{bytes:02x?} byte by byte");
        for at in 1..bytes.len() {
            let (left, right) = bytes.split_at(at);
            assert_eq!(joined([left, right]), expected, "{left:02x?} {right:02x?}");
        }
    }

    // attack: utf8-1
    #[test]
    fn every_scalar_value() {
        for char in '\0'..=char::MAX {
            agrees_at_every_split(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    // attack: utf8-1
    // req: 6455-5.6-b, 6455-8.1-a
    #[test]
    fn strings_of_one_and_two_bytes_and_edges_of_longer_ones_agree_with_std() {
        for first in 0..=255 {
            agrees_at_every_split(&[first]);
            for second in 0..=255 {
                agrees_at_every_split(&[first, second]);
            }
        }
        // One byte from each side of every boundary in the tables of RFC 3629.
        const EDGES: [u8; 24] = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
            0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
        ];
        for a in EDGES {
            for b in EDGES {
                for c in EDGES {
                    agrees_at_every_split(&[a, b, c]);
                    for d in EDGES {
                        agrees_at_every_split(&[a, b, c, d]);
                    }
                }
            }
        }
    }

    #[test]
    fn split_character_is_returned_with_its_last_piece() {
        let mut carry = Carry::default();
        let rows: [(&[u8], Option<char>, &str); 7] = [
            (b"ab", None, "ab"),
            (b"", None, ""),
            (b"a\xe2", None, "a"),
            (b"", None, ""),
            (b"\x82", None, ""),
            (b"\xacb\xc3", Some('€'), "b"),
            (b"\xa9", Some('é'), ""),
        ];
        for (piece, completed, behind) in rows {
            assert_eq!(carry.push(piece), Ok((completed, behind)), "{piece:02x?}");
        }
        assert!(carry.is_empty());
    }

    #[test]
    fn first_invalid_byte_fails() {
        // Each row: valid so far, then a byte that makes it invalid.
        let rows: [(&[u8], u8); 6] = [
            (&[0xF4], 0x90),
            (&[0xED], 0xA0),
            (&[0xE0], 0x9F),
            (&[0xF0, 0x90], 0x28),
            (&[0xC3], 0x28),
            (b"ok\xE2\x82", b'x'),
        ];
        for (valid, byte) in rows {
            let mut carry = Carry::default();
            assert!(carry.push(valid).is_ok(), "{valid:02x?}");
            assert_eq!(carry.push(&[byte]), Err(Invalid), "{valid:02x?} {byte:02x}");
        }
    }

    #[test]
    fn long_text_is_valid_at_every_split() {
        let text = "κόσμε, 世界, 🦀 ".repeat(20);
        let pieces: Vec<_> = (1..text.len()).map(|at| text.as_bytes().split_at(at)).collect();
        for (left, right) in pieces {
            assert_eq!(joined([left, right]).as_deref(), Some(text.as_str()));
        }
    }
}
