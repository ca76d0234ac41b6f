//! Connections as streams of bytes, in every shell.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "an unexpected value ends the test"
)]

#[cfg(feature = "tokio")]
mod both_ways;
#[path = "../counting/mod.rs"]
mod counting;
mod ending;
mod halves;
#[cfg(feature = "tokio")]
mod polled;
mod reading;
#[path = "../script/mod.rs"]
mod script;
mod shells;
#[cfg(feature = "tls-ring")]
#[path = "../throwaway/mod.rs"]
mod throwaway;
#[cfg(feature = "tls-ring")]
mod tls;
mod volume;
mod writing;

use sansocket::Config;

/// A client's frame. A key that changes from frame to frame masks it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [first ^ 0x5A, payload.len() as u8, 3, 0xFF];
    let mut wire = vec![first];
    match payload.len() {
        len @ ..126 => wire.push(0x80 | len as u8),
        len @ ..0x1_0000 => wire.extend([&[0xFE][..], &(len as u16).to_be_bytes()].concat()),
        len => wire.extend([&[0xFF][..], &(len as u64).to_be_bytes()].concat()),
    }
    wire.extend(key);
    wire.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    wire
}

fn untimed() -> Config {
    Config::default().keepalive(None)
}

/// Bytes that repeat at no length that matters.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect()
}
