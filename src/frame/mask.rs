//! Masking (RFC 6455 section 5.3): the key, the two ways to apply it, and where keys come from.

#[cfg(feature = "std")]
use core::cell::Cell;

#[cfg(feature = "std")]
use rand_chacha::ChaCha12Core;
#[cfg(feature = "std")]
use rand_chacha::rand_core::{SeedableRng, block::Generator};

use super::xor::{self, InPlace, Key};

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
    /// After a `fork` without an `exec` both processes draw the same keys from the thread that forked; new threads do not.
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
    #[inline]
    pub fn random() -> Self {
        THREAD_KEYS.with(ThreadKeys::next)
    }

    /// The same, unless more would have to be generated first.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn ready() -> Option<Self> {
        THREAD_KEYS.with(ThreadKeys::ready)
    }
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
#[inline]
pub fn apply_mask(payload: &mut [u8], key: MaskKey, offset: usize) {
    xor::mask(payload, InPlace, Key::new(key.0).after(offset));
}

/// [`apply_mask`] from one place to another in one pass: `to` becomes `from`, masked or unmasked. Where the lengths
/// differ, the shorter one counts.
#[inline]
pub fn copy_masked(to: &mut [u8], from: &[u8], key: MaskKey, offset: usize) {
    let len = to.len().min(from.len());
    let (to, _) = to.split_at_mut(len);
    let (from, _) = from.split_at(len);
    xor::mask(to, from, Key::new(key.0).after(offset));
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

/// Keys of ChaCha12 seeded by the operating system, one generator per thread. What it generates at a time is kept where
/// a key costs a load; it has no destructor, so that no state has to be checked first.
#[cfg(feature = "std")]
struct ThreadKeys {
    keys: [Cell<u32>; 64],
    left: Cell<usize>,
    generator: Cell<Option<ChaCha12Core>>,
}

#[cfg(feature = "std")]
std::thread_local! {
    static THREAD_KEYS: ThreadKeys = const {
        ThreadKeys { keys: [const { Cell::new(0) }; 64], left: Cell::new(0), generator: Cell::new(None) }
    };
}

#[cfg(feature = "std")]
impl ThreadKeys {
    #[inline]
    fn next(&self) -> MaskKey {
        loop {
            if let Some(key) = self.ready() {
                return key;
            }
            self.refill();
        }
    }

    #[inline]
    fn ready(&self) -> Option<MaskKey> {
        let left = self.left.get().wrapping_sub(1);
        let key = self.keys.get(left)?;
        self.left.set(left);
        Some(MaskKey(key.get().to_ne_bytes()))
    }

    #[cold]
    fn refill(&self) {
        let mut generator = self.generator.take().unwrap_or_else(|| ChaCha12Core::from_seed(os_random()));
        let mut keys = [0; 64];
        generator.generate(&mut keys);
        self.generator.set(Some(generator));
        for (to, key) in self.keys.iter().zip(keys) {
            to.set(key);
        }
        self.left.set(keys.len());
    }
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

    /// Both ways of masking `len` bytes that begin `start` bytes behind a cache line, against the definition.
    fn check(start: usize, len: usize, key: MaskKey, offset: usize) {
        let mut storage: Vec<u8> = (0..=u8::MAX).chain(0..=250).cycle().take(start + len + 192).collect();
        let start = start + (storage.as_ptr() as usize).wrapping_neg() % 64;
        let payload = start..start + len;
        let mut expected = storage.clone();
        expected.splice(payload.clone(), byte_by_byte(&storage[payload.clone()], key, offset));

        let mut to: Vec<u8> = expected.iter().map(|byte| !byte).collect();
        let around = to.clone();
        copy_masked(&mut to[payload.clone()], &storage[payload.clone()], key, offset);
        assert_eq!(to[payload.clone()], expected[payload.clone()], "{start} {len} {key:?} {offset}");
        assert_eq!(to[..payload.start], around[..payload.start], "nothing before it is written");
        assert_eq!(to[payload.end..], around[payload.end..], "nothing behind it is written");

        let before = storage.clone();
        apply_mask(&mut storage[payload.clone()], key, offset);
        assert_eq!(storage, expected, "{start} {len} {key:?} {offset}");
        apply_mask(&mut storage[payload], key, offset);
        assert_eq!(storage, before, "masking twice is masking not at all");
    }

    #[test]
    fn section_5_3_holds_for_every_short_payload_wherever_it_lies() {
        for len in 0..300 {
            for start in 0..32 {
                for offset in 0..4 {
                    check(start, len, MaskKey([0x37, 0xFA, 0x21, 0x3D]), offset);
                }
            }
        }
    }

    #[test]
    fn section_5_3_holds_at_and_around_a_cache_line_and_at_any_offset() {
        for start in [0, 1, 63] {
            for len in [1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 1000] {
                for offset in [0, 3, usize::MAX - 1000] {
                    check(start, len, MaskKey([0x37, 0xFA, 0x21, 0x3D]), offset);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn section_5_3_octet_i_is_xored_with_key_octet_i_mod_4(
            start in 0usize..64, len in 0usize..=2100, key: [u8; 4], offset: usize,
        ) {
            check(start, len, MaskKey(key), offset % (usize::MAX - len));
        }
    }

    #[test]
    fn a_payload_is_masked_the_same_in_pieces() {
        let key = MaskKey([0x37, 0xFA, 0x21, 0x3D]);
        let payload: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let expected = byte_by_byte(&payload, key, 0);
        for cut in [0, 1, 2, 3, 5, 127, 130, 9_999, 19_999] {
            let mut masked = payload.clone();
            let (front, back) = masked.split_at_mut(cut);
            apply_mask(front, key, 0);
            apply_mask(back, key, cut);
            assert_eq!(masked, expected, "{cut}");
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn keys_do_not_repeat_where_more_are_generated_nor_in_another_thread() {
        let draw = || (0..200).map(|_| MaskKey::random()).collect::<Vec<_>>();
        let mut keys = draw();
        keys.extend(std::thread::spawn(draw).join().unwrap());
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert!(distinct.len() > 395, "chance alone repeats one now and then, not five");
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_key_is_ready_until_more_have_to_be_generated() {
        let first_batch = || {
            assert_eq!(MaskKey::ready(), None, "none was generated in this thread");
            MaskKey::random();
            (1..).take_while(|_| MaskKey::ready().is_some()).count()
        };
        assert_eq!(std::thread::spawn(first_batch).join().unwrap(), 63);
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
