//! HTTP/1.1 heads: decoded and encoded.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;

use super::lines::without_odd_lines;
use crate::config::Config;
use crate::connection::Inbox;
use crate::error::HandshakeError;

/// Finds the empty line that ends a head, and looks at each byte once. A head that is complete at the first look is parsed
/// without the search.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    scanned: usize,
    /// Where the current line begins.
    line: usize,
    /// How many lines are complete.
    lines: usize,
}

impl Scanner {
    /// The length of the head with its empty line, in bytes. `None` if it is not complete.
    pub(super) fn scan(&mut self, bytes: &[u8], config: &Config) -> Result<Option<usize>, HandshakeError> {
        let fresh = bytes.get(self.scanned..).unwrap_or_default();
        for (at, _) in (self.scanned..).zip(fresh).filter(|(_, byte)| **byte == b'\n') {
            if at >= config.max_head_len {
                break;
            }
            // "A recipient MAY recognize a single LF as a line terminator" (RFC 9112 section 2.2). This one does not: if
            // two readers of a head disagree on its lines, requests can be smuggled.
            match bytes.get(self.line..at) {
                Some(b"\r") if self.lines > 0 => return Ok(Some(at + 1)),
                Some([.., b'\r']) => {}
                _ => return Err(HandshakeError::MalformedHead),
            }
            self.lines += 1;
            self.line = at + 1;
            if self.headers() > config.max_headers {
                return Err(HandshakeError::TooManyHeaders);
            }
        }
        self.scanned = bytes.len();
        if bytes.len() >= config.max_head_len { Err(HandshakeError::HeadTooLong) } else { Ok(None) }
    }

    /// How many headers there have been. The first line is not a header.
    pub(super) fn headers(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// The length in bytes of the head at the front of `bytes`, and what `parse` made of it. `parse` gets the bytes and the
    /// most headers that they may have. It gives the length of the head and its result. `may_begin` gets the first line, as
    /// far as it has arrived, and says whether a head can begin so: a peer that speaks another protocol may never send the
    /// end of a head.
    pub(super) fn head<T>(
        &mut self,
        bytes: &[u8],
        config: &Config,
        may_begin: impl Fn(&[u8]) -> bool,
        mut parse: impl FnMut(&[u8], usize) -> Option<(usize, T)>,
    ) -> Result<Option<(usize, T)>, HandshakeError> {
        let within = bytes.get(..config.max_head_len).unwrap_or(bytes);
        // A valid head that is complete at the first look needs no search for its end.
        let at_once = (self.scanned == 0 && bytes.first().is_some_and(u8::is_ascii_graphic))
            .then(|| parse(within, FEW.min(config.max_headers)));
        if let Some(head) = at_once.flatten() {
            return Ok(Some(head));
        }
        if !self.first_line(within).is_none_or(may_begin) {
            return Err(HandshakeError::MalformedHead);
        }
        let Some(len) = self.scan(bytes, config)? else { return Ok(None) };
        let parsed = parse(bytes.get(..len).unwrap_or_default(), self.headers());
        match parsed.filter(|(parsed_len, _)| *parsed_len == len) {
            Some(head) => Ok(Some(head)),
            None => Err(HandshakeError::MalformedHead),
        }
    }

    /// The first line, as far as it has arrived. `None` if it was complete before. One empty line before it is ignored (RFC
    /// 9112 section 2.2), and a CR alone may still become that one.
    fn first_line<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        if bytes == b"\r" {
            return None;
        }
        let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
        if self.lines > usize::from(skipped > 0) {
            return None;
        }
        let from = self.scanned.max(skipped);
        let end = bytes.get(from..)?.iter().position(|&byte| byte == b'\n');
        bytes.get(skipped..end.map_or(bytes.len(), |end| from + end + 1))
    }

    /// [`head`](Self::head) of what was received, which is taken off it.
    pub(super) fn take<T>(
        &mut self,
        received: &mut Inbox,
        config: &Config,
        may_begin: impl Fn(&[u8]) -> bool,
        parse: impl FnMut(&[u8], usize) -> Option<(usize, T)>,
    ) -> Result<Option<T>, HandshakeError> {
        received.release();
        let head = self.head(received.unread(), config, may_begin, parse)?;
        let Some((len, parsed)) = head else { return Ok(None) };
        received.consume(len);
        Ok(Some(parsed))
    }
}

/// The headers of an HTTP head. Names are compared without regard to ASCII case.
#[derive(Clone, PartialEq, Eq)]
pub struct Headers {
    /// The whole head. Everything else refers to it by position.
    head: Box<[u8]>,
    lines: Box<[Line]>,
}

/// A range of bytes in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

/// One header.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: Place,
    value: Place,
}

/// The status line of a response.
pub(super) struct StatusLine {
    pub(super) status: u16,
    /// The version is HTTP/1.`minor_version`.
    pub(super) minor_version: u8,
}

/// Up to this many headers are parsed without an allocation.
const FEW: usize = 100;

type Slot<'a> = MaybeUninit<httparse::Header<'a>>;

impl Headers {
    /// Parses the head of a request with at most `max` headers, for [`Scanner::head`]. `read` makes the result of the headers
    /// and the parser's own view.
    pub(super) fn of_request<T>(
        bytes: &[u8],
        max: usize,
        read: impl Fn(Self, &httparse::Request<'_, '_>) -> T,
    ) -> Option<(usize, T)> {
        with_slots(max, |slots| {
            let mut request = httparse::Request::new(&mut []);
            let parsed = request.parse_with_uninit_headers(bytes, slots).ok()?;
            let headers = Self::new(bytes, parsed, request.headers)?;
            Some((headers.head.len(), read(headers, &request)))
        })
    }

    /// [`of_request`](Self::of_request) for a response. Odd lines are left out of it.
    pub(super) fn of_response(bytes: &[u8], max: usize) -> Option<(usize, (Self, StatusLine))> {
        match Self::of_plain_response(bytes, max) {
            Ok(parsed) => parsed,
            Err(_) => {
                let (len, plain) = without_odd_lines(bytes, max)?;
                let (_, parsed) = Self::of_plain_response(&plain, max).ok()??;
                Some((len, parsed))
            }
        }
    }

    /// `Ok(None)` if the head is not complete, or is refused for its line ends.
    fn of_plain_response(
        bytes: &[u8],
        max: usize,
    ) -> Result<Option<(usize, (Self, StatusLine))>, httparse::Error> {
        with_slots(max, |slots| {
            let mut response = httparse::Response::new(&mut []);
            let config = httparse::ParserConfig::default();
            let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, slots);
            let headers = Self::new(bytes, parsed?, response.headers);
            let line = response.code.zip(response.version);
            let line = line.map(|(status, minor_version)| StatusLine { status, minor_version });
            Ok(headers.zip(line).map(|parsed| (parsed.0.head.len(), parsed)))
        })
    }

    fn new(bytes: &[u8], parsed: httparse::Status<usize>, headers: &[httparse::Header<'_>]) -> Option<Self> {
        let httparse::Status::Complete(len) = parsed else { return None };
        let head = bytes.get(..len).filter(|head| u32::try_from(head.len()).is_ok())?;
        // The parser accepts a single LF as the end of a line, `Scanner::scan` does not.
        let mut lines_end = head.ends_with(b"\r\n\r\n");
        let line = |header: &httparse::Header<'_>| {
            let name = Place::of(header.name.as_bytes(), head);
            lines_end &= head.get(..name.start as usize).is_some_and(|before| before.ends_with(b"\r\n"));
            Line { name, value: Place::of(header.value, head) }
        };
        let lines = headers.iter().map(line).collect();
        lines_end.then(|| Self { lines, head: head.into() })
    }

    /// Headers that another library has read, behind the `parts` of its first line. Gives where the parts are. `None` if they
    /// are 4 GiB long.
    #[cfg(feature = "http")]
    pub(super) fn collect<'a, const N: usize>(
        parts: [&[u8]; N],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<(Self, [Place; N])> {
        let mut head = Vec::with_capacity(HEAD_LEN);
        let mut add = |part: &[u8]| {
            let start = u32::try_from(head.len()).ok()?;
            head.extend_from_slice(part);
            Some(Place { start, end: u32::try_from(head.len()).ok()? })
        };
        let mut places = [Place { start: 0, end: 0 }; N];
        for (place, part) in places.iter_mut().zip(parts) {
            *place = add(part)?;
        }
        let line = |(name, value): (&[u8], &[u8])| Some(Line { name: add(name)?, value: add(value)? });
        let lines = headers.map(line).collect::<Option<_>>()?;
        Some((Self { lines, head: head.into() }, places))
    }

    /// The value of the first header of that name, if it is UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
        core::str::from_utf8(value).ok()
    }

    /// The values of all headers of that name, in their order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |(known, _): &(&[u8], _)| known.eq_ignore_ascii_case(name.as_bytes());
        self.fields().filter(named).map(|(_, value)| value)
    }

    /// Names and values of all headers, in their order. White space around values is removed.
    pub fn iter(&self) -> HeadersIter<'_> {
        self.into_iter()
    }

    /// [`iter`](Self::iter) with names as bytes, which saves the UTF-8 check.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| (self.bytes(line.name), self.bytes(line.value)))
    }

    /// The value of the only header of that name.
    pub(super) fn sole(&self, name: &'static str) -> Result<&[u8], HandshakeError> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (None, _) => Err(HandshakeError::Missing(name)),
            (Some(value), None) => Ok(value),
            (Some(_), Some(_)) => Err(HandshakeError::Duplicate(name)),
        }
    }

    /// The whole head.
    #[cfg(feature = "http")]
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    pub(super) fn bytes(&self, place: Place) -> &[u8] {
        self.head.get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// A part of the head that the parser accepts only in ASCII.
    pub(super) fn text(&self, place: Place) -> &str {
        core::str::from_utf8(self.bytes(place)).unwrap_or_default()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a str, &'a [u8]);
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        HeadersIter { headers: self, lines: self.lines.iter() }
    }
}

/// Names and values of headers, from [`Headers::iter`].
#[derive(Clone, Debug)]
pub struct HeadersIter<'a> {
    headers: &'a Headers,
    lines: core::slice::Iter<'a, Line>,
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        Some((self.headers.text(line.name), self.headers.bytes(line.value)))
    }
}

impl core::fmt::Debug for Headers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))))
            .finish()
    }
}

/// Calls `parse` with room for `count` headers.
fn with_slots<'a, T>(count: usize, parse: impl FnOnce(&mut [Slot<'a>]) -> T) -> T {
    let mut few = [const { Slot::uninit() }; FEW];
    match few.get_mut(..count) {
        Some(slots) => parse(slots),
        None => parse(&mut vec![Slot::new(httparse::EMPTY_HEADER); count]),
    }
}

impl Place {
    /// The position of `part` in `head`, which it must be a part of.
    #[expect(clippy::cast_possible_truncation, reason = "`Headers::new` accepts no longer head")]
    pub(super) fn of(part: &[u8], head: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
        Self { start: start as u32, end: start.wrapping_add(part.len()) as u32 }
    }
}

/// Encodes a head. The caller has checked the content of each line.
pub(super) struct Writer(Vec<u8>);

/// The first capacity, in bytes. Most heads are shorter.
const HEAD_LEN: usize = 256;

impl Writer {
    /// The bytes that `write` writes.
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
        let bytewise = (0..=bytes.len()).map(step).find(|step| *step != Ok(None)).unwrap_or(Ok(None));
        assert_eq!(whole, bytewise, "{}", bytes.escape_ascii());
        whole
    }

    #[test]
    fn head_ends_with_an_empty_line() {
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
