//! What a client may take for the answer to its opening handshake: the list at the end of section 4.1.

use sansocket::{Config, HandshakeError};

use super::extensions::extension_list;
use super::head::{Headers, all, headers, is_text, lacks, lines, sole};

/// How many answers of the class 1xx come before the one that counts, at most: this crate's own limit.
const INTERIM: usize = 8;

/// What a server has answered.
#[derive(Debug)]
pub(crate) enum Answered {
    /// The end of the head has not arrived.
    Nothing,
    /// The rules that the answer breaks: a client names one of them.
    Broken(Vec<HandshakeError>),
    /// An answer that opens no connection. `body_len` is what it says of its body.
    Refused { status: u16, headers: Headers, body_len: Option<u64>, len: usize },
    /// The connection is open; `len` is where the first frame begins.
    Opened { headers: Headers, len: usize },
}

pub(crate) fn judge_response(bytes: &[u8], config: &Config, accept: &str, offered: &[&str]) -> Answered {
    let mut len = 0;
    for _ in 0..=INTERIM {
        let (lines, head_len) = match lines(&bytes[len..], config) {
            Ok(None) => return Answered::Nothing,
            Err(error) => return Answered::Broken(vec![error]),
            Ok(Some(lines)) => lines,
        };
        len += head_len;
        let parsed =
            lines.split_first().and_then(|(first, rest)| Some((status_line(first)?, headers(rest)?)));
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
        broken.push(match extension_list(&value) {
            None => Invalid("Sec-WebSocket-Extensions"),
            Some(_) => ExtensionNotOffered,
        });
    }
    match sole(headers, "Sec-WebSocket-Protocol") {
        Err(Missing(_)) => {}
        Ok(value) if offered.iter().any(|offered| offered.as_bytes() == value) => {}
        Ok(_) => broken.push(SubprotocolNotOffered),
        Err(error) => broken.push(error),
    }
    broken
}

/// RFC 9112 section 6.3, where that is plain to see.
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
