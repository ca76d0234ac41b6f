//! Bytes that have arrived: received, lent to the application, and assembled to messages.

use alloc::boxed::Box;

use super::assembly::{Assembly, RETAINED_LEN};
use super::output::Outbox;
#[cfg(any(feature = "tokio", feature = "smol"))]
use super::reading::LONG_READ_TIMES;
use crate::frame::{MaskKey, apply_mask, copy_masked};
use crate::queue::Queue;
use crate::utf8::{Carry, Invalid};

/// A frame that lacks this many bytes or more is completed by a read of exactly that length, so that the next frame begins at
/// the front of the storage.
const EXACT_REST_FROM: usize = 4 << 10;

/// A frame that lacks this many bytes or more is read directly to where its message is assembled, up to its end.
const DIRECT_FROM: usize = 16 << 10;

/// A direct read asks for `read_len` times this at most: few system calls, and the bytes are still in the second-level cache when
/// they are unmasked.
const DIRECT_TIMES: usize = 8;

/// The read behind a frame that was read directly asks for this many bytes. The next frame may be as long, and what is read
/// before its length is known has to be copied.
const READ_LEN_BEHIND_DIRECT: usize = 1 << 10;

/// The capacity, in bytes, that storage keeps for assembly in a pool.
#[cfg(any(feature = "tokio", feature = "smol"))]
const TRIMMED_LEN: usize = 64 << 10;

/// Memory without content. A connection that is idle gives it away, another connection takes it.
///
/// A server with many connections has one `Storage` per thread: before a turn of a connection it calls
/// [`Connection::reuse`](crate::Connection::reuse), after the turn [`Connection::reclaim`](crate::Connection::reclaim).
/// A connection keeps memory of its own only while part of a frame or of a message waits in it.
///
/// No byte of one connection becomes content of another: a `Storage` is empty. Its memory is not cleared, however, so the
/// room that [`unfilled`](crate::Connection::unfilled) gives may hold old bytes. A stream that claims to have read more
/// than it wrote there would show them.
///
/// Size: what one connection used, at most 2 MiB each for reading, for text, for binary data and for writing.
#[derive(Default)]
pub struct Storage {
    pub(crate) inbox: Option<Box<Inbox>>,
    pub(super) outbox: Option<Box<Outbox>>,
}

impl Storage {
    /// Storage that allocates when a connection first needs it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the memory of an inbox in which nothing waits. It is freed if there is some here already.
    pub(crate) fn reclaim_inbox(&mut self, inbox: &mut Option<Box<Inbox>>) {
        if let Some(mut idle) = inbox.take_if(|inbox| inbox.is_idle()) {
            idle.clear();
            self.inbox.get_or_insert(idle);
        }
    }

    /// Gives memory to an end that has none.
    pub(crate) fn reuse_inbox(&mut self, inbox: &mut Option<Box<Inbox>>) {
        if inbox.is_none() {
            *inbox = self.inbox.take();
        }
    }

    /// Frees what only large messages need.
    #[cfg(any(feature = "tokio", feature = "smol"))]
    pub(crate) fn trim(&mut self, read_len: usize) {
        if let Some(inbox) = &mut self.inbox {
            inbox.received.reset(read_len.saturating_mul(LONG_READ_TIMES));
            inbox.assembly.reset(TRIMMED_LEN);
        }
    }
}

impl core::fmt::Debug for Storage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}

/// The receiver's bytes. Lent bytes stay in place until the next call.
#[derive(Default)]
pub(crate) struct Inbox {
    received: Queue,
    /// The bytes from this position to the front of `received` are lent.
    lent_from: usize,
    /// How many bytes the frame at the front lacks, while its rest is waited for.
    rest: usize,
    wait: WaitOnce,
    /// How many bytes at the front of `received` are found and not lent yet, while bytes are added behind them.
    kept: usize,
    /// The room that the last `unfilled` gave.
    room: Room,
    /// Whether the last read was a direct one.
    last_was_direct: bool,
    pub(super) assembly: Assembly,
}

/// How far the one wait for more of the frame at the front is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum WaitOnce {
    #[default]
    NotBegun,
    UnderWay,
    Over,
}

/// Where the next bytes go, and how many at most.
#[derive(Clone, Copy)]
enum Room {
    Received(usize),
    Assembly(usize),
    /// The connection ended after `unfilled`: the bytes are dropped.
    Nowhere(usize),
}

impl Default for Room {
    fn default() -> Self {
        Self::Received(0)
    }
}

impl Inbox {
    /// Whether no byte and no part of a message waits here.
    pub(crate) fn is_idle(&self) -> bool {
        self.received.is_empty()
            && (self.assembly.is_empty() || self.assembly.lent.is_some())
            && self.assembly.masked == 0
    }

    pub(crate) fn unread(&self) -> &[u8] {
        self.received.as_slice()
    }

    /// Room for the next read of `read_len` bytes. Never empty.
    pub(crate) fn unfilled(&mut self, read_len: usize) -> &mut [u8] {
        self.unfilled_of(read_len, read_len.saturating_mul(2))
    }

    /// [`unfilled`](Self::unfilled) in memory that is freed first if it has no content and is longer than `retain`.
    pub(super) fn unfilled_of(&mut self, read_len: usize, retain: usize) -> &mut [u8] {
        if self.reads_directly() {
            let room =
                self.assembly.unfilled(read_len.saturating_mul(DIRECT_TIMES), read_len.saturating_mul(2));
            self.room = Room::Assembly(room.len());
            return room;
        }
        let read_len = if self.last_was_direct { read_len.min(READ_LEN_BEHIND_DIRECT) } else { read_len };
        if self.received.is_empty() {
            self.received.reset(retain);
        }
        if self.received.room() < self.rest {
            self.received.move_to_front();
        }
        let len = if self.rest >= EXACT_REST_FROM {
            self.received.spare(self.rest).len().min(self.rest)
        } else {
            let len = read_len.saturating_sub(self.received.len()).max(self.rest).max(1);
            self.received.spare(len).len().min(len.max(read_len))
        };
        self.room = Room::Received(len);
        self.lend_kept();
        self.received.unused().get_mut(..len).unwrap_or_default()
    }

    /// Whether one direct read may bring `missing` bytes.
    pub(super) fn reads_in_one(&self, missing: u64, read_len: usize) -> bool {
        (DIRECT_FROM as u64..=read_len.saturating_mul(DIRECT_TIMES) as u64).contains(&missing)
    }

    /// Long messages are read to where they are assembled, so that they are not copied.
    fn reads_directly(&self) -> bool {
        let least = if self.last_was_direct { 1 } else { DIRECT_FROM };
        self.assembly.missing >= least && self.received.is_empty() && self.assembly.lent.is_none()
    }

    /// The first `n` bytes of what [`unfilled`](Self::unfilled) gave have been written.
    pub(crate) fn filled(&mut self, n: usize) {
        let room = core::mem::take(&mut self.room);
        let (Room::Received(len) | Room::Assembly(len) | Room::Nowhere(len)) = room;
        assert!(n <= len, "filled({n}), but there was room for {len} bytes");
        if n == 0 {
            return;
        }
        self.note_arrival();
        self.last_was_direct = matches!(room, Room::Assembly(_));
        match room {
            Room::Received(_) => self.received.commit(n),
            Room::Assembly(_) => self.assembly.filled(n),
            Room::Nowhere(_) => {}
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.room = Room::default();
        if !bytes.is_empty() {
            self.note_arrival();
        }
        self.assembly.missing = 0;
        self.received.extend(bytes);
        self.lend_kept();
    }

    fn note_arrival(&mut self) {
        self.rest = 0;
        if self.wait == WaitOnce::UnderWay {
            self.wait = WaitOnce::Over;
        }
    }

    /// Reads once into [`unfilled`](Self::unfilled). `Ok(0)` is the end of the stream.
    #[cfg(feature = "std")]
    pub(crate) fn read_from<R: std::io::Read + ?Sized>(
        &mut self,
        stream: &mut R,
        read_len: usize,
    ) -> std::io::Result<usize> {
        self.read_to_room(stream, read_len).map(|(n, _)| n)
    }

    /// [`read_from`](Self::read_from) that also gives for how many bytes there was room.
    #[cfg(feature = "std")]
    pub(super) fn read_to_room<R: std::io::Read + ?Sized>(
        &mut self,
        stream: &mut R,
        read_len: usize,
    ) -> std::io::Result<(usize, usize)> {
        use std::io::ErrorKind;

        let room = self.unfilled(read_len);
        let n = loop {
            match stream.read(room) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let room = room.len();
        let n = super::claims::check_read(n, room)?;
        self.filled(n);
        Ok((n, room))
    }

    /// Drops everything that has been received.
    pub(crate) fn clear(&mut self) {
        self.received.reset(RETAINED_LEN);
        self.lent_from = 0;
        self.rest = 0;
        self.wait = WaitOnce::NotBegun;
        self.kept = 0;
        self.room = Room::default();
        self.last_was_direct = false;
        self.assembly.clear();
    }

    /// [`clear`](Self::clear) at the end of a connection. [`filled`](Self::filled) may still follow the last `unfilled`.
    pub(super) fn discard(&mut self) {
        let (Room::Received(len) | Room::Assembly(len) | Room::Nowhere(len)) = self.room;
        self.clear();
        self.room = Room::Nowhere(len);
    }

    /// Drops the unread bytes. What is lent stays.
    pub(super) fn drop_unread(&mut self) {
        self.received.drop_content();
    }

    /// Puts what was found back to the front, so that it stays while bytes are added. [`lend_kept`](Self::lend_kept) takes
    /// it off again.
    pub(super) fn keep_lent(&mut self) {
        self.kept = self.received.give_back(self.lent_from);
    }

    fn lend_kept(&mut self) {
        let kept = core::mem::take(&mut self.kept);
        if kept > 0 {
            self.lend_front(kept);
        }
    }

    /// The application has used what was lent.
    #[inline]
    pub(crate) fn release(&mut self) {
        // Bytes that were written to the room lie behind the content until `filled` is called.
        if self.received.is_empty() && matches!(self.room, Room::Received(0)) {
            self.received.reset(RETAINED_LEN);
        }
        self.lent_from = self.received.position();
        if let Some(len) = self.assembly.lent {
            self.drop_assembled(len);
        }
    }

    /// Drops the first `len` assembled bytes, which are all that is unmasked. What was read directly behind them stays, and
    /// so does the room that was given for that.
    #[inline]
    pub(super) fn drop_assembled(&mut self, len: usize) {
        if self.assembly.masked > 0 || matches!(self.room, Room::Assembly(_)) {
            self.assembly.lent = None;
            self.assembly.binary.consume(len);
        } else {
            self.assembly.clear();
        }
    }

    /// Drops what is assembled.
    pub(super) fn abandon_assembled(&mut self) {
        self.drop_assembled(self.assembly.binary.len());
    }

    /// `N` bytes of the storage, `offset` bytes from the front. Some of them may lie behind the last byte received.
    #[inline]
    pub(super) fn peek<const N: usize>(&self, offset: usize) -> Option<&[u8; N]> {
        self.received.peek(offset)
    }

    /// Whether `len` bytes are unread.
    #[inline]
    pub(super) fn holds(&self, len: usize) -> bool {
        len <= self.received.len()
    }

    /// Takes the next `len` bytes, if all of them have arrived. Gives their position.
    #[inline]
    pub(super) fn take_frame(&mut self, len: usize) -> Option<usize> {
        let position = self.received.position();
        self.received.skip(len).then_some(position)
    }

    /// Lends the payload of a frame that was taken at `position`; gives its header and its payload.
    #[inline]
    pub(super) fn lend_frame(
        &mut self,
        position: usize,
        header_len: usize,
        len: usize,
    ) -> (&mut [u8], &mut [u8]) {
        self.lent_from = position + header_len;
        let frame = self.received.at(position, header_len + len);
        frame.split_at_mut_checked(header_len).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.wait = WaitOnce::NotBegun;
        self.received.consume(n);
    }

    /// Lends the first `n` unread bytes.
    pub(super) fn lend_front(&mut self, n: usize) {
        self.lent_from = self.received.position();
        self.received.consume(n);
    }

    /// Lends the assembled message or chunk.
    pub(super) fn lend_assembled(&mut self) {
        self.assembly.lent = Some(self.assembly.binary.len());
        self.lend_front(0);
    }

    /// Unmasks the first `n` unread bytes in place.
    #[inline]
    pub(super) fn unmask(&mut self, n: usize, key: Option<MaskKey>, phase: usize) {
        let Some(key) = key else { return };
        if let Some(payload) = self.received.as_mut_slice().get_mut(..n) {
            apply_mask(payload, key, phase);
        }
    }

    /// Records how many bytes the frame at the front lacks; true if that changed.
    pub(super) fn await_rest(&mut self, missing: usize) -> bool {
        core::mem::replace(&mut self.rest, missing) != missing
    }

    /// [`await_rest`](Self::await_rest), until more of the frame has come.
    pub(super) fn await_rest_once(&mut self, missing: usize) -> bool {
        self.wait = WaitOnce::UnderWay;
        self.await_rest(missing)
    }

    /// Whether the frame at the front has been waited for once.
    pub(super) fn has_waited(&self) -> bool {
        self.wait == WaitOnce::Over
    }

    /// The frame lacks `missing` bytes, which may be read directly. Some of them have been.
    pub(super) fn expect_rest(&mut self, missing: u64) {
        let missing = usize::try_from(missing).unwrap_or(usize::MAX);
        self.assembly.missing = missing.saturating_sub(self.assembly.masked);
    }

    /// How many directly read bytes are still masked.
    pub(super) fn read_directly(&self) -> usize {
        self.assembly.masked
    }

    /// Unmasks the directly read bytes.
    pub(super) fn unmask_read_directly(&mut self, key: Option<MaskKey>, phase: usize) {
        let masked = core::mem::take(&mut self.assembly.masked);
        let binary = self.assembly.binary.as_mut_slice();
        let before = binary.len() - masked;
        if let (Some(key), Some(payload)) = (key, binary.get_mut(before..)) {
            apply_mask(payload, key, phase);
        }
    }

    /// Moves the next `n` bytes to the binary message that is being assembled, and unmasks them in the same pass.
    pub(super) fn assemble_binary(&mut self, n: usize, key: Option<MaskKey>, phase: usize) {
        let payload = self.received.take(n);
        let to = self.assembly.binary.append(payload.len());
        match key {
            Some(key) => copy_masked(to, payload, key, phase),
            None => to.copy_from_slice(payload),
        }
    }

    /// Copies the lent part of a binary message to the message that is being assembled.
    pub(super) fn assemble_lent(&mut self) {
        let payload = self.received.since(self.lent_from);
        self.assembly.binary.extend(payload);
        self.lend_front(0);
    }

    /// The first `n` unread bytes, and the message that is being assembled.
    #[cfg(feature = "deflate")]
    pub(super) fn front(&mut self, n: usize) -> (&[u8], &mut Assembly) {
        (self.received.as_slice().get(..n).unwrap_or_default(), &mut self.assembly)
    }

    /// [`front`](Self::front) of the storage: some of the `n` bytes may lie behind the last byte received. `None` if the storage
    /// ends before.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(super) fn front_of_storage(&mut self, n: usize) -> Option<(&mut [u8], &mut Assembly)> {
        Some((self.received.front_of_storage(n)?, &mut self.assembly))
    }

    /// Moves the next `n` bytes, already unmasked, to the text message that is being assembled, and validates them.
    pub(super) fn assemble_text(&mut self, n: usize, carry: &mut Carry) -> Result<(), Invalid> {
        let (seam, text) = carry.push(self.received.as_slice().get(..n).unwrap_or_default())?;
        self.assembly.text.extend(seam);
        self.assembly.text.push_str(text);
        self.received.consume(n);
        Ok(())
    }

    #[inline]
    pub(super) fn lent(&self) -> &[u8] {
        self.received.since(self.lent_from)
    }
}

impl core::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inbox").field("unread", &self.unread().len()).finish_non_exhaustive()
    }
}
