//! The opening handshake (RFC 6455 section 4) as values that do no I/O.
//!
//! Bytes go in, and a [`Connection`](crate::Connection) comes out, with everything that arrived behind the head inside it.
//! There is one type per state: a step in the wrong state does not compile or gives an error.
//!
//! ```
//! use sansocket::Config;
//! use sansocket::handshake::server::{Answer, Incoming};
//! use sansocket::handshake::{client, server};
//!
//! let request = client::Request::new("ws://example.com/chat?room=rust")?.subprotocol("chat");
//! let mut client = client::Handshake::new(&request, Config::default())?;
//! let mut server = server::Handshake::new(Config::default());
//!
//! client.output().chunks().for_each(|bytes| server.receive(bytes)); // with a socket in between
//! let exchange = server.next_request()?.expect("a whole request");
//! let response = match exchange.incoming() {
//!     Incoming::Upgrade(request) if request.path() == "/chat" => request.accept().subprotocol("chat"),
//!     other => other.http().upgrade_required(),
//! };
//! let Answer::Open(mut server) = exchange.respond(response)? else { panic!("not opened") };
//!
//! server.output().chunks().for_each(|bytes| client.receive(bytes));
//! let (client, response) = client.next_response()?.expect("a whole response");
//! assert_eq!(client.subprotocol(), Some("chat"));
//! assert_eq!(response.header("upgrade"), Some("websocket"));
//! # Ok::<(), sansocket::HandshakeError>(())
//! ```
//!
//! Heads are judged strictly where meaning or safety is at stake. Where only the form differs and peers in use differ, they are
//! accepted: `docs/leniency.md` in the repository lists both.
//!
//! [`Opening`] is either handshake as steps: write, read, respond, shut down. A program that drives sockets itself needs no
//! other handshake logic. A [`proxy`] in front of the server is asked for a connection in the same steps.

mod checks;
mod chunked;
pub mod client;
mod credentials;
pub mod extensions;
mod head;
#[cfg(feature = "http")]
pub mod http;
mod lines;
mod opens;
pub mod proxy;
mod refused;
mod request;
mod response;
pub mod server;
mod step;
mod url;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

pub use head::{Headers, HeadersIter};
pub use step::{Opening, Step};

/// The length of a `Sec-WebSocket-Accept` value.
const ACCEPT_LEN: usize = 28;

/// The `Sec-WebSocket-Accept` (28 ASCII characters) for a `Sec-WebSocket-Key` (section 4.2.2), for servers with another
/// HTTP library. `key` is the value of the header as it was sent, without white space around it.
///
/// ```
/// use sansocket::handshake::accept_key;
///
/// assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), *b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert_eq!(accept_key(b"x3JJHMbDL1EzLkh9GBhXDw=="), *b"HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
/// ```
#[inline]
pub fn accept_key(key: &[u8]) -> [u8; ACCEPT_LEN] {
    let digest = match key.try_into() {
        Ok(key) => digest_of_24(key),
        Err(_) => Sha1::new().chain_update(key).chain_update(GUID).finalize().into(),
    };
    let mut accept = [0; ACCEPT_LEN];
    // 20 bytes are exactly 28 characters of base64, so this cannot fail.
    let written = BASE64_STANDARD.encode_slice(digest, &mut accept);
    debug_assert_eq!(written, Ok(ACCEPT_LEN));
    accept
}

/// What follows the key (section 4.2.2).
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The SHA-1 (FIPS 180-4) of the GUID behind a key of 24 bytes, which every valid one has. [`Sha1`] would copy them through a
/// buffer of its own and compress one block after the other.
fn digest_of_24(key: &[u8; 24]) -> [u8; 20] {
    // Section 5.1.1: the message, a bit "1", zeros, the length of the message in bits.
    let mut blocks = [[0; 64]; 2];
    let [message, length] = &mut blocks;
    let (to, behind_key) = message.split_at_mut(24);
    to.copy_from_slice(key);
    let (to, padding) = behind_key.split_at_mut(GUID.len());
    to.copy_from_slice(GUID);
    padding.copy_from_slice(&[0x80, 0, 0, 0]);
    length.split_at_mut(56).1.copy_from_slice(&(60_u64 * 8).to_be_bytes());
    // Section 5.3.1: the initial value.
    let mut state = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    sha1::block_api::compress(&mut state, &blocks);
    let mut digest = [0; 20];
    for (to, word) in digest.chunks_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Whether a `Sec-WebSocket-Key` is 16 bytes in base64. The padding bits may be set: the RFC's own example sets them (erratum
/// 3150).
fn is_nonce(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(digits) = key.strip_suffix(b"==").and_then(|digits| <&[u8; 22]>::try_from(digits).ok()) else {
        return false;
    };
    // No early exit, so that the loop vectorises.
    digits.iter().fold(true, |all, byte| all & is_digit(byte))
}

/// RFC 9110 section 5.6.2: what header names and subprotocols consist of.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_len(bytes) == bytes.len()
}

/// The length of the longest token at the front.
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

/// RFC 9110 section 5.5: a header value has no control characters. CR and LF would end it.
fn is_header_value(value: &[u8]) -> bool {
    value.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F))
}

/// Whether the caller may add this header: it is well-formed, and neither the handshake nor the length of the body depends on
/// it.
fn is_free_header(name: &str, value: &[u8]) -> bool {
    const OURS: [&str; 5] = ["connection", "upgrade", "host", "content-length", "transfer-encoding"];
    let ours = OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours));
    let prefix = name.get(..14).unwrap_or_default();
    !ours
        && !prefix.eq_ignore_ascii_case("sec-websocket-")
        && is_token(name.as_bytes())
        && is_header_value(value)
}

/// The elements of a comma-separated list (RFC 9110 section 5.6.1) over all headers of that name.
fn list<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.values(name).flat_map(elements)
}

/// The elements in one header value.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

fn lists_token(headers: &Headers, name: &str, token: &str) -> bool {
    list(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// The methods with which a handshake receives, given `inbox()`.
macro_rules! receives {
    ($type:ty $(, $panics:literal)?) => {
        /// # Receiving
        $(
            ///
            #[doc = $panics]
        )?
        impl $type {
            /// Receives a copy of `bytes`.
            pub fn receive(&mut self, bytes: &[u8]) {
                self.inbox().get_or_insert_default().receive(bytes);
            }

            /// Room for the next bytes, never empty. Tell [`filled`](Self::filled) how many were written there. For reads
            /// that are not [`std::io::Read`]: `recv`, io_uring, DMA.
            pub fn unfilled(&mut self) -> &mut [u8] {
                self.inbox().get_or_insert_default().unfilled(crate::config::READ_LEN)
            }

            /// The first `n` bytes of what [`unfilled`](Self::unfilled) gave have been written.
            ///
            /// # Panics
            ///
            /// If `n` is more than there was room for.
            pub fn filled(&mut self, n: usize) {
                self.inbox().get_or_insert_default().filled(n);
            }

            /// Reads once. `Ok(0)` is the end of the stream.
            ///
            /// # Errors
            ///
            /// Those of the stream. `Interrupted` is tried again; `InvalidData` if the stream claims to have read more bytes
            /// than there was room for. Nothing that was received is lost.
            #[cfg(feature = "std")]
            pub fn read_from<R: std::io::Read + ?Sized>(&mut self, stream: &mut R) -> std::io::Result<usize> {
                self.inbox().get_or_insert_default().read_from(stream, crate::config::READ_LEN)
            }

            /// Takes the memory for receiving from `storage`, unless it has some already.
            pub fn reuse(&mut self, storage: &mut crate::Storage) {
                storage.reuse_inbox(self.inbox());
            }

            /// Gives `storage` the memory for receiving, if nothing waits in it. It is freed if `storage` has some already.
            pub fn reclaim(&mut self, storage: &mut crate::Storage) {
                storage.reclaim_inbox(self.inbox());
            }
        }
    };
}

use receives;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_length_are_hashed() {
        for len in 0..100 {
            let key = [b"dGhlIHNhbXBsZSBub25jZQ==", &[b'x'; 76][..]].concat();
            let key = &key[..len];
            let digest = Sha1::digest([key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat());
            assert_eq!(accept_key(key)[..], BASE64_STANDARD.encode(digest).into_bytes(), "{len}");
        }
    }

    // req: 6455-4.2.1-h, 6455-4.3-a
    #[test]
    fn key_is_16_bytes_of_base64() {
        let rows: [(&[u8], bool); 9] = [
            (b"dGhlIHNhbXBsZSBub25jZQ==", true),
            (b"x3JJHMbDL1EzLkh9GBhXDw==", true),
            (b"AAAAAAAAAAAAAAAAAAAAAB==", true), // padding bits set, as in erratum 3150
            (b"AAAAAAAAAAAAAAAAAAAA", false),    // 15 bytes
            (b"AAAAAAAAAAAAAAAAAAAAAAA=", false), // 17 bytes
            (b"AAAAAAAAAAAAAAAAAAAAAA", false),  // no padding
            (b"AAAAAAAAAAAAAAAAAAAAA-==", false), // base64url
            (b"AAAAAAAAAA AAAAAAAAAAA==", false),
            (b"", false),
        ];
        for (key, valid) in rows {
            assert_eq!(is_nonce(key), valid, "{}", key.escape_ascii());
        }
    }

    // req: 6455-11.3.1-a
    #[test]
    fn caller_may_set_headers_that_the_handshake_does_not_use() {
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
            assert_eq!(is_free_header(name, value.as_bytes()), free, "{name:?}: {value:?}");
        }
        assert!(is_free_header("Cookie", b"na\xefve"), "obs-text, here Latin-1");
    }
}
