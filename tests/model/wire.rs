//! Frames as section 5.2 defines them.

use sansocket::Role;
use sansocket::frame::{MaskKey, MaskKeySource};

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The key of the examples in section 5.7. In these tests, all masked frames have it.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The first byte of a frame: FIN, the reserved bits and the opcode.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;
/// The same without FIN, for a message's fragments.
pub(crate) const TEXT_BEGINS: u8 = 0x01;
pub(crate) const BINARY_BEGINS: u8 = 0x02;
pub(crate) const GOES_ON: u8 = 0x00;
pub(crate) const ENDS: u8 = 0x80;

/// The first byte of a frame and its payload.
pub(crate) type Frame<'a> = (u8, &'a [u8]);

/// A frame as a server sends it.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = unmasked(first, payload);
    let header_len = bytes.len() - payload.len();
    bytes[1] |= 0x80;
    for (i, byte) in bytes[header_len..].iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
    bytes.splice(header_len..header_len, key);
    bytes
}

/// The bytes of `frames` as the end with that role receives them.
pub(crate) fn wire(to: Role, frames: &[Frame<'_>]) -> Vec<u8> {
    let bytes = frames.iter().flat_map(|&(first, payload)| match to {
        Role::Client => unmasked(first, payload),
        Role::Server => masked(first, KEY, payload),
    });
    bytes.collect()
}

/// The payload of a Close frame.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

pub(crate) fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// Masks every frame with [`KEY`].
pub(crate) struct SameKey;

impl MaskKeySource for SameKey {
    fn next_key(&mut self) -> MaskKey {
        MaskKey(KEY)
    }
}
