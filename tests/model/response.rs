//! Responses as a client must judge them: the list at the end of section 4.1.

use sansocket::{Config, HandshakeError};

use super::extensions::extension_list;
use super::head::{Headers, all, elements, is_text, lacks, lines, response_headers, sole};

/// The most 1xx responses before the final one. The limit is this crate's own.
const INTERIM: usize = 8;

/// What a response is.
#[derive(Debug)]
pub(crate) enum Answered {
    /// The head is not complete.
    Nothing,
    /// All rules that the response breaks. A client must name one of them.
    Broken(Vec<HandshakeError>),
    /// A status other than 101. `body_len` is the length of the body according to the head.
    Refused { status: u16, headers: Headers, body_len: Option<u64>, len: usize },
    /// The connection is open; `len` is where the first frame begins.
    Opened { headers: Headers, len: usize },
}

pub(crate) fn judge_response(bytes: &[u8], config: &Config, accept: &str, offered: &[&str]) -> Answered {
    let mut len = 0;
    for _ in 0..=INTERIM {
        let (lines, head_len) = match lines(&bytes[len..], config, may_begin) {
            Ok(None) => return Answered::Nothing,
            Err(error) => return Answered::Broken(vec![error]),
            Ok(Some(lines)) => lines,
        };
        len += head_len;
        let parsed = lines
            .split_first()
            .and_then(|(first, rest)| Some((status_line(first)?, response_headers(rest)?)));
        let Some(((version, status), headers)) = parsed else { break };
        match status {
            101 if version == 0 => break,
            101 => {
                let broken = broken_rules(&headers, accept, offered);
                let is_open = broken.is_empty();
                return if is_open { Answered::Opened { headers, len } } else { Answered::Broken(broken) };
            }
            100..=199 => {}
            _ => {
                let body_len = body_len(status, &headers);
                return Answered::Refused { status, headers, body_len, len };
            }
        }
    }
    Answered::Broken(vec![HandshakeError::MalformedHead])
}

/// Whether some status line begins with `bytes`, or is their beginning.
fn may_begin(bytes: &[u8]) -> bool {
    let pattern = b"HTTP/1.m ddds";
    bytes.iter().zip(pattern).all(|(byte, expected)| match expected {
        b'm' => b"01".contains(byte),
        b'd' => byte.is_ascii_digit(),
        b's' => b" \r".contains(byte),
        expected => byte == expected,
    })
}

/// `HTTP-version SP status-code [ SP [ reason-phrase ] ]`.
fn status_line(line: &[u8]) -> Option<(u8, u16)> {
    let (version, rest) = match line {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', rest @ ..] => {
            (minor - b'0', rest)
        }
        _ => return None,
    };
    let (code, reason) = rest.split_at_checked(3)?;
    let valid = code.iter().all(u8::is_ascii_digit)
        && (reason.is_empty() || reason.starts_with(b" "))
        && is_text(reason);
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit.wrapping_sub(b'0')));
    valid.then_some((version, code))
}

fn broken_rules(headers: &Headers, accept: &str, offered: &[&str]) -> Vec<HandshakeError> {
    use HandshakeError::*;
    let mut broken = Vec::new();
    match sole(headers, "Upgrade") {
        Ok(value) if value.eq_ignore_ascii_case(b"websocket") => {}
        Ok(_) => broken.push(Invalid("Upgrade")),
        Err(error) => broken.push(error),
    }
    broken.extend(lacks(headers, "Connection", "upgrade"));
    match sole(headers, "Sec-WebSocket-Accept") {
        Ok(value) if value == accept.as_bytes() => {}
        Ok(_) => broken.push(Invalid("Sec-WebSocket-Accept")),
        Err(error) => broken.push(error),
    }
    // "If this header field indicates the use of an extension that was not present in the client's handshake": none is.
    for value in all(headers, "Sec-WebSocket-Extensions") {
        match extension_list(&value) {
            None => broken.push(Invalid("Sec-WebSocket-Extensions")),
            Some(list) if list.is_empty() => {}
            Some(_) => broken.push(ExtensionNotOffered),
        }
    }
    // Lines that name nothing are as if absent.
    let mut named = headers.clone();
    named.retain(|(name, value)| !elements(&vec![(name.clone(), value.clone())], name).is_empty());
    let protocol = "Sec-WebSocket-Protocol";
    match (all(&named, protocol).len(), &elements(&named, protocol)[..]) {
        (0, _) => {}
        (1, [chosen]) if offered.iter().any(|offered| offered.as_bytes() == chosen) => {}
        (1, _) => broken.push(SubprotocolNotOffered),
        _ => broken.push(Duplicate(protocol)),
    }
    broken
}

/// The body of a refusal as far as `bytes` have it, at most `limit` bytes, and whether nothing of it is missing.
pub(crate) fn refusal_body(
    headers: &Headers,
    body_len: Option<u64>,
    bytes: &[u8],
    limit: usize,
) -> (Vec<u8>, bool) {
    let last = elements(headers, "Transfer-Encoding").pop();
    if body_len.is_none() && last.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
        let (mut body, has_ended) = chunks(bytes);
        body.truncate(limit);
        let is_complete = has_ended || body.len() == limit;
        return (body, is_complete);
    }
    let wanted = body_len.map_or(limit, |len| usize::try_from(len).unwrap_or(usize::MAX).min(limit));
    (bytes[..bytes.len().min(wanted)].into(), bytes.len() >= wanted)
}

/// The data of all chunks (RFC 9112 section 7.1), and whether the body has ended: by the last chunk, or by what is no chunk.
fn chunks(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    let mut extensions = 16 << 10;
    loop {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            // A line that has not ended may be no line of a size already.
            let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            return (body, !line.is_empty() && chunk_size(line, &mut extensions).is_none() || bytes == b"\r");
        };
        let size = bytes[..end].strip_suffix(b"\r").and_then(|line| chunk_size(line, &mut extensions));
        let Some(size @ 1..) = size else { return (body, true) };
        let behind = &bytes[end + 1..];
        let len = usize::try_from(size).unwrap_or(usize::MAX).min(behind.len());
        body.extend(&behind[..len]);
        if (len as u64) < size {
            return (body, false);
        }
        bytes = match &behind[len..] {
            [] | [b'\r'] => return (body, false),
            [b'\r', b'\n', rest @ ..] => rest,
            _ => return (body, true),
        };
    }
}

/// `chunk-size [ chunk-ext ]` with at most 16 digits, and white space behind them.
fn chunk_size(line: &[u8], extensions: &mut usize) -> Option<u64> {
    let (size, extension) = match line.iter().position(|byte| *byte == b';') {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &b""[..]),
    };
    let digits = size.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let valid = (1..=16).contains(&digits) && size[digits..].iter().all(is_space) && is_text(extension);
    *extensions = extensions.checked_sub(extension.len())?;
    let digits = core::str::from_utf8(&size[..digits]).ok().filter(|_| valid)?;
    u64::from_str_radix(digits, 16).ok()
}

/// RFC 9112 section 6.3, if the head says it.
fn body_len(status: u16, headers: &Headers) -> Option<u64> {
    if matches!(status, 204 | 304) {
        return Some(0);
    }
    if !all(headers, "Transfer-Encoding").is_empty() {
        return None;
    }
    let lens = all(headers, "Content-Length");
    let len = core::str::from_utf8(lens.first()?).ok()?;
    let is_plain = !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit());
    len.parse().ok().filter(|_| is_plain)
}
