//! Bytes that wait to be written.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::{Buf, Bytes};

use super::assembly::RETAINED_LEN;
use super::inbox::Storage;
use crate::frame::{FrameHeader, MaskKey, Opcode, copy_masked, fast_path};
use crate::queue::Queue;

/// Shared payloads from this length on are referenced. That costs a clone of a `Bytes` and a slice in the `writev`, which
/// is then less than the copy.
pub(super) const REFERENCED_FROM: usize = 4 << 10;

/// The capacity for references that an empty output keeps.
const RETAINED_REFERENCES: usize = 16;

/// The most Pongs that wait at a time: Pings that arrive together are all answered, and a flood of Pings costs nothing.
const PONGS: u8 = 16;

/// The most chunks that one `writev` takes.
#[cfg(feature = "std")]
pub(crate) const SLICES: usize = 32;

/// Bytes for the peer, in order. Small frames share one run of bytes; large payloads are references at their place in it.
///
/// Write the [`chunks`](Self::chunks) with one `writev`, then call [`advance`](Self::advance) with what was written;
/// [`write_to`](Self::write_to) does both. Without `writev`, write one [`chunk`](Self::chunk) after another:
///
/// ```
/// # let mut output_of = sansocket::Connection::server(sansocket::Config::default());
/// # output_of.send("Hello").unwrap();
/// # let output = output_of.output();
/// # let mut wire = Vec::new();
/// # let mut send = |bytes: &[u8]| { wire.extend_from_slice(bytes); bytes.len() };
/// while !output.is_empty() {
///     let n = send(output.chunk());
///     output.advance(n);
/// }
/// # assert_eq!(wire, b"\x81\x05Hello");
/// ```
///
/// It is also a [`bytes::Buf`].
#[derive(Default)]
pub struct Output {
    outbox: Option<Box<Outbox>>,
    /// The position of the first byte held here. Positions count all bytes ever sent.
    front: u64,
    /// The position behind the last byte written.
    written: u64,
    /// The position behind the last byte queued.
    queued: u64,
    /// The position behind the last Pong queued.
    pong_end: u64,
    /// How many Pongs have been queued since none waited.
    pongs: u8,
    /// Whether the stream has left something of an earlier write.
    stalled: bool,
    /// Whether the stream has taken something since `take_moved`, after it had stalled.
    moved: bool,
}

/// The bytes themselves. Only connections with something to write have one.
#[derive(Default)]
pub(crate) struct Outbox {
    run: Queue,
    /// Payloads outside the run, each with its position in the stream. The first `gone` of them have been written.
    references: Vec<(u64, Bytes)>,
    gone: usize,
}

impl Output {
    /// How many bytes wait. Bytes that a thread of the blocking shell is writing count, too.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "memory holds no more than usize::MAX bytes")]
    pub fn len(&self) -> usize {
        (self.queued - self.written) as usize
    }

    /// Whether everything has been written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queued == self.written
    }

    /// What waits, in order. No chunk is empty.
    #[inline]
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let (mut run, mut references) = self.waiting();
        let mut position = self.front;
        core::iter::from_fn(move || {
            let chunk = match references {
                [] => core::mem::take(&mut run),
                [(at, bytes), rest @ ..] if *at == position => {
                    references = rest;
                    &bytes[..]
                }
                [(at, _), ..] => {
                    let (chunk, rest) = run.split_at(distance(position, *at).min(run.len()));
                    run = rest;
                    chunk
                }
            };
            position += chunk.len() as u64;
            (!chunk.is_empty()).then_some(chunk)
        })
    }

    /// The next chunk of what waits; empty only if nothing waits.
    pub fn chunk(&self) -> &[u8] {
        self.chunks().next().unwrap_or_default()
    }

    /// What waits, if that is one chunk.
    #[cfg(any(feature = "tokio", feature = "smol"))]
    #[inline]
    pub(crate) fn only_chunk(&self) -> Option<&[u8]> {
        let (run, references) = self.waiting();
        references.is_empty().then_some(run)
    }

    /// The run, and the payloads at their places in it.
    #[inline]
    fn waiting(&self) -> (&[u8], &[(u64, Bytes)]) {
        self.outbox.as_deref().map_or((&[], &[]), Outbox::waiting)
    }

    /// Drops the first `n` bytes: they have been written.
    ///
    /// # Panics
    ///
    /// If `n` is more than [`len`](Self::len).
    #[inline]
    pub fn advance(&mut self, n: usize) {
        if n != self.held() {
            return self.advance_within(n);
        }
        self.front = self.queued;
        self.written += n as u64;
        if self.stalled {
            self.moved |= n > 0;
            self.stalled = false;
        }
        if let Some(outbox) = &mut self.outbox {
            outbox.clear();
        }
    }

    /// Out of line with its panic, so that the common case is short.
    #[inline(never)]
    fn advance_within(&mut self, mut n: usize) {
        let held = self.held();
        assert!(n <= held, "advance({n}), but only {held} bytes wait");
        if n == 0 {
            return;
        }
        while n > 0 {
            let dropped = self.outbox.get_or_insert_default().drop_front(self.front, n);
            self.front += dropped as u64;
            n -= dropped;
        }
        self.note_written(self.front);
    }

    /// Gives `storage` the memory of this side, if nothing waits in it. It is freed if `storage` has some already.
    pub fn reclaim(&mut self, storage: &mut Storage) {
        if let Some(outbox) = self.outbox.take_if(|_| self.front == self.queued) {
            storage.outbox.get_or_insert(outbox);
        }
    }

    /// Takes the memory for this side from `storage`, unless this side has some already.
    pub fn reuse(&mut self, storage: &mut Storage) {
        if self.outbox.is_none() {
            self.outbox = storage.outbox.take();
        }
    }

    /// Takes what waits, to be written by the caller. It counts as waiting until [`confirm`](Self::confirm) reports it as
    /// written.
    #[cfg(feature = "std")]
    pub(crate) fn take(&mut self) -> Self {
        let Self { written, queued, pong_end, pongs, stalled, moved, .. } = *self;
        core::mem::replace(
            self,
            Self { front: queued, written, queued, pong_end, pongs, stalled, moved, ..Self::default() },
        )
    }

    /// The caller has written `n` bytes of what it took.
    #[cfg(feature = "std")]
    pub(crate) fn confirm(&mut self, n: usize) {
        self.note_written(self.written.saturating_add(n as u64).min(self.front));
    }

    /// The stream has passed on some of what it had taken, after a wait: the peer is reading.
    #[cfg(feature = "std")]
    pub(crate) fn note_moved(&mut self) {
        self.moved = true;
    }

    /// Drops everything, with what the caller has taken: it cannot be written any more.
    #[cfg(feature = "std")]
    pub(crate) fn give_up(&mut self) {
        self.advance(self.held());
        self.confirm(usize::MAX);
    }

    /// The position behind everything queued so far, for [`is_written`](Self::is_written).
    pub(crate) fn end(&self) -> u64 {
        self.queued
    }

    #[cfg(feature = "std")]
    pub(crate) fn is_written(&self, end: u64) -> bool {
        self.written >= end
    }

    #[inline]
    fn note_written(&mut self, up_to: u64) {
        if up_to > self.written {
            self.moved |= self.stalled;
            self.written = up_to;
            self.stalled = up_to < self.queued;
        }
    }

    /// Whether the stream has taken or passed on something since the last call, after it had stalled: a peer reads slowly. What
    /// a stream takes at once says nothing about the peer.
    pub(crate) fn take_moved(&mut self) -> bool {
        core::mem::take(&mut self.moved)
    }

    /// How many bytes are held here, without those that a writer has taken.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        distance(self.front, self.queued)
    }

    /// Queues a whole message of at most 125 bytes, if the storage has room.
    #[inline]
    pub(crate) fn append_short(
        &mut self,
        opcode: Opcode,
        key: Option<MaskKey>,
        payload: &[u8],
    ) -> Option<()> {
        let len = fast_path::short_len(key, payload);
        let to = self.outbox.as_deref_mut()?.run.commit_array(len)?;
        self.queued += len as u64;
        fast_path::encode_short(to, opcode, key, payload);
        Some(())
    }

    /// Queues any frame.
    #[inline(always)]
    pub(crate) fn append_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        let (header_len, room) = self.append_header(header, payload.len());
        let len = header_len + payload.len();
        match (header.mask, room.get_mut(header_len..len)) {
            (Some(key), Some(to)) => copy_masked(to, payload, key, 0),
            (None, Some(to)) => to.copy_from_slice(payload),
            (_, None) => {}
        }
        self.commit(len);
    }

    /// Queues an unmasked frame without a copy of its payload.
    #[inline(always)]
    pub(crate) fn append_frame_by_reference(&mut self, header: &FrameHeader, payload: &Bytes) {
        let payload = Bytes::clone(payload);
        let (header_len, _) = self.append_header(header, 0);
        self.commit(header_len);
        self.append_reference(payload);
    }

    /// Writes a header with room for `len` bytes behind it. Gives the header's length and the room from its start.
    #[inline(always)]
    fn append_header(&mut self, header: &FrameHeader, len: usize) -> (usize, &mut [u8]) {
        // At least what `append_short` needs the next time.
        let room = self.run().spare((FrameHeader::MAX_LEN + len).max(fast_path::SHORT_LEN));
        (room.first_chunk_mut().map_or(0, |room| header.encode(room)), room)
    }

    #[inline]
    fn commit(&mut self, len: usize) {
        self.run().commit(len);
        self.queued += len as u64;
    }

    /// Queues `len` bytes, which the caller writes to what this gives.
    pub(crate) fn append(&mut self, len: usize) -> &mut [u8] {
        self.queued += len as u64;
        self.run().append(len)
    }

    #[inline]
    fn run(&mut self) -> &mut Queue {
        &mut self.outbox.get_or_insert_default().run
    }

    /// Queues bytes. Their memory becomes the storage, unless there is some.
    pub(crate) fn append_vec(&mut self, bytes: Vec<u8>) {
        let len = bytes.len();
        let run = self.run();
        if run.capacity() == 0 {
            *run = Queue::from_storage(bytes);
            self.commit(len);
        } else {
            self.append(len).copy_from_slice(&bytes);
        }
    }

    /// Queues a frame that was encoded before.
    pub(crate) fn append_encoded(&mut self, frame: &Bytes) {
        if frame.len() < REFERENCED_FROM {
            self.append(frame.len()).copy_from_slice(frame);
        } else {
            self.append_reference(Bytes::clone(frame));
        }
    }

    /// Queues bytes without copying them.
    #[inline]
    fn append_reference(&mut self, bytes: Bytes) {
        let len = bytes.len() as u64;
        if len > 0 {
            self.outbox.get_or_insert_default().references.push((self.queued, bytes));
            self.queued += len;
        }
    }

    /// Marks the last frame as a Pong.
    pub(crate) fn mark_pong(&mut self) {
        self.pongs = if self.pong_end > self.written { self.pongs + 1 } else { 1 };
        self.pong_end = self.queued;
    }

    /// Whether one more Pong may wait.
    pub(crate) fn takes_pong(&self) -> bool {
        self.pong_end <= self.written || self.pongs < PONGS
    }
}

impl Outbox {
    /// What waits: the run, and the payloads at their places in it.
    #[inline]
    fn waiting(&self) -> (&[u8], &[(u64, Bytes)]) {
        let references = if self.references.is_empty() {
            &[]
        } else {
            self.references.get(self.gone..).unwrap_or_default()
        };
        (self.run.as_slice(), references)
    }

    /// Everything has been written.
    #[inline]
    fn clear(&mut self) {
        self.run.reset(RETAINED_LEN);
        if !self.references.is_empty() {
            self.forget_references();
        }
    }

    fn forget_references(&mut self) {
        self.references.clear();
        if self.references.capacity() > RETAINED_REFERENCES {
            self.references.shrink_to(RETAINED_REFERENCES);
        }
        self.gone = 0;
    }

    /// Drops up to `n` bytes of the first chunk, which is at the position `front`, and gives how many.
    fn drop_front(&mut self, front: u64, n: usize) -> usize {
        let dropped = match self.references.get_mut(self.gone) {
            Some((at, bytes)) if *at == front => {
                let dropped = n.min(bytes.len());
                bytes.advance(dropped);
                *at += dropped as u64;
                if bytes.is_empty() {
                    *bytes = Bytes::new();
                    self.gone += 1;
                }
                dropped
            }
            Some((at, _)) => {
                let dropped = n.min(distance(front, *at));
                self.run.consume(dropped);
                dropped
            }
            None => {
                self.run.consume(n);
                n
            }
        };
        // Rarely, so that each reference is moved about once.
        if self.gone > RETAINED_REFERENCES && self.gone > self.references.len() / 2 {
            self.references.drain(..self.gone);
            self.gone = 0;
        }
        dropped
    }
}

/// The distance between two positions.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "memory holds no more than usize::MAX bytes")]
fn distance(from: u64, to: u64) -> usize {
    to.saturating_sub(from) as usize
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.held()
    }

    fn chunk(&self) -> &[u8] {
        Output::chunk(self)
    }

    fn advance(&mut self, n: usize) {
        Output::advance(self, n);
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, to: &mut [std::io::IoSlice<'a>]) -> usize {
        let pairs = to.iter_mut().zip(self.chunks());
        pairs.map(|(slice, chunk)| *slice = std::io::IoSlice::new(chunk)).count()
    }
}

impl core::fmt::Debug for Output {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Output").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
#[cfg(feature = "std")]
mod writing;
