//! Messages of all sizes, and frames right and wrong.

use fastrand::Rng;
use sansocket::Message;
use sansocket::frame::{FrameHeader, MaskKey, Opcode, apply_mask};

/// Lengths around which the form of a frame or the way of its bytes changes.
const EDGES: [usize; 12] =
    [0, 1, 125, 126, 127, 4095, 4096, 17 << 10, 65_535, 65_536, 128 << 10, (128 << 10) + 1];

/// A length below `limit`: of each order of magnitude as often as of any other, an edge now and then, and rarely megabytes.
pub(crate) fn len(rng: &mut Rng, limit: usize) -> usize {
    let len = match rng.u8(..) {
        0..40 => rng.choice(EDGES).unwrap_or_default(),
        40..42 => rng.usize(1 << 20..4 << 20),
        _ => below_a_power(rng, 16),
    };
    len.min(limit)
}

/// A number below 2 to the power of `bits`: of each number of bits as often as of any other.
pub(crate) fn below_a_power(rng: &mut Rng, bits: u32) -> usize {
    let bits = rng.u32(0..=bits);
    rng.usize(..1 << bits)
}

/// Text or binary data, some of which can be compressed.
pub(crate) fn message(rng: &mut Rng, limit: usize) -> Message {
    let len = len(rng, limit);
    match rng.u8(..4) {
        0 => noise(rng, len).into(),
        1 => vec![rng.u8(..); len].into(),
        2 => text(rng, len).into(),
        _ => words(rng, len).into(),
    }
}

/// Bytes that cannot be compressed.
pub(crate) fn noise(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
}

/// Characters of one to four bytes, at most `len` bytes of them.
fn text(rng: &mut Rng, len: usize) -> String {
    const CHARACTERS: [char; 8] = ['a', 'z', ' ', 'ß', 'é', '世', '€', '😀'];
    let mut text = String::with_capacity(len);
    while text.len() + 4 <= len {
        text.extend(rng.choice(CHARACTERS));
    }
    text
}

/// Text that can be compressed.
pub(crate) fn words(rng: &mut Rng, len: usize) -> String {
    const WORDS: [&str; 6] = ["to ", "and ", "fro ", "message ", "0123456789 ", "{\"key\": true} "];
    let mut text = String::with_capacity(len + 16);
    while text.len() < len {
        text.extend(rng.choice(WORDS));
    }
    text.truncate(len);
    text
}

/// A client's frame.
pub(crate) fn frame(rng: &mut Rng, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame_of(FrameHeader::new(opcode, payload.len() as u64), rng, payload)
}

/// A client's fragment that is not the last one.
pub(crate) fn fragment(rng: &mut Rng, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame_of(FrameHeader::new(opcode, payload.len() as u64).fin(false), rng, payload)
}

/// A client's frame with this header, whose length may be a lie.
pub(crate) fn frame_of(header: FrameHeader, rng: &mut Rng, payload: &[u8]) -> Vec<u8> {
    let key = MaskKey(rng.u32(..).to_be_bytes());
    let mut start = [0; FrameHeader::MAX_LEN];
    let len = header.mask(Some(key)).encode(&mut start);
    let mut bytes = [&start[..len], payload].concat();
    apply_mask(&mut bytes[len..], key, 0);
    bytes
}
