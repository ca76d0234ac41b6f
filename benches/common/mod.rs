//! What the benchmarks share: payloads, frames, and how long to measure.

#![allow(dead_code, reason = "no benchmark uses all of it")]

use std::time::Duration;

use criterion::{Criterion, Throughput};
use sansocket::frame::{FrameHeader, MaskKey, Opcode, apply_mask};

pub(crate) const KEY: MaskKey = MaskKey([0x37, 0xFA, 0x21, 0x3D]);

/// With the command line's filter and options; short enough that all rows together take a few minutes.
pub(crate) fn criterion() -> Criterion {
    let short =
        Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    short.configure_from_args()
}

/// Payload bytes a second; messages a second where there is no payload.
pub(crate) fn throughput(payload_len: usize) -> Throughput {
    if payload_len == 0 { Throughput::Elements(1) } else { Throughput::Bytes(payload_len as u64) }
}

/// A length as people write it.
pub(crate) fn size(len: usize) -> String {
    match len {
        _ if len >= 1 << 20 => format!("{} MiB", len >> 20),
        _ if len >= 1 << 10 => format!("{} KiB", len >> 10),
        _ => format!("{len} B"),
    }
}

/// Bytes without a pattern, the same every time.
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

/// Text with characters of one to four bytes, in just `len` of them.
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

/// Appends a frame as a client sends it.
pub(crate) fn push_masked(to: &mut Vec<u8>, opcode: Opcode, fin: bool, payload: &[u8]) {
    let header = FrameHeader { fin, rsv1: false, opcode, mask: Some(KEY), payload_len: payload.len() as u64 };
    let mut start = [0; FrameHeader::MAX_LEN];
    let header_len = header.encode(&mut start);
    to.extend(start.iter().take(header_len));
    let mut payload = payload.to_vec();
    apply_mask(&mut payload, KEY, 0);
    to.append(&mut payload);
}
