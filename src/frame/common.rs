//! What most frames look like, read and written inline.

use super::{FIN, MASK, MaskKey, Opcode, copy_masked};
use crate::role::Role;

/// The length of the header and that of the payload, of a frame below 64 KiB that is masked as this end wants it; else
/// `None`. `start` is its first four bytes, some of them behind its end where the frame is that short.
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

/// The longest payload whose length stands in the second byte (section 5.2).
pub(crate) const SHORT_PAYLOAD_LEN: usize = 125;

/// The longest frame with such a payload: two bytes, a masking key, the payload.
pub(crate) const SHORT_LEN: usize = 6 + SHORT_PAYLOAD_LEN;

/// How long the frame is that `encode_short` writes.
#[inline]
pub(crate) fn short_len(key: Option<MaskKey>, payload: &[u8]) -> usize {
    2 + key.map_or(0, |_| 4) + payload.len()
}

/// Writes a whole message of up to [`SHORT_PAYLOAD_LEN`] bytes as a frame.
#[inline]
pub(crate) fn encode_short(to: &mut [u8; SHORT_LEN], opcode: Opcode, key: Option<MaskKey>, payload: &[u8]) {
    // A copy that is not masked is one with a key of zeros, which is written and then written over: one way for both.
    let (mask_bit, key_len, key) = key.map_or((0, 0, MaskKey([0; 4])), |key| (MASK, 4, key));
    let [first, second, to @ ..] = to;
    *first = FIN | opcode as u8;
    #[expect(clippy::cast_possible_truncation, reason = "at most 125")]
    let len = payload.len() as u8;
    *second = mask_bit | len;
    to.split_at_mut(4).0.copy_from_slice(&key.0);
    copy_masked(to.split_at_mut(key_len).1, payload, key, 0);
}
