//! What the connections of a thread share: DEFLATE streams that no message is in, and memory for compressed bytes.

use std::cell::RefCell;

use super::deflater::{Compressor, Deflater};
use super::inflater::Inflater;
use crate::queue::Queue;

/// How many streams of each direction a thread keeps.
const KEPT: usize = 4;

/// How much memory for compressed bytes a thread keeps, in bytes.
const KEPT_LEN: usize = 256 << 10;

#[derive(Default)]
#[expect(clippy::vec_box, reason = "connections hold the boxes")]
struct Pool {
    inflaters: Vec<Box<Inflater>>,
    deflaters: Vec<Box<Deflater>>,
    compressed: Queue,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// Uses the pool of this thread. Gives nothing while the thread ends.
fn with<T>(use_pool: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    POOL.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| use_pool(&mut pool))).ok().flatten()
}

/// An inflater with an empty window.
pub(crate) fn inflater() -> Box<Inflater> {
    let kept = with(|pool| pool.inflaters.pop()).flatten();
    kept.unwrap_or_else(|| Box::new(Inflater::new()))
}

/// Takes back an inflater. No byte of its window reaches another connection.
pub(crate) fn keep_inflater(mut inflater: Box<Inflater>) {
    inflater.reset();
    with(|pool| keep(&mut pool.inflaters, inflater));
}

/// A deflater with an empty window.
pub(crate) fn deflater(made_with: Compressor) -> Box<Deflater> {
    let kept = with(|pool| {
        let position = pool.deflaters.iter().rposition(|kept| kept.made_with() == made_with)?;
        Some(pool.deflaters.swap_remove(position))
    });
    let kept = kept.flatten();
    kept.unwrap_or_else(|| Box::new(Deflater::new(made_with)))
}

/// Takes back a deflater whose message ended without takeover.
pub(crate) fn keep_deflater(deflater: Box<Deflater>) {
    with(|pool| keep(&mut pool.deflaters, deflater));
}

/// Lends an empty queue for compressed bytes.
pub(crate) fn with_memory<T>(use_memory: impl FnOnce(&mut Queue) -> T) -> T {
    let mut memory = with(|pool| core::mem::take(&mut pool.compressed)).unwrap_or_default();
    let result = use_memory(&mut memory);
    memory.reset(KEPT_LEN);
    with(|pool| pool.compressed = memory);
    result
}

/// Keeps the stream that was used last: the oldest one goes.
fn keep<T>(kept: &mut Vec<T>, stream: T) {
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push(stream);
}
