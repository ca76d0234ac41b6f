//! What has been received and not yet handed out.

use alloc::string::String;

use crate::frame::{MaskKey, apply_mask, copy_masked};
use crate::queue::Queue;
use crate::utf8::{Carry, Invalid};

/// How much is read at a time, unless somebody chose otherwise: a frame of 16 KiB with its header and little more, so that
/// what comes behind it is soon moved to the front, and all of it stays in a first-level cache.
const READ_LEN: usize = 17 << 10;

/// How little is read at a time where less was chosen.
const LEAST_READ_LEN: usize = 1 << 10;

/// From this many missing bytes on, the rest of a frame is read by itself, so that the next one begins at the front.
const REST_FROM: usize = 4 << 10;

/// From this many missing bytes on, the rest of a binary frame is read to where its message is assembled.
const DIRECT_FROM: usize = 20 << 10;

/// How many times as much is read there at a time as is read otherwise: few calls of the system, and what was read is still
/// in a near cache when it is unmasked.
const DIRECT_TIMES: usize = 2;

/// How many times what has been received there the storage may then be.
const GROWTH: usize = 4;

/// The capacity that an idle buffer keeps, for assembling messages and for what was taken in at once. What was more is
/// given back.
const RETAINED_LEN: usize = 2 << 20;

/// What a pool keeps of that for each buffer.
#[cfg(any(feature = "tokio", feature = "futures-io"))]
const TRIMMED_LEN: usize = 64 << 10;

/// Received bytes: filled from a socket, emptied by [`Connection`](crate::Connection), which lends events out of it.
///
/// A message that arrived whole in one frame is lent from where it was read to. One that came in fragments, or in more
/// than one read, is assembled here. Either way it is lent until the next call that takes the buffer.
///
/// A buffer that [`is_idle`](Self::is_idle) belongs to nobody: one can serve every connection of a thread in turn,
/// and a connection needs one of its own only while part of a message, or of the opening handshake, is waiting in it.
/// When a connection ends in an error of any kind, [`clear`](Self::clear) the buffer before another one uses it.
///
/// Memory: nothing until the first read, then [as much as is read](Self::with_read_len) at a time, twice that where a frame
/// begins in the middle (more only while a longer HTTP head arrives), and a message under assembly grows with what has been
/// received of it, up to [`Limits::max_message_len`](crate::Limits::max_message_len); at most 2 MiB of that is kept for the
/// next one.
pub struct Buffer {
    received: Queue,
    /// How much is read at a time.
    read_len: usize,
    /// From where to the front of the queue bytes have been handed out, until the next call.
    lent_from: usize,
    /// How many bytes the frame at the front lacks, where that is known and it is waited for.
    rest: usize,
    /// How much room `spare` has given for the next `commit`.
    room: usize,
    pub(crate) assembly: Assembly,
}

impl Default for Buffer {
    fn default() -> Self {
        Self::with_read_len(READ_LEN)
    }
}

impl Buffer {
    /// An empty buffer, which allocates when it is first read into, and reads 17 KiB at a time.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, reading `len` bytes at a time, 1 KiB at least; of a message that is longer, twice as many. A frame of up to
    /// that length, header included, is lent from where it was read to.
    ///
    /// Little keeps what is read in a near cache; much makes fewer calls of the system for long messages, or for many short
    /// ones. Where a connection has a buffer of its own, it is memory that each connection has.
    pub fn with_read_len(len: usize) -> Self {
        Self {
            received: Queue::default(),
            read_len: len.max(LEAST_READ_LEN),
            lent_from: 0,
            rest: 0,
            room: 0,
            assembly: Assembly::default(),
        }
    }

    /// How much is read at a time.
    pub(crate) fn read_len(&self) -> usize {
        self.read_len
    }

    /// Whether nothing is waiting here: no byte, and no part of a message.
    pub fn is_idle(&self) -> bool {
        self.received.is_empty() && (self.assembly.is_empty() || self.assembly.taken)
    }

    /// The bytes that have been received and not yet looked at.
    pub fn unread(&self) -> &[u8] {
        self.received.as_slice()
    }

    /// Room for the next bytes, never empty; how many were written there is told to [`commit`](Self::commit).
    /// For reads that are not [`std::io::Read`]: `recv`, `io_uring`, DMA.
    pub fn spare(&mut self) -> &mut [u8] {
        self.release();
        if self.reads_directly() {
            let spare = self.assembly.spare(self.read_len.saturating_mul(DIRECT_TIMES));
            self.room = spare.len();
            return spare;
        }
        if self.received.is_empty() {
            self.received.reset(self.read_len.saturating_mul(2));
        }
        let spare = if self.rest >= REST_FROM {
            self.received.spare(self.rest).get_mut(..self.rest).unwrap_or_default()
        } else {
            self.received.spare(self.read_len.saturating_sub(self.received.len()).max(1))
        };
        self.room = spare.len();
        spare
    }

    fn reads_directly(&self) -> bool {
        self.assembly.missing >= DIRECT_FROM && self.received.is_empty()
    }

    /// Takes in the first `n` bytes of what [`spare`](Self::spare) gave; more than it gave counts as all of it.
    pub fn commit(&mut self, n: usize) {
        let n = n.min(core::mem::take(&mut self.room));
        if n == 0 {
            return;
        }
        self.rest = 0;
        if self.reads_directly() {
            self.assembly.commit(n);
        } else {
            self.received.commit(n);
        }
    }

    /// Takes in a copy of `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.release();
        self.room = 0;
        self.rest = 0;
        self.received.extend(bytes);
    }

    /// Reads once. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the stream, `Interrupted` aside, which is tried again; `InvalidData` for a stream that claims to have
    /// read more than there was room for. Nothing that was in the buffer is lost by an error.
    #[cfg(feature = "std")]
    pub fn read_from<R: std::io::Read + ?Sized>(&mut self, stream: &mut R) -> std::io::Result<usize> {
        use std::io::ErrorKind;

        let spare = self.spare();
        let n = loop {
            match stream.read(spare) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if n > spare.len() {
            return Err(std::io::Error::new(
                ErrorKind::InvalidData,
                "a read of more bytes than there was room for",
            ));
        }
        self.commit(n);
        Ok(n)
    }

    /// Gives back what an idle buffer keeps for large messages.
    #[cfg(any(feature = "tokio", feature = "futures-io"))]
    pub(crate) fn trim(&mut self) {
        self.received.reset(self.read_len);
        self.assembly.reset(TRIMMED_LEN);
    }

    /// Drops everything that has been received.
    pub fn clear(&mut self) {
        self.received.reset(self.read_len);
        self.lent_from = 0;
        self.rest = 0;
        self.assembly.clear();
    }

    /// What was lent has been used.
    pub(crate) fn release(&mut self) {
        if self.received.is_empty() {
            self.received.reset(RETAINED_LEN);
        }
        self.lent_from = self.received.position();
        if self.assembly.taken {
            self.assembly.clear();
        }
    }

    /// The first bytes that have not been looked at, and whatever lies behind the last of them.
    #[inline]
    pub(crate) fn peek<const N: usize>(&self) -> Option<&[u8; N]> {
        self.received.peek()
    }

    /// Whether so many bytes have been received and not yet looked at.
    #[inline]
    pub(crate) fn holds(&self, n: usize) -> bool {
        self.received.holds(n)
    }

    /// Lends `len` bytes behind a header, and gives both. They have all been received.
    #[inline]
    pub(crate) fn lend_frame(&mut self, header_len: usize, len: usize) -> (&mut [u8], &mut [u8]) {
        self.lent_from = self.received.position() + header_len;
        let frame = self.received.take(header_len + len);
        frame.split_at_mut_checked(header_len).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.received.consume(n);
    }

    /// Hands out the first `n` bytes, which stay until `release`.
    pub(crate) fn lend_front(&mut self, n: usize) {
        self.lent_from = self.received.position();
        self.received.consume(n);
    }

    /// Unmasks the first `n` bytes where they lie.
    pub(crate) fn unmask(&mut self, n: usize, key: Option<MaskKey>, phase: usize) {
        if let (Some(key), Some(payload)) = (key, self.received.as_mut_slice().get_mut(..n)) {
            apply_mask(payload, key, phase);
        }
    }

    /// The frame at the front, which stays there, lacks so many bytes. Whether that is news.
    pub(crate) fn await_rest(&mut self, missing: usize) -> bool {
        core::mem::replace(&mut self.rest, missing) != missing
    }

    /// So many bytes of a binary frame are still to come, and nothing else will before them.
    pub(crate) fn expect_binary(&mut self, missing: u64) {
        self.assembly.missing = usize::try_from(missing).unwrap_or(usize::MAX);
    }

    /// How many bytes were read to where they belong, and are as they came.
    pub(crate) fn read_directly(&self) -> usize {
        self.assembly.raw
    }

    /// Unmasks them.
    pub(crate) fn unmask_read_directly(&mut self, key: Option<MaskKey>, phase: usize) {
        let raw = core::mem::take(&mut self.assembly.raw);
        let binary = self.assembly.binary.as_mut_slice();
        let before = binary.len() - raw;
        if let (Some(key), Some(payload)) = (key, binary.get_mut(before..)) {
            apply_mask(payload, key, phase);
        }
    }

    /// Moves the next `n` bytes to the message under way, and unmasks them as they go.
    pub(crate) fn assemble_binary(&mut self, n: usize, key: Option<MaskKey>, phase: usize) {
        let payload = self.received.take(n);
        let to = self.assembly.binary.append(payload.len());
        match key {
            Some(key) => copy_masked(to, payload, key, phase),
            None => to.copy_from_slice(payload),
        }
    }

    /// The same for text, which is validated on the way.
    pub(crate) fn assemble_text(&mut self, n: usize, carry: &mut Carry) -> Result<(), Invalid> {
        let (seam, text) = carry.push(self.received.as_slice().get(..n).unwrap_or_default())?;
        self.assembly.text.extend(seam);
        self.assembly.text.push_str(text);
        self.received.consume(n);
        Ok(())
    }

    #[inline]
    pub(crate) fn lent(&self) -> &[u8] {
        self.received.since(self.lent_from)
    }
}

impl core::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Buffer").field("unread", &self.unread().len()).field("idle", &self.is_idle()).finish()
    }
}

/// The message under way, as far as it has arrived. Text is validated before it comes here.
#[derive(Default)]
pub(crate) struct Assembly {
    pub(crate) text: String,
    pub(crate) binary: Queue,
    /// How many bytes of the present frame, a binary one, can be read to behind `binary`.
    missing: usize,
    /// How many bytes at the end of `binary` are still masked.
    raw: usize,
    /// Handed out: gone at the next `release`.
    pub(crate) taken: bool,
}

impl Assembly {
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.binary.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.reset(RETAINED_LEN);
    }

    /// Room for what is read next of the frame, up to `most`. Where there is none, storage grows with what has been received,
    /// up to what is needed.
    fn spare(&mut self, most: usize) -> &mut [u8] {
        let most = self.missing.min(most);
        if self.binary.room() == 0 {
            let received = self.binary.len();
            let grown = received.saturating_mul(GROWTH).max(received.saturating_add(most));
            self.binary.grow_to(grown.min(received.saturating_add(self.missing)));
        }
        let spare = self.binary.spare(1);
        let len = spare.len().min(most);
        spare.get_mut(..len).unwrap_or_default()
    }

    fn commit(&mut self, n: usize) {
        let n = n.min(self.missing);
        self.binary.commit(n);
        self.missing -= n;
        self.raw += n;
    }

    fn reset(&mut self, retain: usize) {
        self.taken = false;
        self.missing = 0;
        self.raw = 0;
        self.binary.reset(retain);
        self.text.clear();
        if self.text.capacity() > retain {
            self.text = String::new();
        }
    }
}
