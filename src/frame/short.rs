//! Frames whose payload is so short that its length stands in the second byte: most that there are, encoded inline.

use super::{FIN, MASK, MaskKey, Opcode, copy_masked};

/// The longest such payload (section 5.2).
pub(crate) const MAX_PAYLOAD_LEN: usize = 125;

/// The longest such frame: two bytes, a masking key, the payload.
pub(crate) const MAX_LEN: usize = 6 + MAX_PAYLOAD_LEN;

/// Writes a whole message as a frame, and gives its length. Of a longer payload only the front is written.
#[inline]
pub(crate) fn encode(to: &mut [u8; MAX_LEN], opcode: Opcode, key: Option<MaskKey>, payload: &[u8]) -> usize {
    let payload = payload.get(..MAX_PAYLOAD_LEN).unwrap_or(payload);
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
