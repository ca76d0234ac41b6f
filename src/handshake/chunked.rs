//! Bodies with `Transfer-Encoding: chunked` (RFC 9112 section 7.1), decoded as they arrive.
//!
//! ```text
//!   Size ──;──▶ Extension
//!     │ CR          │ CR
//!     └──▶ SizeEnd ◀┘
//!             │ LF          all of it     CR           LF
//!             ├──────▶ Data ─────────▶ DataEnd ──▶ DataEndLf ──▶ Size
//!             └ size 0 ──▶ Ended
//! ```
//!
//! The body ends with the last chunk. Trailers come behind it and are not read: nothing else is read from this stream either.

use alloc::vec::Vec;

/// The most digits of a chunk size: those of the longest `u64`.
const MAX_DIGITS: u8 = 16;

/// The most bytes of all chunk extensions of a body, with the white space in front of them. "A server ought to limit the
/// total length of chunk extensions" (section 7.1.1); this client does, too.
const MAX_EXTENSIONS: u16 = 16 << 10;

/// How far a body is decoded. Allocates nothing.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// The size of the current chunk; in its data, how many bytes are missing.
    size: u64,
    /// How many digits the size has so far.
    digits: u8,
    /// How many bytes of extensions are still accepted.
    extensions: u16,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// In the digits of a chunk size, or in the white space behind them.
    Size,
    Extension,
    /// Behind the CR of the size's line.
    SizeEnd,
    Data,
    /// Behind the data of a chunk.
    DataEnd,
    DataEndLf,
    /// The last chunk has arrived, or the encoding is malformed.
    Ended,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Size, size: 0, digits: 0, extensions: MAX_EXTENSIONS }
    }
}

impl Decoder {
    /// Appends what `bytes` decode to, until `body` is `limit` bytes long. True once nothing more follows: the last chunk has
    /// arrived, the encoding is malformed, or the body is that long.
    pub(super) fn decode(&mut self, mut bytes: &[u8], body: &mut Vec<u8>, limit: usize) -> bool {
        while body.len() < limit && self.state != State::Ended {
            if self.state == State::Data {
                let size = usize::try_from(self.size).unwrap_or(usize::MAX);
                let (data, rest) = bytes.split_at(size.min(limit - body.len()).min(bytes.len()));
                body.extend_from_slice(data);
                self.size -= data.len() as u64;
                bytes = rest;
                if self.size > 0 {
                    break;
                }
                self.state = State::DataEnd;
            }
            let Some((&byte, rest)) = bytes.split_first() else { break };
            bytes = rest;
            self.state = self.behind(byte).unwrap_or(State::Ended);
        }
        body.len() >= limit || self.state == State::Ended
    }

    /// The state behind a byte that is not data. `None` if the byte must not stand there.
    fn behind(&mut self, byte: u8) -> Option<State> {
        match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => Some(State::SizeEnd),
            (State::Size, b';') if self.digits > 0 => Some(State::Extension),
            // Bad white space, which a recipient must accept in front of an extension. Some senders pad sizes with it.
            (State::Size, b' ' | b'\t') if self.digits > 0 => {
                self.extensions = self.extensions.checked_sub(1)?;
                // No digit may follow.
                self.digits = MAX_DIGITS;
                Some(State::Size)
            }
            (State::Size, digit) if self.digits < MAX_DIGITS => {
                let digit = char::from(digit).to_digit(16)?;
                self.size = self.size << 4 | u64::from(digit);
                self.digits += 1;
                Some(State::Size)
            }
            (State::Extension, b'\r') => Some(State::SizeEnd),
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extensions = self.extensions.checked_sub(1)?;
                Some(State::Extension)
            }
            (State::SizeEnd, b'\n') if self.size == 0 => Some(State::Ended),
            (State::SizeEnd, b'\n') => Some(State::Data),
            (State::DataEnd, b'\r') => Some(State::DataEndLf),
            (State::DataEndLf, b'\n') => {
                (self.size, self.digits) = (0, 0);
                Some(State::Size)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// The body, and whether it has ended, of these reads.
    fn decode<'a>(reads: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> (Vec<u8>, bool) {
        let (mut decoder, mut body, mut has_ended) = (Decoder::default(), Vec::new(), false);
        for read in reads {
            has_ended = decoder.decode(read, &mut body, limit);
        }
        (body, has_ended)
    }

    // attack: way-4
    #[test]
    fn section_7_1_bodies_at_every_split() {
        let (long, endless) = ([b'x'; 100], [b"1;", &[b'e'; 16385][..], b"\r\nz"].concat());
        let rows: [(&[u8], &str, bool); 39] = [
            (b"", "", false),
            (b"0\r\n", "", true),
            (b"0\r\n\r\n", "", true),
            (b"4\r\nRust\r\n0\r\n\r\n", "Rust", true),
            (b"4\r\nRust\r\n1\r\n!\r\n0\r\n\r\n", "Rust!", true),
            (b"00000004\r\nRust\r\n000\r\n\r\n", "Rust", true),
            (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n", "01234567890123456789", true),
            (b"2\r\n\r\n\r\n0\r\n", "\r\n", true),
            // Extensions, and bad white space in front of them.
            (b"4;a=b;c=\"d;e\"\r\nRust\r\n0;last\r\n\r\n", "Rust", true),
            (b"4 ; a = b\r\nRust\r\n0\r\n\r\n", "Rust", true),
            (b"4 \t\r\nRust\r\n0 \r\n", "Rust", true),
            // Trailers are not looked at.
            (b"1\r\nx\r\n0\r\nA: b\r\n folded\r\n\r\n", "x", true),
            (b"1\r\nx\r\n0\r\n\0 not even text", "x", true),
            // Cut anywhere.
            (b"4\r", "", false),
            (b"4\r\nRu", "Ru", false),
            (b"4\r\nRust", "Rust", false),
            (b"4\r\nRust\r\n", "Rust", false),
            (b"4\r\nRust\r\n0", "Rust", false),
            (b"4\r\nRust\r\n0\r", "Rust", false),
            (b"4;ext", "", false),
            (b"ffffffffffffffff\r\nRust", "Rust", false),
            // Malformed: what came before is the body.
            (b"\r\n", "", true),
            (b";a\r\nx", "", true),
            (b" 1\r\nx", "", true),
            (b"-1\r\nx", "", true),
            (b"+1\r\nx", "", true),
            (b"0x1\r\nx", "", true),
            (b"1 1\r\nx", "", true),
            (b"g\r\nx", "", true),
            (b"00000000000000004\r\nRust", "", true),
            (b"1ffffffffffffffff\r\nRust", "", true),
            (b"4\nRust\n0\n\n", "", true),
            (b"4\r\r\nRust", "", true),
            (b"4;a\nb\r\nRust", "", true),
            (b"4;a\0\r\nRust", "", true),
            (b"4\r\nRust0\r\n", "Rust", true),
            (b"4\r\nRusty\r\n0\r\n", "Rust", true),
            (b"4\r\nRust\n0\r\n", "Rust", true),
            (&endless, "", true),
        ];
        for (bytes, body, has_ended) in rows {
            let expected = (body.as_bytes().to_vec(), has_ended);
            let start = bytes.get(..60).unwrap_or(bytes).escape_ascii();
            assert_eq!(decode([bytes], 1000), expected, "{start}");
            assert_eq!(decode(bytes.chunks(1), 1000), expected, "{start}");
            for at in (0..bytes.len()).filter(|at| *at < 60 || bytes.len() - at < 60) {
                let (front, back) = bytes.split_at(at);
                assert_eq!(decode([front, back], 1000), expected, "cut at {at}: {start}");
            }
        }
        let chunk = [b"64\r\n", &long[..], b"\r\n"].concat().repeat(3);
        for (limit, has_ended) in [(0, true), (1, true), (100, true), (250, true), (300, true), (301, false)]
        {
            let expected = (vec![b'x'; limit.min(300)], has_ended);
            assert_eq!(decode([&chunk[..]], limit), expected, "{limit}");
            assert_eq!(decode(chunk.chunks(1), limit), expected, "{limit}");
        }
    }

    // attack: way-4
    #[test]
    fn endless_extensions_and_tiny_chunks_are_bounded() {
        let (mut decoder, mut body, mut fed) = (Decoder::default(), Vec::new(), 0);
        while !decoder.decode(b"1;e\r\nx\r\n", &mut body, 1 << 20) {
            fed += 1;
        }
        assert_eq!((fed, body.len()), (16384, 16384), "one byte of extension each");
        let (mut decoder, mut body, mut fed) = (Decoder::default(), Vec::new(), 0);
        decoder.decode(b"1", &mut body, 1000);
        while !decoder.decode(b" \t", &mut body, 1000) {
            fed += 1;
        }
        assert_eq!((fed, body.len()), (8192, 0), "white space without end");
        let (mut decoder, mut body, mut fed) = (Decoder::default(), Vec::new(), 0);
        while !decoder.decode(b"1\r\nx\r\n", &mut body, 1000) {
            fed += 1;
        }
        assert_eq!((fed, body.len()), (999, 1000));
    }
}
