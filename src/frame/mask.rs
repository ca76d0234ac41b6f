//! Masking (RFC 6455 section 5.3): the key, the two ways to apply it, and where keys come from.

/// The four bytes that a client chooses anew for every frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MaskKey(pub [u8; 4]);

impl MaskKey {
    /// A fresh key from a ChaCha12 generator per thread, seeded by the operating system: for whoever writes the frames
    /// of a client without a [`Connection`](crate::Connection), which draws its own.
    ///
    /// "The masking key is a 32-bit value chosen at random by the client … the client MUST pick a fresh masking key from
    /// the set of allowed 32-bit values" (section 5.3): one for each frame, fragments and control frames included.
    ///
    /// ```
    /// use sansocket::frame::{FrameHeader, MaskKey, Opcode, apply_mask};
    ///
    /// let mut payload = *b"Hello";
    /// let key = MaskKey::random();
    /// let header = FrameHeader { fin: true, rsv1: false, opcode: Opcode::Text, mask: Some(key), payload_len: 5 };
    /// apply_mask(&mut payload, key, 0);
    ///
    /// let mut head = [0; FrameHeader::MAX_LEN];
    /// let len = header.encode(&mut head);
    /// let frame = [&head[..len], &payload].concat();
    /// assert_eq!(FrameHeader::decode(&frame), Ok(Some((header, 6))));
    /// ```
    #[cfg(feature = "std")]
    pub fn random() -> Self {
        thread_key()
    }

    /// The key as it stands `offset` bytes into the payload.
    fn rotated(self, offset: usize) -> [u8; 4] {
        let mut key = self.0;
        key.rotate_left(offset % 4);
        key
    }
}

/// How many bytes are masked at a time. LLVM makes vector instructions of a loop over a fixed number.
const LANE: usize = 32;

fn lane(key: [u8; 4]) -> [u8; LANE] {
    let mut lane = [0; LANE];
    for (to, from) in lane.iter_mut().zip(key.iter().cycle()) {
        *to = *from;
    }
    lane
}

/// Masks or unmasks `payload` in place. `offset` is how many bytes of the frame's payload came before it.
///
/// ```
/// use sansocket::frame::{MaskKey, apply_mask};
///
/// // RFC 6455 section 5.7: a single-frame masked text message.
/// let key = MaskKey([0x37, 0xfa, 0x21, 0x3d]);
/// let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let (front, back) = payload.split_at_mut(3);
/// apply_mask(front, key, 0);
/// apply_mask(back, key, 3);
/// assert_eq!(&payload, b"Hello");
/// ```
pub fn apply_mask(payload: &mut [u8], key: MaskKey, offset: usize) {
    let key = key.rotated(offset);
    let wide = lane(key);
    let mut chunks = payload.chunks_exact_mut(LANE);
    for chunk in &mut chunks {
        for (byte, key) in chunk.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(wide) {
        *byte ^= key;
    }
}

/// [`apply_mask`] from one place to another in one pass: `to` becomes `from`, masked or unmasked. Where the lengths
/// differ, the shorter one counts.
pub fn copy_masked(to: &mut [u8], from: &[u8], key: MaskKey, offset: usize) {
    let len = to.len().min(from.len());
    let (to, _) = to.split_at_mut(len);
    let (from, _) = from.split_at(len);
    let wide = lane(key.rotated(offset));
    let mut to = to.chunks_exact_mut(LANE);
    let mut from = from.chunks_exact(LANE);
    for (to, from) in (&mut to).zip(&mut from) {
        for ((to, from), key) in to.iter_mut().zip(from).zip(wide) {
            *to = from ^ key;
        }
    }
    for ((to, from), key) in to.into_remainder().iter_mut().zip(from.remainder()).zip(wide) {
        *to = from ^ key;
    }
}

/// Where the masking keys of a client come from: asked once for every frame.
///
/// "The masking key needs to be unpredictable … derived from a strong source of entropy" (section 5.3): an
/// implementation is a cryptographic generator, seeded with 32 bytes that nobody else knows. Under the `std` feature
/// [`Connection::new`](crate::Connection::new) brings one; its keys are those of `MaskKey::random`.
pub trait MaskKeys {
    /// A key that cannot be told from the ones before it.
    fn next_key(&mut self) -> MaskKey;
}

/// ChaCha12 seeded by the operating system, one generator per thread.
#[cfg(feature = "std")]
pub(crate) fn thread_key() -> MaskKey {
    use core::cell::RefCell;

    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    std::thread_local! {
        static GENERATOR: RefCell<ChaCha12Rng> = RefCell::new(ChaCha12Rng::from_seed(crate::frame::mask::os_random()));
    }
    GENERATOR.with_borrow_mut(|generator| MaskKey(generator.next_u32().to_ne_bytes()))
}

/// Bytes from the operating system.
#[cfg(feature = "std")]
pub(crate) fn os_random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no frame may be sent, and no peer is at fault: nothing on such a system can go on.
    #[expect(clippy::expect_used, reason = "section 5.3 leaves no way to go on")]
    getrandom::fill(&mut bytes).expect("the operating system has no randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn byte_by_byte(payload: &[u8], key: MaskKey, offset: usize) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key.0[(i + offset) % 4]).collect()
    }

    proptest! {
        #[test]
        fn section_5_3_octet_i_is_xored_with_key_octet_i_mod_4(
            payload in prop::collection::vec(any::<u8>(), 0..300), key: [u8; 4], offset in 0usize..9,
        ) {
            let key = MaskKey(key);
            let expected = byte_by_byte(&payload, key, offset);
            let mut in_place = payload.clone();
            apply_mask(&mut in_place, key, offset);
            prop_assert_eq!(&in_place, &expected);
            let mut copied = alloc::vec![0; payload.len()];
            copy_masked(&mut copied, &payload, key, offset);
            prop_assert_eq!(&copied, &expected);
            apply_mask(&mut in_place, key, offset);
            prop_assert_eq!(in_place, payload, "masking twice is masking not at all");
        }
    }

    #[test]
    fn copying_stops_at_the_shorter_side() {
        let mut to = [0; 3];
        copy_masked(&mut to, &[1, 2, 3, 4, 5], MaskKey([0; 4]), 0);
        assert_eq!(to, [1, 2, 3]);
        copy_masked(&mut to, &[9], MaskKey([0; 4]), 0);
        assert_eq!(to, [9, 2, 3]);
    }
}
