//! Masking in place and while copying: octet *i* is XORed with octet *i* mod 4 of the key (RFC 6455 section 5.3).
//!
//! The first and the last block of a payload may overlap. Both are read before either is written, so octets in both get
//! the same value twice. No octet outside the payload is read or written.
//!
//! ```text
//!   1..=127 octets   ├── first ──┤           two blocks of the least power of two that covers the payload
//!                          ├── last ───┤
//!
//!   128 and more     ├── first ──┤           blocks of 64 octets, with AVX2 if the processor has it;
//!                        ├ block ┼ block ┤   those in between begin at addresses that are multiples of 64
//!                                ├── last ───┤
//! ```
//!
//! Masking in place is copying from [`InPlace`], so one set of functions serves both.

/// The octets to mask. The slice that they are written to has the same length.
pub(super) trait Source: Copy {
    /// All octets. `to` is the slice that they are written to.
    fn octets<'a>(&'a self, to: &'a [u8]) -> &'a [u8];

    /// The source without its first `len` octets.
    fn after(self, len: usize) -> Self;

    /// The block that begins `at` octets from the start. `to` is the block that it is written to.
    fn block(&self, at: usize, to: &[u8; BLOCK]) -> Option<[u8; BLOCK]>;

    /// Whether to go from the last block to the first, if there are [`LONG`] octets or more.
    fn goes_backward(&self, to: &[u8]) -> bool;
}

/// The slice itself is the source.
#[derive(Clone, Copy)]
pub(super) struct InPlace;

impl Source for InPlace {
    #[inline(always)]
    fn octets<'a>(&'a self, to: &'a [u8]) -> &'a [u8] {
        to
    }

    #[inline(always)]
    fn after(self, _: usize) -> Self {
        self
    }

    #[inline(always)]
    fn block(&self, _: usize, to: &[u8; BLOCK]) -> Option<[u8; BLOCK]> {
        Some(*to)
    }

    #[inline(always)]
    fn goes_backward(&self, to: &[u8]) -> bool {
        to.len() >= LONGER_THAN_CACHE
    }
}

impl Source for &[u8] {
    #[inline(always)]
    fn octets<'a>(&'a self, _: &'a [u8]) -> &'a [u8] {
        self
    }

    #[inline(always)]
    fn after(self, len: usize) -> Self {
        self.get(len..).unwrap_or_default()
    }

    #[inline(always)]
    fn block(&self, at: usize, _: &[u8; BLOCK]) -> Option<[u8; BLOCK]> {
        self.get(at..)?.first_chunk().copied()
    }

    #[inline(always)]
    fn goes_backward(&self, to: &[u8]) -> bool {
        let ahead = (to.as_ptr() as usize).wrapping_sub(self.as_ptr() as usize);
        ahead % ALIASED < CLOSE
    }
}

/// The key twice, as a little-endian number.
#[derive(Clone, Copy)]
pub(super) struct Key(u64);

impl Key {
    #[inline(always)]
    pub(super) fn new(octets: [u8; 4]) -> Self {
        Self(u64::from(u32::from_le_bytes(octets)) * 0x1_0000_0001)
    }

    /// The key for the payload after its first `len` octets.
    #[inline(always)]
    pub(super) fn after(self, len: usize) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of 4 is below 4")]
        let octets = (len % 4) as u32;
        Self(self.0.rotate_right(8 * octets))
    }

    /// Masks words of eight octets; the last may be shorter. LLVM vectorises this form, but not the simpler ones.
    #[inline(always)]
    fn mask<const N: usize>(self, mut octets: [u8; N]) -> [u8; N] {
        for octets in octets.chunks_mut(8) {
            let mut word = [0; 8];
            word.split_at_mut(octets.len()).0.copy_from_slice(octets);
            let word = (u64::from_le_bytes(word) ^ self.0).to_le_bytes();
            octets.copy_from_slice(word.split_at(octets.len()).0);
        }
        octets
    }
}

/// Masks `from` into `to`, inline up to 32 octets. The `Option` serves `?`; an empty payload gives `None`.
#[inline(always)]
pub(super) fn mask(to: &mut [u8], from: impl Source, key: Key) -> Option<()> {
    match to.len() {
        33.. => long(to, from, key),
        16.. => Ends::<16>::masked(to, from, key)?.write(to),
        8.. => Ends::<8>::masked(to, from, key)?.write(to),
        4.. => Ends::<4>::masked(to, from, key)?.write(to),
        2.. => Ends::<2>::masked(to, from, key)?.write(to),
        _ => Ends::<1>::masked(to, from, key)?.write(to),
    }
}

#[inline(never)]
fn long(to: &mut [u8], from: impl Source, key: Key) -> Option<()> {
    match to.len() {
        128.. if to.len() >= LONG => longest(to, from, key),
        128.. => blocks(to, from, key),
        65.. => Ends::<64>::masked(to, from, key)?.write(to),
        _ => Ends::<32>::masked(to, from, key)?.write(to),
    }
}

/// Out of line, so that shorter payloads pay nothing for the choice.
#[inline(never)]
fn longest(to: &mut [u8], from: impl Source, key: Key) -> Option<()> {
    if from.goes_backward(to) { blocks_backward(to, from, key) } else { blocks(to, from, key) }
}

/// The octets of a block. A cache line has 64 too, so that an aligned block lies in one line.
const BLOCK: usize = 64;

/// Processors compare the address of a load with those of the stores before it by its last 12 bits first, and wait if they are
/// equal. If a copy goes forward to just behind its source, so counted, each load meets such a store. Then it goes backward.
const ALIASED: usize = 1 << 12;

/// Up to this distance the store is still under way. Measured with 16 KiB, which then take up to twice as long.
const CLOSE: usize = 1 << 10;

/// Shorter copies show no delay, and parts of a message that follow one another are faster forward.
const LONG: usize = 8 << 10;

/// A payload that has just been read and does not fit into a first-level cache: its end is still there, its beginning is not.
const LONGER_THAN_CACHE: usize = 32 << 10;

#[cfg_attr(feature = "std", multiversion::multiversion(targets("x86_64+avx2"), dispatcher = "direct"))]
fn blocks<F: Source>(to: &mut [u8], from: F, key: Key) -> Option<()> {
    let ends = Ends::<BLOCK>::masked(to, from, key)?;
    let start = BLOCK - to.as_ptr() as usize % BLOCK;
    let (key, mut from) = (key.after(start), from.after(start));
    let mut rest = to.get_mut(start..)?;
    while let Some((block, after)) = rest.split_first_chunk_mut::<BLOCK>() {
        *block = key.mask(*from.octets(block).first_chunk()?);
        (rest, from) = (after, from.after(BLOCK));
    }
    ends.write(to)
}

/// [`blocks`] from the last one to the first.
#[cfg_attr(feature = "std", multiversion::multiversion(targets("x86_64+avx2"), dispatcher = "direct"))]
fn blocks_backward<F: Source>(to: &mut [u8], from: F, key: Key) -> Option<()> {
    let ends = Ends::<BLOCK>::masked(to, from, key)?;
    let start = BLOCK - to.as_ptr() as usize % BLOCK;
    let (key, from) = (key.after(start), from.after(start));
    for (at, block) in to.get_mut(start..)?.chunks_exact_mut(BLOCK).enumerate().rev() {
        let block = block.first_chunk_mut()?;
        *block = key.mask(from.block(at * BLOCK, block)?);
    }
    ends.write(to)
}

/// The first and the last `N` octets of a payload, masked but not yet written.
struct Ends<const N: usize> {
    first: [u8; N],
    last: [u8; N],
}

impl<const N: usize> Ends<N> {
    #[inline(always)]
    fn masked(to: &[u8], from: impl Source, key: Key) -> Option<Self> {
        let octets = from.octets(to);
        let first = key.mask(*octets.first_chunk()?);
        let last = key.after(octets.len() - N).mask(*octets.last_chunk()?);
        Some(Self { first, last })
    }

    #[inline(always)]
    fn write(self, to: &mut [u8]) -> Option<()> {
        *to.first_chunk_mut()? = self.first;
        *to.last_chunk_mut()? = self.last;
        Some(())
    }
}
