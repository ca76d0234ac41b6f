//! What connections without takeover share: DEFLATE streams that no message is in, for the whole process; and memory for
//! compressed bytes, for each thread.
//!
//! A message holds a stream while it is under way, in any thread. So a process needs as many streams as messages
//! are under way at once, however many threads and connections it has. A lock guards each list of streams. It is held for a
//! look at the list: streams are made, used, emptied and freed outside.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::deflater::{Compressor, Deflater};
use super::inflater::Inflater;
use crate::queue::Queue;

/// How many streams of each direction the process keeps. As many threads find one at once.
const KEPT: usize = 32;

/// How much memory for compressed bytes a thread keeps, in bytes. A longer message takes memory of its own, which costs little
/// beside compressing it. No lock is taken for this, as connections with takeover need it, too.
const KEPT_LEN: usize = 16 << 10;

static INFLATERS: Shelf<Inflater> = Shelf::new();
static DEFLATERS: Shelf<Deflater> = Shelf::new();

thread_local! {
    static COMPRESSED: Cell<Queue> = Cell::default();
}

/// An inflater with an empty window.
pub(crate) fn inflater() -> Box<Inflater> {
    INFLATERS.take(|_| true).unwrap_or_else(|| Box::new(Inflater::new()))
}

/// Takes back an inflater. No byte of its window reaches another connection.
pub(crate) fn keep_inflater(mut inflater: Box<Inflater>) {
    inflater.reset();
    INFLATERS.keep(inflater);
}

/// A deflater with an empty window.
pub(crate) fn deflater(made_with: Compressor) -> Box<Deflater> {
    let kept = DEFLATERS.take(|deflater| deflater.made_with() == made_with);
    kept.unwrap_or_else(|| Box::new(Deflater::new(made_with)))
}

/// Takes back a deflater whose message ended without takeover: its window is empty.
pub(crate) fn keep_deflater(deflater: Box<Deflater>) {
    DEFLATERS.keep(deflater);
}

/// Lends an empty queue for compressed bytes.
pub(crate) fn with_memory<T>(use_memory: impl FnOnce(&mut Queue) -> T) -> T {
    // A thread that ends has none.
    let mut memory = COMPRESSED.try_with(Cell::take).unwrap_or_default();
    let result = use_memory(&mut memory);
    memory.reset(KEPT_LEN);
    let _ = COMPRESSED.try_with(|kept| kept.set(memory));
    result
}

/// Streams of one direction, the one that was used last at the end.
///
/// The lock is the standard library's in `tests/schedules`, too: nothing waits while it is held, so no order of threads makes a
/// difference.
struct Shelf<T>(Mutex<Vec<Box<T>>>);

impl<T> Shelf<T> {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The stream that was used last, of those that are right.
    fn take(&self, is_right: impl Fn(&T) -> bool) -> Option<Box<T>> {
        let mut kept = self.lock();
        let position = kept.iter().rposition(|stream| is_right(stream))?;
        Some(kept.remove(position))
    }

    /// Keeps the stream that was used last: the oldest one goes.
    fn keep(&self, stream: Box<T>) {
        let mut kept = self.lock();
        let oldest = (kept.len() >= KEPT).then(|| kept.remove(0));
        kept.push(stream);
        // Freed without the lock.
        drop(kept);
        drop(oldest);
    }

    /// A thread that panicked has left a list that is whole: each step of the functions above leaves one.
    fn lock(&self) -> MutexGuard<'_, Vec<Box<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::deflate::{Deflate, Then};

    #[test]
    fn what_one_thread_gives_back_another_takes() {
        let shelf = Shelf::new();
        let address = |stream: &Inflater| std::ptr::from_ref(stream).addr();
        let given = thread::scope(|scope| {
            let give = || {
                let stream = Box::new(Inflater::new());
                let given = address(&stream);
                shelf.keep(stream);
                given
            };
            scope.spawn(give).join().expect("it gives")
        });
        let taken = shelf.take(|_| true);
        assert_eq!(taken.as_deref().map(address), Some(given));
        assert!(shelf.take(|_| true).is_none());
    }

    #[test]
    fn oldest_stream_goes() {
        let shelf = Shelf::new();
        (0..KEPT + 2).for_each(|number| shelf.keep(Box::new(number)));
        // The others move up, and none is lost.
        assert_eq!(shelf.take(|number| *number == 10), Some(Box::new(10)));
        let left: Vec<usize> = std::iter::from_fn(|| shelf.take(|_| true)).map(|number| *number).collect();
        assert_eq!(left, (2..KEPT + 2).rev().filter(|number| *number != 10).collect::<Vec<_>>());
    }

    #[test]
    fn panic_of_another_thread_takes_no_stream_away() {
        let shelf = Shelf::new();
        shelf.keep(Box::new(1));
        let panics = || {
            shelf.take(|_| panic!("with the lock held"));
        };
        assert!(thread::scope(|scope| scope.spawn(panics).join()).is_err());
        assert!(shelf.0.is_poisoned());
        shelf.keep(Box::new(2));
        assert_eq!([shelf.take(|_| true), shelf.take(|_| true)], [Some(Box::new(2)), Some(Box::new(1))]);
    }

    /// A deflater goes only to those who would have made the same.
    #[test]
    fn deflater_is_taken_by_its_settings() {
        let compressor = |level, bits| {
            Compressor::new(&Deflate::default().level(level), bits, false).expect("a window of that size")
        };
        let shelf = Shelf::new();
        let all = [(1, 9), (1, 15), (2, 15)].map(|(level, bits)| compressor(level, bits));
        all.iter().for_each(|made_with| shelf.keep(Box::new(Deflater::new(*made_with))));
        for made_with in all {
            let taken = shelf.take(|deflater: &Deflater| deflater.made_with() == made_with);
            assert_eq!(taken.map(|deflater| deflater.made_with()), Some(made_with));
        }
    }

    /// What was inflated in one thread cannot be referred to in another. The messages are the examples of RFC 7692 section
    /// 7.2.3.2: the second one is a reference to the first.
    #[test]
    fn inflater_of_another_thread_has_an_empty_window() {
        const FIRST: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        const SECOND: &[u8] = b"\xf2\x00\x11\x00\x00";
        let give = || {
            let mut inflater = inflater();
            for message in [FIRST, SECOND] {
                let mut to = [0; 64];
                let step = inflater.inflate(message, &mut to);
                assert_eq!((step.then, &to[..step.produced]), (Then::GoesOn, &b"Hello"[..]));
                assert_eq!(inflater.end_message(), Ok(Then::GoesOn));
            }
            keep_inflater(inflater);
        };
        thread::scope(|scope| scope.spawn(give).join().expect("it gives"));
        let mut to = [0; 64];
        let step = inflater().inflate(SECOND, &mut to);
        assert_eq!((step.then, &to[..step.produced]), (Then::Fault, &b"H"[..]), "what is no reference");
    }
}
