//! HTTP/1.1 heads, from bytes and to bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use crate::buffer::Buffer;
use crate::config::Config;
use crate::error::HandshakeError;

/// Waits for the empty line that ends a head, and looks at no byte twice while it does.
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
    fn headers(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// The head at the front of `input`, which is taken off it.
    pub(super) fn take(
        &mut self,
        input: &mut Buffer,
        config: &Config,
    ) -> Result<Option<Box<[u8]>>, HandshakeError> {
        input.release();
        let Some(len) = self.scan(input.unread(), config)? else { return Ok(None) };
        let head = input.unread().get(..len).unwrap_or_default().into();
        input.consume(len);
        Ok(Some(head))
    }
}

/// The headers of a head, with the head itself: whatever refers to it is an index.
#[derive(Clone, PartialEq, Eq)]
pub struct Headers {
    head: Box<[u8]>,
    lines: Box<[Line]>,
}

/// A header's name and value, by their place in the head.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    name: Range<usize>,
    value: Range<usize>,
}

/// A request line: where the method and the target stand, and the version after the `1.`.
pub(super) struct RequestLine {
    pub(super) method: Range<usize>,
    pub(super) target: Range<usize>,
    pub(super) minor_version: u8,
}

impl Headers {
    /// Parses the head of a request.
    pub(super) fn of_request(
        head: Box<[u8]>,
        scanner: &Scanner,
    ) -> Result<(Self, RequestLine), HandshakeError> {
        let mut headers = vec![httparse::EMPTY_HEADER; scanner.headers()];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(&head).map_err(|_| HandshakeError::MalformedHead)?;
        let (Some(method), Some(target), Some(minor_version)) =
            (request.method, request.path, request.version)
        else {
            return Err(HandshakeError::MalformedHead);
        };
        if parsed != httparse::Status::Complete(head.len()) {
            return Err(HandshakeError::MalformedHead);
        }
        let line = RequestLine {
            method: place(&head, method.as_bytes()),
            target: place(&head, target.as_bytes()),
            minor_version,
        };
        let lines = lines(&head, request.headers);
        Ok((Self { head, lines }, line))
    }

    /// Parses the head of a response; gives its status and the version after the `1.`.
    pub(super) fn of_response(head: Box<[u8]>, scanner: &Scanner) -> Result<(Self, u16, u8), HandshakeError> {
        let mut headers = vec![httparse::EMPTY_HEADER; scanner.headers()];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&head).map_err(|_| HandshakeError::MalformedHead)?;
        let (Some(status), Some(minor_version)) = (response.code, response.version) else {
            return Err(HandshakeError::MalformedHead);
        };
        if parsed != httparse::Status::Complete(head.len()) {
            return Err(HandshakeError::MalformedHead);
        }
        let lines = lines(&head, response.headers);
        Ok((Self { head, lines }, status, minor_version))
    }

    /// The value of the first header of that name, if it is UTF-8. Names are compared without regard to ASCII case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        core::str::from_utf8(value).ok()
    }

    /// The values of all headers of that name, as they were sent.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All headers in their order, as they were sent, without the white space around values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines.iter().map(|line| (self.text(&line.name), self.bytes(&line.value)))
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

    pub(super) fn bytes(&self, place: &Range<usize>) -> &[u8] {
        self.head.get(place.clone()).unwrap_or_default()
    }

    /// A part of the head that the parser takes for ASCII only.
    pub(super) fn text(&self, place: &Range<usize>) -> &str {
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

fn lines(head: &[u8], headers: &[httparse::Header<'_>]) -> Box<[Line]> {
    let line = |header: &httparse::Header<'_>| Line {
        name: place(head, header.name.as_bytes()),
        value: place(head, header.value),
    };
    headers.iter().map(line).collect()
}

/// Where in `head` its `part` stands.
fn place(head: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(head.as_ptr() as usize);
    start..start + part.len()
}

/// A head under construction. Whoever writes a line has checked what is in it.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(first_line: &[&[u8]]) -> Self {
        let mut writer = Self(Vec::with_capacity(256));
        writer.line(first_line);
        writer
    }

    pub(super) fn header(&mut self, name: &str, value: &[u8]) {
        self.line(&[name.as_bytes(), b": ", value]);
    }

    pub(super) fn finish(mut self, body: &[u8]) -> Vec<u8> {
        self.line(&[]);
        self.0.extend_from_slice(body);
        self.0
    }

    fn line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.0.extend_from_slice(part);
        }
        self.0.extend_from_slice(b"\r\n");
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
