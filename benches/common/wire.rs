//! Bytes on the wire: payloads, frames of a client, the request of a browser.

use sansocket::frame::{FrameHeader, MaskKey, Opcode, apply_mask};

pub(crate) const KEY: MaskKey = MaskKey([0x37, 0xFA, 0x21, 0x3D]);

/// The opening handshake of a browser.
pub(crate) const REQUEST: &[u8] = b"GET /chat?room=rust HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

/// The least length of a stream in bytes. Many small messages then arrive in one read, as from a busy peer.
const STREAM_LEN: usize = 256 << 10;

/// One message, repeated.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) messages: u64,
    pub(crate) payload: Vec<u8>,
}

impl Stream {
    pub(crate) fn of(payload: Vec<u8>, push_message: impl Fn(&mut Vec<u8>, &[u8])) -> Self {
        let mut stream = Self { bytes: Vec::new(), messages: 0, payload };
        while stream.bytes.len() < STREAM_LEN || stream.messages < 4 {
            push_message(&mut stream.bytes, &stream.payload);
            stream.messages += 1;
        }
        stream
    }
}

/// A length with its unit.
pub(crate) fn size(len: usize) -> String {
    match len {
        _ if len >= 1 << 20 => format!("{} MiB", len >> 20),
        _ if len >= 1 << 10 => format!("{} KiB", len >> 10),
        _ => format!("{len} B"),
    }
}

/// Pseudo-random bytes, the same on every run.
pub(crate) fn binary(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(&mut next).take(len).collect()
}

pub(crate) fn ascii(len: usize) -> String {
    "The quick brown fox jumps over the lazy dog. ".chars().cycle().take(len).collect()
}

/// Text of exactly `len` bytes, with characters of one to four bytes.
pub(crate) fn multi_byte(len: usize) -> String {
    let mut text = String::new();
    for character in "Grüße, 世界, здравствуй мир 🌍! ".chars().cycle() {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    text.extend(std::iter::repeat_n('.', len - text.len()));
    text
}

/// Appends a frame of a client.
pub(crate) fn push_masked(to: &mut Vec<u8>, opcode: Opcode, fin: bool, payload: &[u8]) {
    push_frame(to, opcode, fin, Some(KEY), payload);
}

/// Appends a frame.
pub(crate) fn push_frame(to: &mut Vec<u8>, opcode: Opcode, fin: bool, mask: Option<MaskKey>, payload: &[u8]) {
    let header = FrameHeader::new(opcode, payload.len() as u64).fin(fin).mask(mask);
    let mut start = [0; FrameHeader::MAX_LEN];
    let header_len = header.encode(&mut start);
    to.extend(start.iter().take(header_len));
    let begin = to.len();
    to.extend_from_slice(payload);
    if let Some(key) = mask {
        apply_mask(to.split_at_mut(begin).1, key, 0);
    }
}

/// Appends a message in fragments, with a Ping before every `ping_every`th of them.
pub(crate) fn push_fragments(
    to: &mut Vec<u8>,
    kind: Opcode,
    payload: &[u8],
    fragment_len: usize,
    ping_every: Option<usize>,
) {
    let last = payload.len().div_ceil(fragment_len) - 1;
    for (index, fragment) in payload.chunks(fragment_len).enumerate() {
        if ping_every.is_some_and(|every| index % every == every - 1) {
            push_masked(to, Opcode::Ping, true, b"still there?");
        }
        let opcode = if index == 0 { kind } else { Opcode::Continuation };
        push_masked(to, opcode, index == last, fragment);
    }
}
