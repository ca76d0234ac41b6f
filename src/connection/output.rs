//! What waits to be written.

use alloc::vec::Vec;

use bytes::{Buf, Bytes};

use crate::frame::{FrameHeader, MaskKey, Opcode, common, copy_masked};
use crate::queue::Queue;

/// What an output that has been written out keeps of its storage.
const RETAINED_LEN: usize = 2 << 20;

/// The same for references, which a room full of news can make thousands.
const RETAINED_REFERENCES: usize = 16;

/// How many Pongs may wait side by side: enough that Pings arriving together are all answered, few enough that a
/// flood of them costs nothing.
const PONGS: u8 = 16;

/// How many pieces one `writev` takes.
#[cfg(feature = "std")]
const SLICES: usize = 32;

/// Bytes for the peer in their order: small frames side by side in one run, large payloads by reference at their
/// place in it. Write the [`chunks`](Self::chunks) with one `writev`, then [`advance`](Self::advance) by what went out;
/// [`write_to`](Self::write_to) does both. It is also a [`bytes::Buf`].
#[derive(Default)]
pub struct Output {
    run: Queue,
    /// Payloads that are not in the run, each with the position in the stream where it begins. The first `gone` of them have
    /// been written.
    references: Vec<(u64, Bytes)>,
    gone: usize,
    /// Positions in the stream of everything ever sent: of the first byte still held here, of what has been written,
    /// behind the last byte queued, and behind the Pong that was queued last.
    front: u64,
    written: u64,
    queued: u64,
    pong_end: u64,
    /// How many Pongs were queued since none waited.
    pongs: u8,
    /// Something has been written since `take_moved`.
    moved: bool,
}

impl Output {
    /// How many bytes wait, those taken for writing and not yet written included.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what is in memory can be counted in usize")]
    pub fn len(&self) -> usize {
        (self.queued - self.written) as usize
    }

    /// Whether everything has been written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queued == self.written
    }

    /// What waits, in pieces, in order. None of them is empty.
    #[inline]
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let mut run = self.run.as_slice();
        let mut position = self.front;
        let mut references = self.waiting_references();
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

    /// Drops the first `n` bytes: they have been written.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        if n < self.held() {
            return self.advance_within(n);
        }
        self.moved |= n > 0;
        self.front = self.queued;
        self.written = self.queued;
        self.run.reset(RETAINED_LEN);
        if !self.references.is_empty() {
            self.forget_references();
        }
    }

    fn advance_within(&mut self, mut n: usize) {
        while n > 0 {
            n -= self.drop_front(n);
        }
        self.note_written(self.front);
    }

    /// Writes once, as much as the stream takes, and drops it. `Ok(0)` when nothing waits.
    ///
    /// # Errors
    ///
    /// Those of the stream, `Interrupted` aside, which is tried again; `WriteZero` for a stream that takes nothing.
    /// What was not written still waits.
    #[cfg(feature = "std")]
    pub fn write_to<W: std::io::Write + ?Sized>(&mut self, stream: &mut W) -> std::io::Result<usize> {
        if self.held() == 0 {
            return Ok(0);
        }
        let n = self.write_once(stream, &[])?;
        self.advance(n);
        Ok(n)
    }

    /// Queues an unmasked frame and writes once. What the stream takes of the payload is never copied.
    ///
    /// Whatever the stream says, all of the frame is queued or written.
    #[cfg(feature = "std")]
    pub(crate) fn write_frame_to<W: std::io::Write + ?Sized>(
        &mut self,
        stream: &mut W,
        header: &FrameHeader,
        payload: &[u8],
    ) -> std::io::Result<()> {
        let (header_len, _) = self.append_header(header, 0);
        self.commit(header_len);
        let result = self.write_once(stream, payload);
        let waiting = self.held();
        let n = *result.as_ref().unwrap_or(&0);
        self.advance(n.min(waiting));
        let (written, rest) = payload.split_at(n.saturating_sub(waiting).min(payload.len()));
        if !written.is_empty() {
            self.queued += written.len() as u64;
            self.advance(written.len());
        }
        self.append(rest.len()).copy_from_slice(rest);
        result.map(|_| ())
    }

    /// Writes once what waits, and what is to go `behind` it. Gives how much went out.
    #[cfg(feature = "std")]
    fn write_once<W: std::io::Write + ?Sized>(
        &self,
        stream: &mut W,
        behind: &[u8],
    ) -> std::io::Result<usize> {
        use std::io::{ErrorKind, IoSlice};

        let behind = Some(behind).filter(|behind| !behind.is_empty());
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.chunks().chain(behind)) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        let n = loop {
            match stream.write_vectored(slices) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if n == 0 { Err(ErrorKind::WriteZero.into()) } else { Ok(n) }
    }

    /// Writes until nothing waits, then flushes the stream; for streams that block.
    ///
    /// # Errors
    ///
    /// As [`write_to`](Self::write_to).
    #[cfg(feature = "std")]
    pub fn write_all_to<W: std::io::Write + ?Sized>(&mut self, stream: &mut W) -> std::io::Result<()> {
        while self.held() > 0 {
            self.write_to(stream)?;
        }
        // Even where nothing was written: the stream may hold what it could not pass on when it was flushed before.
        stream.flush()
    }

    /// Gives away the storage that an output with nothing in it keeps, for another one to [`reuse`](Self::reuse): a
    /// connection that is idle then has no heap. While something waits, there is nothing to give.
    pub fn reclaim(&mut self) -> Vec<u8> {
        if self.held() > 0 {
            return Vec::new();
        }
        self.references = Vec::new();
        self.gone = 0;
        core::mem::take(&mut self.run).into_storage()
    }

    /// Takes storage for what will be queued, unless there is some. Its content does not matter.
    pub fn reuse(&mut self, storage: Vec<u8>) {
        if self.run.capacity() == 0 {
            self.run = Queue::from_storage(storage);
        }
    }

    /// Takes what waits away, to be written elsewhere. It counts as waiting until [`confirm`](Self::confirm) says that
    /// it has been written.
    #[cfg(feature = "std")]
    pub(crate) fn take(&mut self) -> Self {
        let Self { written, queued, pong_end, pongs, .. } = *self;
        core::mem::replace(self, Self { front: queued, written, queued, pong_end, pongs, ..Self::default() })
    }

    /// `n` bytes of what was taken have been written.
    #[cfg(feature = "std")]
    pub(crate) fn confirm(&mut self, n: usize) {
        self.note_written(self.written.saturating_add(n as u64).min(self.front));
    }

    /// The position behind everything queued so far, for [`is_written`](Self::is_written).
    #[cfg(feature = "std")]
    pub(crate) fn end(&self) -> u64 {
        self.queued
    }

    #[cfg(feature = "std")]
    pub(crate) fn is_written(&self, end: u64) -> bool {
        self.written >= end
    }

    #[inline]
    fn note_written(&mut self, up_to: u64) {
        self.moved |= up_to > self.written;
        self.written = self.written.max(up_to);
    }

    /// Whether the stream has taken something since this was asked before, and more waits.
    pub(crate) fn take_moved(&mut self) -> bool {
        core::mem::take(&mut self.moved) && !self.is_empty()
    }

    /// How many bytes are here, those taken aside.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        distance(self.front, self.queued)
    }

    #[inline]
    fn waiting_references(&self) -> &[(u64, Bytes)] {
        if self.references.is_empty() { &[] } else { self.references.get(self.gone..).unwrap_or_default() }
    }

    /// All of them have been written.
    fn forget_references(&mut self) {
        self.references.clear();
        if self.references.capacity() > RETAINED_REFERENCES {
            self.references.shrink_to(RETAINED_REFERENCES);
        }
        self.gone = 0;
    }

    /// Drops up to `n` bytes of the first piece, and says how many.
    fn drop_front(&mut self, n: usize) -> usize {
        let dropped = match self.references.get_mut(self.gone) {
            Some((at, bytes)) if *at == self.front => {
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
                let dropped = n.min(distance(self.front, *at));
                self.run.consume(dropped);
                dropped
            }
            None => {
                self.run.consume(n);
                n
            }
        };
        self.front += dropped as u64;
        // Once for every so many, so that each is moved about once.
        if self.gone > RETAINED_REFERENCES && self.gone > self.references.len() / 2 {
            self.references.drain(..self.gone);
            self.gone = 0;
        }
        dropped
    }

    /// Queues a frame with a short payload, if there is storage for it already.
    #[inline]
    pub(crate) fn append_short(
        &mut self,
        opcode: Opcode,
        key: Option<MaskKey>,
        payload: &[u8],
    ) -> Option<()> {
        let len = common::short_len(key, payload);
        let to = self.run.commit_array(len)?;
        self.queued += len as u64;
        common::encode_short(to, opcode, key, payload);
        Some(())
    }

    /// Queues any frame.
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

    /// The same without a copy of the payload, which is not masked.
    pub(crate) fn append_frame_by_reference(&mut self, header: &FrameHeader, payload: Bytes) {
        let (header_len, _) = self.append_header(header, 0);
        self.commit(header_len);
        self.append_reference(payload);
    }

    /// Writes a header with room for so many bytes behind it. Gives its length and where it begins.
    fn append_header(&mut self, header: &FrameHeader, len: usize) -> (usize, &mut [u8]) {
        // The least is enough for `append_short` the next time.
        let room = self.run.spare((FrameHeader::MAX_LEN + len).max(common::SHORT_LEN));
        (room.first_chunk_mut().map_or(0, |room| header.encode(room)), room)
    }

    #[inline]
    fn commit(&mut self, len: usize) {
        self.run.commit(len);
        self.queued += len as u64;
    }

    /// Room for exactly `len` bytes, which the caller fills.
    pub(crate) fn append(&mut self, len: usize) -> &mut [u8] {
        self.queued += len as u64;
        self.run.append(len)
    }

    /// Queues bytes whose memory becomes the storage, unless there is some.
    pub(crate) fn append_vec(&mut self, bytes: Vec<u8>) {
        let len = bytes.len();
        if self.run.capacity() == 0 {
            self.run = Queue::from_storage(bytes);
            self.commit(len);
        } else {
            self.append(len).copy_from_slice(&bytes);
        }
    }

    /// Queues bytes without copying them.
    pub(crate) fn append_reference(&mut self, bytes: Bytes) {
        let len = bytes.len() as u64;
        if len > 0 {
            self.references.push((self.queued, bytes));
            self.queued += len;
        }
    }

    /// Marks the frame appended last as a Pong.
    pub(crate) fn mark_pong(&mut self) {
        self.pongs = if self.pong_end > self.written { self.pongs + 1 } else { 1 };
        self.pong_end = self.queued;
    }

    /// Whether there is room for one more Pong.
    pub(crate) fn takes_pong(&self) -> bool {
        self.pong_end <= self.written || self.pongs < PONGS
    }
}

/// How far it is from one position to a later one.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both lie in what is in memory")]
fn distance(from: u64, to: u64) -> usize {
    to.saturating_sub(from) as usize
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.held()
    }

    fn chunk(&self) -> &[u8] {
        self.chunks().next().unwrap_or_default()
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
