//! Masking as fast as safe code can be with instructions that every processor has.

/// The number of bytes masked per step.
const LANE: usize = 32;

/// From this length on, aligning to a multiple of [`LANE`] saves time.
const LONG_LEN: usize = 2 << 10;

fn lane(key: [u8; 4]) -> [u8; LANE] {
    std::array::from_fn(|at| key[at % 4])
}

/// The number of bytes before an aligned address, and the key behind them.
fn prefix(to: &[u8], mut key: [u8; 4]) -> (usize, [u8; 4]) {
    let len = to.as_ptr().align_offset(LANE).min(to.len());
    key.rotate_left(len % 4);
    (len, key)
}

#[inline(always)]
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    if payload.len() < LONG_LEN {
        return in_lanes(payload, key);
    }
    let (prefix_len, rotated) = prefix(payload, key);
    let (prefix, payload) = payload.split_at_mut(prefix_len);
    in_lanes(prefix, key);
    in_lanes(payload, rotated);
}

#[inline(never)]
fn in_lanes(payload: &mut [u8], key: [u8; 4]) {
    let wide = lane(key);
    let mut lanes = payload.chunks_exact_mut(LANE);
    for lane in &mut lanes {
        xor(lane, &wide);
    }
    short(lanes.into_remainder(), &wide);
}

/// Less than a lane.
#[inline(always)]
fn short(payload: &mut [u8], wide: &[u8; LANE]) {
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        xor(word, &wide[..8]);
    }
    xor(words.into_remainder(), wide);
}

#[inline(always)]
fn xor(bytes: &mut [u8], key: &[u8]) {
    for (byte, key) in bytes.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// [`mask`] while copying. Both slices have the same length.
#[inline(always)]
pub fn copy_masked(to: &mut [u8], from: &[u8], key: [u8; 4]) {
    if to.len() < LONG_LEN {
        return copy_in_lanes(to, from, key);
    }
    let (prefix_len, rotated) = prefix(to, key);
    let (prefix, to) = to.split_at_mut(prefix_len);
    let (from_prefix, from) = from.split_at(prefix_len);
    copy_in_lanes(prefix, from_prefix, key);
    copy_in_lanes(to, from, rotated);
}

#[inline(never)]
fn copy_in_lanes(to: &mut [u8], from: &[u8], key: [u8; 4]) {
    let wide = lane(key);
    let mut to_lanes = to.chunks_exact_mut(LANE);
    let mut from_lanes = from.chunks_exact(LANE);
    for (to, from) in (&mut to_lanes).zip(&mut from_lanes) {
        copy_xor(to, from, &wide);
    }
    copy_short(to_lanes.into_remainder(), from_lanes.remainder(), &wide);
}

#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8], wide: &[u8; LANE]) {
    let mut to_words = to.chunks_exact_mut(8);
    let mut from_words = from.chunks_exact(8);
    for (to, from) in (&mut to_words).zip(&mut from_words) {
        copy_xor(to, from, &wide[..8]);
    }
    copy_xor(to_words.into_remainder(), from_words.remainder(), wide);
}

#[inline(always)]
fn copy_xor(to: &mut [u8], from: &[u8], key: &[u8]) {
    for ((to, from), key) in to.iter_mut().zip(from).zip(key) {
        *to = from ^ key;
    }
}
