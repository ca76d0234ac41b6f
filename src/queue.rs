//! Bytes in at the back, out at the front.

use alloc::vec::Vec;

/// A queue of bytes in one piece. What is read from a socket and what is written to it both live in one.
///
/// The storage is always initialised (so that a reader can be handed the free part of it without `unsafe`), and
/// `start..end` of it is the content.
#[derive(Default)]
pub(crate) struct Queue {
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl Queue {
    /// An empty queue in storage that was another's.
    pub(crate) fn from_storage(storage: Vec<u8>) -> Self {
        Self { storage, start: 0, end: 0 }
    }

    pub(crate) fn into_storage(self) -> Vec<u8> {
        self.storage
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.storage.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    #[inline]
    pub(crate) fn holds(&self, n: usize) -> bool {
        self.storage.get(self.start..self.end).is_some_and(|content| n <= content.len())
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_else(nothing)
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// The next `N` bytes of the storage; those behind the end of the content mean nothing.
    #[inline]
    pub(crate) fn peek<const N: usize>(&self) -> Option<&[u8; N]> {
        self.storage.get(self.start..)?.first_chunk()
    }

    /// Drops `n` bytes from the front, and gives them; nothing if there are less.
    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> &mut [u8] {
        let Some(taken) = self.storage.get_mut(self.start..self.end).and_then(|content| content.get_mut(..n))
        else {
            return &mut [];
        };
        self.start += n;
        taken
    }

    /// Where the front is in the storage.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.start
    }

    /// What was dropped from the front since it was at `position`, as long as nothing was added.
    #[inline]
    pub(crate) fn since(&self, position: usize) -> &[u8] {
        self.storage.get(position..self.start).unwrap_or_default()
    }

    /// Room for at least `min` bytes behind the content; what has been written there joins it with `commit`.
    /// Content moves to the front of the storage before the storage grows; an emptied queue starts there again.
    #[inline]
    pub(crate) fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
        if self.storage.len() - self.end < min {
            self.make_room(min);
        }
        self.storage.get_mut(self.end..).unwrap_or_default()
    }

    /// Appends `n` bytes, to be written at the front of what this gives, if there is room for `N` behind the content as it is.
    #[inline]
    pub(crate) fn commit_array<const N: usize>(&mut self, n: usize) -> Option<&mut [u8; N]> {
        let room = self.storage.get_mut(self.end..)?.first_chunk_mut()?;
        self.end += n.min(N);
        Some(room)
    }

    #[cold]
    fn make_room(&mut self, min: usize) {
        let needed = self.len().saturating_add(min);
        // Content is moved within its storage only into a gap of its own size: each byte about once, however little is
        // taken from the front at a time.
        if needed > self.storage.len() || self.start < self.len() {
            self.grow_to(needed.max(self.storage.len().saturating_mul(2)));
        }
        self.storage.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// How many bytes fit behind the content as it is.
    pub(crate) fn room(&self) -> usize {
        self.storage.len() - self.end
    }

    /// Storage of at least `len` bytes, and no more than that if it grows.
    pub(crate) fn grow_to(&mut self, len: usize) {
        if let Some(more) = len.checked_sub(self.storage.len()) {
            self.storage.reserve_exact(more);
            self.storage.resize(len, 0);
        }
    }

    /// Appends the first `n` bytes of what `spare` gave.
    #[inline]
    pub(crate) fn commit(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.storage.len());
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.append(bytes.len()).copy_from_slice(bytes);
    }

    /// Appends `n` bytes, to be written to what this gives.
    #[inline]
    pub(crate) fn append(&mut self, n: usize) -> &mut [u8] {
        if self.room() < n {
            self.make_room(n);
        }
        let begin = self.end;
        self.end = begin.saturating_add(n);
        self.storage.get_mut(begin..self.end).unwrap_or_default()
    }

    /// Drops `n` bytes from the front. They stay where they are until something is added.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// Drops the content, and the storage with it where that is larger than `retain`.
    #[inline]
    pub(crate) fn reset(&mut self, retain: usize) {
        self.start = 0;
        self.end = 0;
        if self.storage.len() > retain {
            self.storage = Vec::new();
        }
    }

    /// Forgets the front `n` bytes of the content by moving the rest; the content leaves as a `Vec`.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        self.storage.truncate(self.end);
        self.storage.drain(..self.start);
        self.storage
    }
}

/// An empty slice, by a branch that is never taken: a default would be computed every time and waited for.
#[cold]
#[inline(never)]
fn nothing<'a>() -> &'a [u8] {
    &[]
}
