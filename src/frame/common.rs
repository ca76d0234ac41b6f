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

/// Writes a whole message as a frame, and gives its length. Of a longer payload only the front is written.
#[inline]
pub(crate) fn encode_short(
    to: &mut [u8; SHORT_LEN],
    opcode: Opcode,
    key: Option<MaskKey>,
    payload: &[u8],
) -> usize {
    let payload = payload.get(..SHORT_PAYLOAD_LEN).unwrap_or(payload);
    let [first, second, to @ ..] = to;
    #[expect(clippy::cast_possible_truncation, reason = "at most 125")]
    let len = payload.len() as u8;
    *first = FIN | opcode as u8;
    match key {
        None => {
            *second = len;
            // A copy that is not masked is one with a key of zeros, which beats a call of `memcpy`.
            copy_masked(to, payload, MaskKey([0; 4]), 0);
            2 + payload.len()
        }
        Some(key) => {
            *second = MASK | len;
            let (to_key, to) = to.split_at_mut(4);
            to_key.copy_from_slice(&key.0);
            copy_masked(to, payload, key, 0);
            6 + payload.len()
        }
    }
}
