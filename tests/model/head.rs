//! HTTP/1.1 heads: RFC 9112 sections 2 to 5. Beyond them, an empty line may come before a head, and a client ignores odd
//! lines.

use sansocket::{Config, HandshakeError};

/// Names and values. White space around values is removed.
pub(crate) type Headers = Vec<(String, Vec<u8>)>;

/// The lines of the head and their length in bytes. `None` if the empty line that ends them has not arrived. `may_begin` says
/// whether a head can begin with these bytes.
pub(crate) fn lines<'a>(
    bytes: &'a [u8],
    config: &Config,
    may_begin: fn(&[u8]) -> bool,
) -> Result<Option<(Vec<&'a [u8]>, usize)>, HandshakeError> {
    let within = &bytes[..bytes.len().min(config.max_head_len)];
    if within != b"\r" && !may_begin(within.strip_prefix(b"\r\n").unwrap_or(within)) {
        return Err(HandshakeError::MalformedHead);
    }
    let (mut lines, mut start) = (Vec::<&[u8]>::new(), 0);
    for (at, _) in within.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let Some(line) = within[start..at].strip_suffix(b"\r") else {
            return Err(HandshakeError::MalformedHead);
        };
        start = at + 1;
        if line.is_empty() && !lines.is_empty() {
            if lines[0].is_empty() {
                lines.remove(0);
            }
            return Ok(Some((lines, start)));
        }
        lines.push(line);
        if lines.len() > config.max_headers + 1 {
            return Err(HandshakeError::TooManyHeaders);
        }
    }
    if bytes.len() >= config.max_head_len { Err(HandshakeError::HeadTooLong) } else { Ok(None) }
}

/// `field-name ":" OWS field-value OWS`, for each line.
pub(crate) fn headers(lines: &[&[u8]]) -> Option<Headers> {
    let header = |line: &&[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let valid = is_token(name) && is_text(value);
        valid.then(|| (String::from_utf8(name.into()).unwrap(), trim(value).to_vec()))
    };
    lines.iter().map(header).collect()
}

/// [`headers`] of a response. A line of text that has no colon, or no token in front of it, is ignored. A line that begins with
/// white space is not: it would continue the one before it.
pub(crate) fn response_headers(lines: &[&[u8]]) -> Option<Headers> {
    let is_header =
        |line: &[u8]| line.iter().position(|byte| *byte == b':').is_some_and(|at| is_token(&line[..at]));
    let is_ignored = |line: &[u8]| !is_header(line) && is_text(line) && trim_start(line) == line;
    headers(&lines.iter().copied().filter(|line| !is_ignored(line)).collect::<Vec<_>>())
}

fn trim_start(line: &[u8]) -> &[u8] {
    let spaces = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &line[spaces..]
}

/// The values of all headers of that name.
pub(crate) fn all(headers: &Headers, name: &str) -> Vec<Vec<u8>> {
    let named = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.clone()).collect()
}

/// The elements of a list over all headers of that name. Empty elements are ignored.
pub(crate) fn elements(headers: &Headers, name: &str) -> Vec<Vec<u8>> {
    let mut elements = Vec::new();
    for value in all(headers, name) {
        elements.extend(value.split(|byte| *byte == b',').map(trim).map(<[u8]>::to_vec));
    }
    elements.retain(|element| !element.is_empty());
    elements
}

/// The error for a list that must contain `token`, if there is one.
pub(crate) fn lacks(headers: &Headers, name: &'static str, token: &str) -> Option<HandshakeError> {
    let lists = |element: &Vec<u8>| element.eq_ignore_ascii_case(token.as_bytes());
    match all(headers, name).is_empty() {
        true => Some(HandshakeError::Missing(name)),
        false => (!elements(headers, name).iter().any(lists)).then_some(HandshakeError::Invalid(name)),
    }
}

/// The value of the header that must appear exactly once.
pub(crate) fn sole(headers: &Headers, name: &'static str) -> Result<Vec<u8>, HandshakeError> {
    match &all(headers, name)[..] {
        [] => Err(HandshakeError::Missing(name)),
        [value] => Ok(value.clone()),
        _ => Err(HandshakeError::Duplicate(name)),
    }
}

/// `OWS = *( SP / HTAB )`, on both sides.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// `1*tchar`.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let tchar = |byte: &u8| {
        matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9') || b"!#$%&'*+-.^_`|~".contains(byte)
    };
    !bytes.is_empty() && bytes.iter().all(tchar)
}

/// `*( HTAB / SP / VCHAR / obs-text )`.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}
