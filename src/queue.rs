//! Bytes in at the back, out at the front.

use alloc::vec::Vec;

/// A contiguous queue of bytes. It holds the bytes received from a socket, and those to be written to one.
///
/// The content is `start..end` of the storage. The storage is always initialised, so that a socket can read into its
/// free part without `unsafe`.
#[derive(Default)]
pub(crate) struct Queue {
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl Queue {
    /// An empty queue that reuses `storage`.
    pub(crate) fn from_storage(storage: Vec<u8>) -> Self {
        Self { storage, start: 0, end: 0 }
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

    /// Drops `n` bytes from the front, if there are that many.
    #[inline]
    pub(crate) fn skip(&mut self, n: usize) -> bool {
        let holds = n <= self.len();
        if holds {
            self.start += n;
        }
        holds
    }

    /// `len` bytes of the storage from `position`: they are content, or were removed from the front after bytes were last added.
    #[inline]
    pub(crate) fn at(&mut self, position: usize, len: usize) -> &mut [u8] {
        self.storage.get_mut(position..position + len).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_else(nothing)
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// `len` bytes of the storage from the front on. They may include stale bytes after the content. `None` if the storage ends
    /// before.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(crate) fn front_of_storage(&mut self, len: usize) -> Option<&mut [u8]> {
        self.storage.get_mut(self.start..self.start.wrapping_add(len))
    }

    /// `N` bytes of the storage, `offset` bytes from the front. They may include stale bytes after the content. `None` if the
    /// storage ends before.
    #[inline]
    pub(crate) fn peek<const N: usize>(&self, offset: usize) -> Option<&[u8; N]> {
        let from = self.start.wrapping_add(offset);
        self.storage.get(from..from.wrapping_add(N))?.first_chunk()
    }

    /// Removes and returns the first `n` bytes. With fewer than `n` bytes, returns an empty slice and removes none.
    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> &mut [u8] {
        let position = self.start;
        if self.skip(n) { self.at(position, n) } else { &mut [] }
    }

    /// The position of the front in the storage.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.start
    }

    /// The bytes removed since the front was at `position`. Valid only until bytes are added.
    #[inline]
    pub(crate) fn since(&self, position: usize) -> &[u8] {
        self.storage.get(position..self.start).unwrap_or_default()
    }

    /// Drops the content. What was removed from the front before stays in the storage.
    pub(crate) fn drop_content(&mut self) {
        self.end = self.start;
    }

    /// Takes back what was dropped from the front since it was at `position`, if nothing was added. Gives its length.
    pub(crate) fn give_back(&mut self, position: usize) -> usize {
        let n = self.start.saturating_sub(position);
        self.start -= n;
        n
    }

    /// The room behind the content.
    #[inline]
    pub(crate) fn unused(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.end..).unwrap_or_default()
    }

    /// The free part behind the content, at least `min` bytes; `commit` appends bytes written there. An empty queue
    /// starts again at the front of the storage.
    #[inline]
    pub(crate) fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
        if self.room() < min {
            self.make_room(min);
        }
        self.unused()
    }

    /// Appends `n` bytes and returns the place to write them, with `N` bytes of room. `None`, and no change, if fewer
    /// than `N` bytes are free behind the content.
    #[inline]
    pub(crate) fn commit_array<const N: usize>(&mut self, n: usize) -> Option<&mut [u8; N]> {
        let room = self.storage.get_mut(self.end..self.end.wrapping_add(N))?.first_chunk_mut()?;
        self.end += n.min(N);
        Some(room)
    }

    #[cold]
    fn make_room(&mut self, min: usize) {
        let needed = self.len().saturating_add(min);
        // Move the content only if the gap in front is at least as long. Each byte then moves about once, even if bytes
        // are removed one at a time.
        if needed > self.storage.len() || self.start < self.len() {
            self.grow_to(needed.max(self.storage.len().saturating_mul(2)));
        }
        self.move_to_front();
    }

    /// Moves the content to the front of the storage.
    pub(crate) fn move_to_front(&mut self) {
        self.storage.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// The number of free bytes behind the content.
    pub(crate) fn room(&self) -> usize {
        self.storage.len() - self.end
    }

    /// Grows the storage to exactly `len` bytes, unless it is that long already.
    pub(crate) fn grow_to(&mut self, len: usize) {
        if let Some(more) = len.checked_sub(self.storage.len()) {
            self.storage.reserve_exact(more);
            self.storage.resize(len, 0);
        }
    }

    /// Appends the first `n` bytes of the free part, which `spare` returned.
    #[inline]
    pub(crate) fn commit(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.storage.len());
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.append(bytes.len()).copy_from_slice(bytes);
    }

    /// Appends `n` bytes and returns the place to write them.
    #[inline]
    pub(crate) fn append(&mut self, n: usize) -> &mut [u8] {
        if self.room() < n {
            self.make_room(n);
        }
        let begin = self.end;
        self.end = begin.saturating_add(n);
        self.storage.get_mut(begin..self.end).unwrap_or_default()
    }

    /// Removes the first `n` bytes. They stay in the storage until bytes are added.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        if !self.skip(n) {
            self.start = self.end;
        }
    }

    /// Removes the last `n` bytes, if there are that many.
    #[cfg(feature = "deflate")]
    pub(crate) fn drop_back(&mut self, n: usize) {
        if n <= self.len() {
            self.end -= n;
        }
    }

    /// Removes the content. Frees the storage if it is longer than `retain` bytes.
    #[inline]
    pub(crate) fn reset(&mut self, retain: usize) {
        self.start = 0;
        self.end = 0;
        if self.storage.len() > retain {
            self.storage = Vec::new();
        }
    }

    /// The content as a `Vec`, in the same storage.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        self.storage.truncate(self.end);
        self.storage.drain(..self.start);
        self.storage
    }
}

/// An empty slice, for a branch that is never taken. `unwrap_or_default` would compile to a select, which delays the
/// common case.
#[cold]
#[inline(never)]
fn nothing<'a>() -> &'a [u8] {
    &[]
}
