//! HTTP/1.1 heads, from bytes and to bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;

use crate::buffer::Buffer;
use crate::config::Config;
use crate::error::HandshakeError;

/// Waits for the empty line that ends a head, and looks at no byte twice while it does. A head is parsed at the first
/// look, which is enough for most, and once its end has been found.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    scanned: usize,
    /// Where the line begins that is being looked at.
    line: usize,
    lines: usize,
}

impl Scanner {
    /// The length of the head, the empty line included, once it is all there.
    pub(super) fn scan(&mut self, bytes: &[u8], config: &Config) -> Result<Option<usize>, HandshakeError> {
        let fresh = bytes.get(self.scanned..).unwrap_or_default();
        for (at, _) in (self.scanned..).zip(fresh).filter(|(_, byte)| **byte == b'\n') {
            if at >= config.max_head_len {
                break;
            }
            // "A recipient MAY recognize a single LF as a line terminator" (RFC 9112 section 2.2). This one does not:
            // where two readers of a head disagree on its lines, requests are smuggled.
            match bytes.get(self.line..at) {
                Some(b"\r") if self.lines > 0 => return Ok(Some(at + 1)),
                Some([.., b'\r']) => {}
                _ => return Err(HandshakeError::MalformedHead),
            }
            self.lines += 1;
            self.line = at + 1;
            // The first line is not a header.
            if self.lines - 1 > config.max_headers {
                return Err(HandshakeError::TooManyHeaders);
            }
        }
        self.scanned = bytes.len();
        if bytes.len() >= config.max_head_len { Err(HandshakeError::HeadTooLong) } else { Ok(None) }
    }

    /// How many headers the head has, once it is all there.
    pub(super) fn headers(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// The head at the front of `input`, which is taken off it. `parse` is given bytes and how many headers there may be; it
    /// gives the length of the head and what is to be known of it.
    pub(super) fn take<T>(
        &mut self,
        input: &mut Buffer,
        config: &Config,
        parse: impl Fn(&[u8], usize) -> Option<(usize, T)>,
    ) -> Result<Option<T>, HandshakeError> {
        input.release();
        let bytes = input.unread();
        // A head that is all there at the first look, and without fault, needs no search for its end.
        let at_once = (self.scanned == 0 && bytes.first().is_some_and(u8::is_ascii_graphic))
            .then(|| parse(bytes.get(..config.max_head_len).unwrap_or(bytes), FEW.min(config.max_headers)));
        let (len, parsed) = match at_once.flatten() {
            Some(parsed) => parsed,
            None => {
                let Some(len) = self.scan(bytes, config)? else { return Ok(None) };
                parse(bytes.get(..len).unwrap_or_default(), self.headers())
                    .filter(|(parsed_len, _)| *parsed_len == len)
                    .ok_or(HandshakeError::MalformedHead)?
            }
        };
        input.consume(len);
        Ok(Some(parsed))
    }
}

/// The headers of a head, with the head itself: whatever refers to it is an index.
#[derive(Clone, PartialEq, Eq)]
pub struct Headers {
    head: Box<[u8]>,
    lines: Box<[Line]>,
}

/// Where something stands in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

/// A header's name and value, by their place in the head.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    name: Place,
    value: Place,
}

/// A status line: the status, and the version after the `1.`.
pub(super) struct StatusLine {
    pub(super) status: u16,
    pub(super) minor_version: u8,
}

/// How many headers are parsed without memory being asked for.
const FEW: usize = 100;

type Slot<'a> = MaybeUninit<httparse::Header<'a>>;

impl Headers {
    /// Parses the head of a request with at most `max` headers, for [`Scanner::take`]; what follows it is left alone. `read`
    /// makes something of it where nothing has to be looked up.
    pub(super) fn of_request<T>(
        bytes: &[u8],
        max: usize,
        read: impl Fn(Self, &httparse::Request<'_, '_>) -> T,
    ) -> Option<(usize, T)> {
        with_slots(max, |slots| {
            let mut request = httparse::Request::new(&mut []);
            let parsed = request.parse_with_uninit_headers(bytes, slots);
            let headers = Self::new(bytes, parsed, request.headers)?;
            Some((headers.head.len(), read(headers, &request)))
        })
    }

    /// The same for the head of a response.
    pub(super) fn of_response(bytes: &[u8], max: usize) -> Option<(usize, (Self, StatusLine))> {
        with_slots(max, |slots| {
            let mut response = httparse::Response::new(&mut []);
            let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
                &mut response,
                bytes,
                slots,
            );
            let headers = Self::new(bytes, parsed, response.headers)?;
            let line = StatusLine { status: response.code?, minor_version: response.version? };
            Some((headers.head.len(), (headers, line)))
        })
    }

    fn new(bytes: &[u8], parsed: httparse::Result<usize>, headers: &[httparse::Header<'_>]) -> Option<Self> {
        let Ok(httparse::Status::Complete(len)) = parsed else { return None };
        let head = bytes.get(..len).filter(|head| u32::try_from(head.len()).is_ok())?;
        // The parser takes a single LF for the end of a line; see `Scanner::scan`.
        let mut lines_end = head.ends_with(b"\r\n\r\n");
        let line = |header: &httparse::Header<'_>| {
            let name = Place::of(header.name.as_bytes(), head);
            lines_end &= head.get(..name.start as usize).is_some_and(|before| before.ends_with(b"\r\n"));
            Line { name, value: Place::of(header.value, head) }
        };
        let lines = headers.iter().map(line).collect();
        lines_end.then(|| Self { lines, head: head.into() })
    }

    /// The value of the first header of that name, if it is UTF-8. Names are compared without regard to ASCII case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
        core::str::from_utf8(value).ok()
    }

    /// The values of all headers of that name, as they were sent.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |(known, _): &(&[u8], _)| known.eq_ignore_ascii_case(name.as_bytes());
        self.fields().filter(named).map(|(_, value)| value)
    }

    /// All headers in their order, as they were sent, without the white space around values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines.iter().map(|line| (self.text(line.name), self.bytes(line.value)))
    }

    /// The same, the names as bytes: to compare them, nobody has to know that they are UTF-8.
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| (self.bytes(line.name), self.bytes(line.value)))
    }

    /// The one header of that name.
    pub(super) fn sole(&self, name: &'static str) -> Result<&[u8], HandshakeError> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (None, _) => Err(HandshakeError::Missing(name)),
            (Some(value), None) => Ok(value),
            (Some(_), Some(_)) => Err(HandshakeError::Duplicate(name)),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    pub(super) fn bytes(&self, place: Place) -> &[u8] {
        self.head.get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// A part of the head that the parser takes for ASCII only.
    pub(super) fn text(&self, place: Place) -> &str {
        core::str::from_utf8(self.bytes(place)).unwrap_or_default()
    }
}

impl core::fmt::Debug for Headers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))))
            .finish()
    }
}

/// Room for the parser to write headers to.
fn with_slots<'a, T>(count: usize, parse: impl FnOnce(&mut [Slot<'a>]) -> T) -> T {
    let mut few = [const { Slot::uninit() }; FEW];
    match few.get_mut(..count) {
        Some(slots) => parse(slots),
        None => parse(&mut vec![Slot::new(httparse::EMPTY_HEADER); count]),
    }
}

impl Place {
    /// Where `part` stands in the `head` that it is a part of.
    #[expect(clippy::cast_possible_truncation, reason = "`Headers::new` takes no head that is longer")]
    pub(super) fn of(part: &[u8], head: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
        Self { start: start as u32, end: start.wrapping_add(part.len()) as u32 }
    }
}

/// A head under construction. Whoever writes a line has checked what is in it.
pub(super) struct Writer(Vec<u8>);

/// Most heads are shorter.
const HEAD_LEN: usize = 256;

impl Writer {
    /// What `write` writes.
    pub(super) fn to_vec(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self(Vec::with_capacity(HEAD_LEN));
        write(&mut writer);
        writer.0
    }

    pub(super) fn header(&mut self, name: &str, value: &[u8]) {
        self.line(&[name.as_bytes(), b": ", value]);
    }

    pub(super) fn line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.bytes(part);
        }
        self.bytes(b"\r\n");
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8], config: &Config) -> Result<Option<usize>, HandshakeError> {
        let whole = Scanner::default().scan(bytes, config);
        let mut scanner = Scanner::default();
        let step = |len| scanner.scan(&bytes[..len], config);
        let dribbled = (0..=bytes.len()).map(step).find(|step| *step != Ok(None)).unwrap_or(Ok(None));
        assert_eq!(whole, dribbled, "{}", bytes.escape_ascii());
        whole
    }

    #[test]
    fn heads_end_with_an_empty_line() {
        let config = Config { max_head_len: 64, max_headers: 2, ..Config::default() };
        let long = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'x'; 64]].concat();
        let rows: [(&[u8], Result<Option<usize>, HandshakeError>); 8] = [
            (b"", Ok(None)),
            (b"GET / HTTP/1.1\r\n", Ok(None)),
            (b"GET / HTTP/1.1\r\n\r\n", Ok(Some(18))),
            (b"GET / HTTP/1.1\r\nA: b\r\n\r\n\x81\x00", Ok(Some(24))),
            (b"GET / HTTP/1.1\n\n", Err(HandshakeError::MalformedHead)),
            (b"GET / HTTP/1.1\r\nA: b\n\r\n", Err(HandshakeError::MalformedHead)),
            (b"G / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\n\r\n", Err(HandshakeError::TooManyHeaders)),
            (&long, Err(HandshakeError::HeadTooLong)),
        ];
        for (bytes, expected) in rows {
            assert_eq!(scan(bytes, &config), expected, "{}", bytes.escape_ascii());
        }
    }
}
