//! The opening handshake (RFC 6455 section 4) as two values that do no I/O.
//!
//! [`server::Handshake`] turns a [`Buffer`](crate::Buffer) into a request and a response into a
//! [`Connection`](crate::Connection); [`client::Handshake`] does the same from the other end. What arrived behind the
//! head stays in the buffer, where the connection finds it.
//!
//! ```
//! use sansocket::handshake::{client, server};
//! use sansocket::{Buffer, Config};
//!
//! let request = client::Request::new("ws://example.com/chat?room=rust")?.subprotocol("chat");
//! let mut client = client::Handshake::new(&request, Config::default())?;
//!
//! let mut to_server = Buffer::new();
//! client.output().chunks().for_each(|bytes| to_server.extend_from_slice(bytes));
//! let mut server = server::Handshake::new(Config::default());
//! let Some(server::Incoming::Upgrade(request)) = server.receive(&mut to_server)? else { panic!() };
//! assert_eq!((request.path(), request.query()), ("/chat", Some("room=rust")));
//! let mut server = server.respond(request.accept().subprotocol("chat"))?.unwrap();
//!
//! let mut to_client = Buffer::new();
//! server.output().chunks().for_each(|bytes| to_client.extend_from_slice(bytes));
//! let (client, response) = client.receive(&mut to_client)?.unwrap();
//! assert_eq!(client.subprotocol(), Some("chat"));
//! assert_eq!(response.header("upgrade"), Some("websocket"));
//! # Ok::<(), sansocket::HandshakeError>(())
//! ```

pub mod client;
pub mod extensions;
mod head;
#[cfg(feature = "http")]
pub mod http;
mod opening;
mod request;
mod response;
pub mod server;
mod url;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

pub use head::Headers;

/// The length of a `Sec-WebSocket-Accept` value.
const ACCEPT_LEN: usize = 28;

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` (section 4.2.2): for servers that parse HTTP
/// themselves. The key is taken as the bytes that were sent, without white space around them.
///
/// ```
/// use sansocket::handshake::accept_key;
///
/// assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), *b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert_eq!(accept_key(b"x3JJHMbDL1EzLkh9GBhXDw=="), *b"HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
/// ```
#[inline]
pub fn accept_key(key: &[u8]) -> [u8; ACCEPT_LEN] {
    let mut sha1 = Sha1::new();
    sha1.update(key);
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut accept = [0; ACCEPT_LEN];
    // Twenty bytes make exactly 28 characters: this cannot fail.
    let written = BASE64_STANDARD.encode_slice(sha1.finalize(), &mut accept);
    debug_assert_eq!(written, Ok(ACCEPT_LEN));
    accept
}

/// Whether a `Sec-WebSocket-Key` is the base64 form of 16 bytes. The padding bits may be set: they are in the key of
/// the RFC's own example (erratum 3150).
fn is_nonce(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(digits) = key.strip_suffix(b"==").and_then(|digits| <&[u8; 22]>::try_from(digits).ok()) else {
        return false;
    };
    // To the end, whatever comes: that way, all of them are looked at together.
    digits.iter().fold(true, |all, byte| all & is_digit(byte))
}

/// RFC 9110 section 5.6.2, the characters of header names and subprotocols.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_len(bytes) == bytes.len()
}

/// How many bytes at the front could be a token.
fn token_len(bytes: &[u8]) -> usize {
    #[expect(clippy::indexing_slicing, reason = "at compile time")]
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut rest: &[u8] =
            b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        while let [byte, after @ ..] = rest {
            table[*byte as usize] = true;
            rest = after;
        }
        table
    };
    let is_token = |byte: &u8| TOKEN.get(usize::from(*byte)).copied().unwrap_or_default();
    bytes.iter().position(|byte| !is_token(byte)).unwrap_or(bytes.len())
}

/// RFC 9110 section 5.5: no control character may stand in a header value; CR and LF would end it.
fn is_header_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F))
}

/// A header that the caller adds. Those that make up the handshake or the framing of the message are not the caller's.
fn is_free_header(name: &str, value: &str) -> bool {
    const OURS: [&str; 5] = ["connection", "upgrade", "host", "content-length", "transfer-encoding"];
    let ours = OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours));
    let prefix = name.get(..14).unwrap_or_default();
    !ours
        && !prefix.eq_ignore_ascii_case("sec-websocket-")
        && is_token(name.as_bytes())
        && is_header_value(value)
}

/// The elements of a comma-separated list (RFC 9110 section 5.6.1), over all lines of the header.
fn list<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.all(name).flat_map(elements)
}

/// Those in one line of it.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

fn lists_token(headers: &Headers, name: &str, token: &str) -> bool {
    list(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // req: 6455-4.2.1-h, 6455-4.3-a
    #[test]
    fn keys_are_16_bytes_of_base64() {
        let rows: [(&[u8], bool); 9] = [
            (b"dGhlIHNhbXBsZSBub25jZQ==", true),
            (b"x3JJHMbDL1EzLkh9GBhXDw==", true),
            (b"AAAAAAAAAAAAAAAAAAAAAB==", true), // padding bits set, as erratum 3150 has them
            (b"AAAAAAAAAAAAAAAAAAAA", false),    // 15 bytes
            (b"AAAAAAAAAAAAAAAAAAAAAAA=", false), // 17 bytes
            (b"AAAAAAAAAAAAAAAAAAAAAA", false),  // no padding
            (b"AAAAAAAAAAAAAAAAAAAAA-==", false), // the other alphabet
            (b"AAAAAAAAAA AAAAAAAAAAA==", false),
            (b"", false),
        ];
        for (key, valid) in rows {
            assert_eq!(is_nonce(key), valid, "{}", key.escape_ascii());
        }
    }

    // req: 6455-11.3.1-a
    #[test]
    fn headers_that_a_caller_may_set() {
        let rows = [
            ("Cookie", "a=b", true),
            ("X-Ünicode", "a", false),
            ("Cookie", "naïve", true),
            ("Cookie", "a\r\nb", false),
            ("Cookie", "a\0", false),
            ("Coo kie", "a", false),
            ("Cookie:", "a", false),
            ("", "a", false),
            ("upgrade", "h2c", false),
            ("SEC-WEBSOCKET-KEY", "a", false),
            ("Content-Length", "1", false),
        ];
        for (name, value, free) in rows {
            assert_eq!(is_free_header(name, value), free, "{name:?}: {value:?}");
        }
    }
}
