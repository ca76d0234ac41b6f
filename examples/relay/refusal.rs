//! Passes on a refusal of the upstream server while it arrives.
//!
//! Status, reason phrase and headers stay as they came, byte for byte, but for the headers that concern one hop (RFC
//! 9110 section 7.6.1). The body is passed on with the length that the server gave it, or in chunks. So a body that is
//! cut on the way is cut for the client, too: bytes are missing, or the last chunk is.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::opening::Limited;

/// How long the server or the client may take for the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);

const BUFFER_LEN: usize = 32 << 10;

/// The headers of one hop. `Upgrade` stays, because a 426 response must have it (RFC 9110 section 15.5.22).
const ONE_HOP: [&[u8]; 6] =
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"content-length"];

/// How the body ends (RFC 9112 section 6.3).
enum Body {
    None,
    /// After this many more bytes.
    Length(u64),
    /// Chunks, which are passed on as they came.
    Chunked(Chunks),
    /// With the stream. It is passed on in chunks, so that the client sees its end.
    UntilEnd,
}

/// Passes on a response of which this much `arrived`. The rest comes from `server`.
///
/// # Errors
///
/// `UnexpectedEof` if the body is cut. Those of the streams.
pub(crate) fn pass_on(arrived: &[u8], server: &TcpStream, client: &TcpStream) -> io::Result<()> {
    let (head, mut rest) = final_head(arrived).ok_or(io::ErrorKind::InvalidData)?;
    let (head, mut body) = onward(head);
    write(client, &head)?;
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        if body.pass(rest, client)? {
            return Ok(());
        }
        let mut stream = Limited { stream: server, deadline: Instant::now() + PATIENCE };
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return body.end(client);
        }
        rest = buffer.split_at(n).0;
    }
}

fn write(client: &TcpStream, bytes: &[u8]) -> io::Result<()> {
    Limited { stream: client, deadline: Instant::now() + PATIENCE }.write_all(bytes)
}

/// The head without its empty line, and what came behind it. Heads with a status below 200 are skipped.
fn final_head(mut arrived: &[u8]) -> Option<(&[u8], &[u8])> {
    loop {
        let from = arrived.strip_prefix(b"\r\n").unwrap_or(arrived);
        let end = from.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let (head, rest) = from.split_at(end + 2);
        arrived = rest.get(2..)?;
        let is_interim = head.splitn(2, |&byte| byte == b' ').nth(1)?.starts_with(b"1");
        if !is_interim {
            return Some((head, arrived));
        }
    }
}

/// The head for the client, with its empty line, and how the body ends.
fn onward(head: &[u8]) -> (Vec<u8>, Body) {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = lines.next().unwrap_or_default().splitn(2, |&byte| byte == b' ').nth(1).unwrap_or_default();
    let headers: Vec<_> = lines.filter_map(header).collect();
    let named = |name: &'static [u8]| {
        headers
            .iter()
            .filter(move |(known, _, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value, _)| *value)
    };
    let elements =
        |name| named(name).flat_map(|value| value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii));
    let body = if status.starts_with(b"204") || status.starts_with(b"304") {
        Body::None
    } else if let Some(last) = elements(b"transfer-encoding").last() {
        if last.eq_ignore_ascii_case(b"chunked") { Body::Chunked(Chunks::default()) } else { Body::UntilEnd }
    } else {
        named(b"content-length").next().and_then(length).map_or(Body::UntilEnd, Body::Length)
    };

    let mut onward = [b"HTTP/1.1 ", status, b"\r\n"].concat();
    for (name, _, line) in &headers {
        let concerns_one_hop = ONE_HOP.iter().any(|known| name.eq_ignore_ascii_case(known))
            || elements(b"connection")
                .any(|option| option.eq_ignore_ascii_case(name) && !name.eq_ignore_ascii_case(b"upgrade"));
        if !concerns_one_hop {
            onward.extend_from_slice(line);
            onward.extend_from_slice(b"\r\n");
        }
    }
    // "A sender of Upgrade MUST also send an 'Upgrade' connection option" (RFC 9110 section 7.8).
    let options = if named(b"upgrade").next().is_some() { "close, Upgrade" } else { "close" };
    onward.extend_from_slice(format!("Connection: {options}\r\n").as_bytes());
    let mut codings: Vec<_> = elements(b"transfer-encoding").collect();
    match &body {
        Body::None => {}
        Body::Length(len) => onward.extend_from_slice(format!("Content-Length: {len}\r\n").as_bytes()),
        Body::Chunked(_) | Body::UntilEnd => {
            if let Body::UntilEnd = body {
                codings.push(b"chunked");
            }
            onward.extend_from_slice(b"Transfer-Encoding: ");
            onward.extend_from_slice(&codings.join(&b", "[..]));
            onward.extend_from_slice(b"\r\n");
        }
    }
    onward.extend_from_slice(b"\r\n");
    (onward, body)
}

/// Name, value and the whole line. `None` for a line that is no header, which the handshake ignores, too.
fn header(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, value) = line.split_at_checked(line.iter().position(|&byte| byte == b':')?)?;
    let is_token = !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte));
    is_token.then(|| (name, value.get(1..).unwrap_or_default().trim_ascii(), line))
}

/// "Content-Length = 1*DIGIT" (RFC 9110 section 8.6).
fn length(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit).then_some(value)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl Body {
    /// Passes on the part of `bytes` that belongs to the body. True if it is complete.
    fn pass(&mut self, bytes: &[u8], client: &TcpStream) -> io::Result<bool> {
        match self {
            Self::None => Ok(true),
            Self::Length(left) => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                write(client, bytes.split_at(len).0)?;
                *left -= len as u64;
                Ok(*left == 0)
            }
            Self::Chunked(chunks) => {
                let len =
                    bytes.iter().position(|&byte| chunks.take(byte)).map_or(bytes.len(), |last| last + 1);
                match chunks.state {
                    // The client must not take this for the end of the body, so the malformed byte is not passed on.
                    State::Malformed => {
                        write(client, bytes.split_at(len - 1).0)?;
                        Err(io::ErrorKind::InvalidData.into())
                    }
                    state => {
                        write(client, bytes.split_at(len).0)?;
                        Ok(state == State::Ended)
                    }
                }
            }
            Self::UntilEnd if bytes.is_empty() => Ok(false),
            Self::UntilEnd => {
                let size = format!("{:x}\r\n", bytes.len());
                write(client, &[size.as_bytes(), bytes, b"\r\n"].concat())?;
                Ok(false)
            }
        }
    }

    /// The server has ended the stream.
    fn end(self, client: &TcpStream) -> io::Result<()> {
        match self {
            Self::UntilEnd => write(client, b"0\r\n\r\n"),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the upstream server's refusal was cut")),
        }
    }
}

/// Where a chunked body (RFC 9112 section 7.1) is. It looks for the end alone.
#[derive(Default)]
struct Chunks {
    state: State,
    /// The size of the chunk; in its data, how many bytes are missing, the line end included.
    size: u64,
    /// How many digits the size has, or how many characters the line of a trailer.
    count: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Size,
    /// Behind the digits of the size.
    Extension,
    Data,
    Trailer,
    Ended,
    Malformed,
}

impl Chunks {
    /// True if this byte is the last one, or is malformed.
    fn take(&mut self, byte: u8) -> bool {
        self.state = match (self.state, byte) {
            (State::Size, digit) if digit.is_ascii_hexdigit() && self.count < 15 => {
                self.size = self.size << 4 | u64::from(char::from(digit).to_digit(16).unwrap_or_default());
                self.count += 1;
                State::Size
            }
            (State::Size, b'\r' | b';' | b' ' | b'\t') if self.count > 0 => State::Extension,
            (State::Extension, b'\n') => {
                self.count = 0;
                if self.size == 0 {
                    State::Trailer
                } else {
                    self.size += 2;
                    State::Data
                }
            }
            (State::Extension, _) => State::Extension,
            (State::Data, _) => {
                self.size -= 1;
                if self.size == 0 { State::Size } else { State::Data }
            }
            (State::Trailer, b'\n') if self.count == 0 => State::Ended,
            (State::Trailer, b'\n') => {
                self.count = 0;
                State::Trailer
            }
            (State::Trailer, b'\r') => State::Trailer,
            (State::Trailer, _) => {
                self.count += 1;
                State::Trailer
            }
            _ => State::Malformed,
        };
        matches!(self.state, State::Ended | State::Malformed)
    }
}
