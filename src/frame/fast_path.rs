//! The inline fast path for most frames. Reading assumes a payload below 64 KiB that is masked as the role demands;
//! writing assumes a whole message of up to 125 bytes.
//!
//! The general path is beside it, in the parent module: `FrameHeader::decode` and `FrameHeader::encode`.

use super::{FIN, MASK, MaskKey, Opcode, copy_masked};
use crate::role::Role;

/// The lengths of header and payload in bytes, from the first four bytes of the input. After a frame of two or three
/// bytes the rest is ignored. `None` if the general path is needed.
#[inline]
pub(crate) fn lengths([_, second, medium @ ..]: [u8; 4], role: Role) -> Option<(usize, u16)> {
    let (mask_bit, key_len) = match role {
        Role::Server => (MASK, 4),
        Role::Client => (0, 0),
    };
    match (second ^ mask_bit, u16::from_be_bytes(medium)) {
        (short @ 0..=125, _) => Some((2 + key_len, u16::from(short))),
        // "The minimal number of bytes MUST be used to encode the length" (section 5.2).
        (126, medium @ 126..) => Some((4 + key_len, medium)),
        _ => None,
    }
}

/// The longest payload whose length fits into the second byte (section 5.2).
pub(crate) const SHORT_PAYLOAD_LEN: usize = 125;

/// The longest frame that `encode_short` writes: two bytes, a masking key, the payload.
pub(crate) const SHORT_LEN: usize = 6 + SHORT_PAYLOAD_LEN;

/// The length of the frame that `encode_short` writes.
#[inline]
pub(crate) fn short_len(key: Option<MaskKey>, payload: &[u8]) -> usize {
    2 + key.map_or(0, |_| 4) + payload.len()
}

/// Writes a whole message of up to [`SHORT_PAYLOAD_LEN`] bytes as one frame.
#[inline]
pub(crate) fn encode_short(to: &mut [u8; SHORT_LEN], opcode: Opcode, key: Option<MaskKey>, payload: &[u8]) {
    // Without a key, the payload is masked with a key of zeros and written over it: one path for both roles.
    let (mask_bit, key_len, key) = key.map_or((0, 0, MaskKey([0; 4])), |key| (MASK, 4, key));
    let [first, second, to @ ..] = to;
    *first = FIN | opcode as u8;
    #[expect(clippy::cast_possible_truncation, reason = "a short payload has at most 125 bytes")]
    let len = payload.len() as u8;
    *second = mask_bit | len;
    to.split_at_mut(4).0.copy_from_slice(&key.0);
    copy_masked(to.split_at_mut(key_len).1, payload, key, 0);
}
