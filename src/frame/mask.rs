//! Masking (RFC 6455 section 5.3): the key, the functions that apply it, and the sources of keys.

#[cfg(feature = "std")]
use core::cell::Cell;

#[cfg(feature = "std")]
use rand_chacha::ChaCha12Core;
#[cfg(feature = "std")]
use rand_chacha::rand_core::{SeedableRng, block::Generator};

use super::xor::{self, InPlace, Key};

/// A masking key: four bytes, which a client chooses anew for every frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MaskKey(pub [u8; 4]);

impl MaskKey {
    /// A fresh key from this thread's ChaCha12 generator, which the operating system seeds. Use it to write a client's
    /// frames without a [`Connection`](crate::Connection), which chooses its own keys.
    ///
    /// "The masking key is a 32-bit value chosen at random by the client … the client MUST pick a fresh masking key
    /// from the set of allowed 32-bit values" (section 5.3): one for each frame, including fragments and control
    /// frames.
    ///
    /// After a `fork` without an `exec`, the thread that forked gets the same keys in both processes; new threads do
    /// not.
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness.
    ///
    /// ```
    /// use sansocket::frame::{FrameHeader, MaskKey, Opcode, apply_mask};
    ///
    /// let mut payload = *b"Hello";
    /// let key = MaskKey::random();
    /// let header = FrameHeader::new(Opcode::Text, 5).mask(Some(key));
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

    /// The next key that is already generated; `None` if there is none.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn ready() -> Option<Self> {
        THREAD_KEYS.with(ThreadKeys::ready)
    }
}

/// Masks or unmasks `payload` in place. `offset` is the number of payload bytes in the same frame before it.
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

/// Copies `from` to `to` and masks or unmasks it in the same pass; `offset` as in [`apply_mask`]. Stops at the end of
/// the shorter slice.
///
/// ```
/// use sansocket::frame::{MaskKey, copy_masked};
///
/// let mut text = [0; 5];
/// copy_masked(&mut text, &[0x7f, 0x9f, 0x4d, 0x51, 0x58], MaskKey([0x37, 0xfa, 0x21, 0x3d]), 0);
/// assert_eq!(&text, b"Hello");
/// ```
#[inline]
pub fn copy_masked(to: &mut [u8], from: &[u8], key: MaskKey, offset: usize) {
    let len = to.len().min(from.len());
    let (to, _) = to.split_at_mut(len);
    let (from, _) = from.split_at(len);
    xor::mask(to, from, Key::new(key.0).after(offset));
}

/// The source of a client's masking keys, called once for every frame.
///
/// "The masking key needs to be unpredictable … derived from a strong source of entropy" (section 5.3). An
/// implementation must guarantee that nobody can predict a key, even from all earlier keys: use a cryptographic
/// generator with a secret seed of 32 bytes. Without `std`, `ChaCha12Rng::from_seed` of the crate `rand_chacha` is one
/// (`examples/firmware`). Predictable keys let a script choose bytes on the wire and so attack
/// proxies (section 10.3). With the `std` feature, `MaskKey::random` is the default source.
///
/// ```
/// use sansocket::frame::{MaskKey, MaskKeySource};
///
/// /// The random generator of a board.
/// struct Hardware(fn() -> [u8; 4]);
///
/// impl MaskKeySource for Hardware {
///     fn next_key(&mut self) -> MaskKey {
///         MaskKey((self.0)())
///     }
/// }
/// ```
pub trait MaskKeySource {
    /// A fresh key for the next frame.
    fn next_key(&mut self) -> MaskKey;
}

/// A thread's ChaCha12 generator, seeded by the operating system, and up to 64 keys generated in advance, so that most
/// keys cost one load. No field has a destructor, so access to the thread-local needs no check of its state.
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

/// Random bytes from the operating system.
#[cfg(feature = "std")]
pub(crate) fn os_random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Section 5.3 requires unpredictable keys, and section 4.1 a random nonce: without randomness there is no client. The
    // operating system is at fault, not the peer.
    #[expect(
        clippy::expect_used,
        reason = "a client needs randomness (sections 4.1 and 5.3), and no peer can take it away"
    )]
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

    /// Masks `len` bytes that begin `start` bytes behind a cache line, in place and by copying, and compares both with
    /// the definition.
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
        assert_eq!(to[..payload.start], around[..payload.start], "bytes before the payload are unchanged");
        assert_eq!(to[payload.end..], around[payload.end..], "bytes behind the payload are unchanged");

        let before = storage.clone();
        apply_mask(&mut storage[payload.clone()], key, offset);
        assert_eq!(storage, expected, "{start} {len} {key:?} {offset}");
        apply_mask(&mut storage[payload], key, offset);
        assert_eq!(storage, before, "masking twice restores the payload");
    }

    #[test]
    fn section_5_3_short_payloads_at_every_alignment() {
        for len in 0..300 {
            for start in 0..32 {
                for offset in 0..4 {
                    check(start, len, MaskKey([0x37, 0xFA, 0x21, 0x3D]), offset);
                }
            }
        }
    }

    #[test]
    fn section_5_3_payloads_at_cache_line_edges_and_large_offsets() {
        for start in [0, 1, 63] {
            for len in [1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 1000] {
                for offset in [0, 3, usize::MAX - 1000] {
                    check(start, len, MaskKey([0x37, 0xFA, 0x21, 0x3D]), offset);
                }
            }
        }
    }

    #[test]
    fn section_5_3_copies_at_every_distance_by_the_last_bits_of_addresses() {
        let key = MaskKey([0x37, 0xFA, 0x21, 0x3D]);
        let payload: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        let mut storage = [payload.clone(), alloc::vec![0; 20_000]].concat();
        for ahead in [0, 1, 8, 64, 100, 512, 1000, 1016, 1023, 1024, 1088, 2048, 4000, 4095] {
            for len in [128, 8191, 8192, 8193, 8255, 8256, 8319, 8320, 10_000] {
                let (from, to) = storage.split_at_mut(10_000);
                let (_, to) = to.split_at_mut(3 * 4096 - 10_000 + ahead);
                to.fill(0);
                copy_masked(&mut to[..len], &from[..len], key, 3);
                assert_eq!(to[..len], byte_by_byte(&payload[..len], key, 3), "{ahead} {len}");
                assert!(to[len..].iter().all(|byte| *byte == 0), "bytes behind the payload are unchanged");
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
    fn payload_masked_in_two_parts_equals_the_whole() {
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
    fn keys_do_not_repeat_across_refills_and_threads() {
        let draw = || (0..200).map(|_| MaskKey::random()).collect::<Vec<_>>();
        let mut keys = draw();
        keys.extend(std::thread::spawn(draw).join().unwrap());
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert!(distinct.len() > 395, "five repeated keys are no coincidence");
    }

    #[cfg(feature = "std")]
    #[test]
    fn first_refill_makes_64_keys_ready() {
        let first_batch = || {
            assert_eq!(MaskKey::ready(), None, "a new thread has no keys");
            MaskKey::random();
            (1..).take_while(|_| MaskKey::ready().is_some()).count()
        };
        assert_eq!(std::thread::spawn(first_batch).join().unwrap(), 63);
    }

    #[test]
    fn copying_stops_at_the_end_of_the_shorter_slice() {
        let mut to = [0; 3];
        copy_masked(&mut to, &[1, 2, 3, 4, 5], MaskKey([0; 4]), 0);
        assert_eq!(to, [1, 2, 3]);
        copy_masked(&mut to, &[9], MaskKey([0; 4]), 0);
        assert_eq!(to, [9, 2, 3]);
    }
}
