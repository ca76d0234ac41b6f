//! Bytes in: how a receiver gets what has arrived, and how much it asks for.

use super::inbox::Inbox;
use super::receiver::Receiver;
#[cfg(doc)]
use crate::config::Config;

/// The least that one read asks for, in bytes.
const LEAST_READ_LEN: usize = 1 << 10;

/// A long read of a shell asks for [`Config::read_len`] times this: a second-level cache holds it, and by default `malloc` keeps
/// memory of that length (below 128 KiB) instead of giving it back to the operating system.
pub(super) const LONG_READ_TIMES: usize = 7;

/// After a read that brought all it had asked for, this many reads are long. Each may allocate memory, so one that brings little
/// does not end that.
#[cfg(feature = "std")]
const LONG_READS: u8 = 16;

impl Receiver {
    /// Takes in a copy of `bytes`.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.inbox_to_read().receive(bytes);
    }

    /// Room for the next bytes, never empty: for reads that are not [`std::io::Read`], such as `recv` or DMA. It may hold
    /// old bytes. Tell [`filled`](Self::filled) how many bytes were written to it.
    pub fn unfilled(&mut self) -> &mut [u8] {
        let read_len = self.read_len();
        self.inbox_to_read().unfilled(read_len)
    }

    /// [`unfilled`](Self::unfilled) in memory that connections share, some of which read more at a time than others.
    #[cfg(any(feature = "tokio", feature = "smol"))]
    pub(crate) fn unfilled_shared(&mut self) -> &mut [u8] {
        let read_len = self.read_len();
        let retained = self.shortest_read_len().saturating_mul(LONG_READ_TIMES);
        self.inbox_to_read().unfilled_of(read_len, retained)
    }

    /// Takes in the first `n` bytes of what [`unfilled`](Self::unfilled) gave.
    ///
    /// # Panics
    ///
    /// If `n` is more than the length of the last [`unfilled`](Self::unfilled). That room is gone after a call of
    /// [`receive`](Self::receive), [`read_from`](Self::read_from) or [`reclaim`](Self::reclaim).
    pub fn filled(&mut self, n: usize) {
        self.inbox().filled(n);
    }

    /// Reads once. `Ok(0)` is the end of the stream: call [`end_of_stream`](Self::end_of_stream).
    ///
    /// # Errors
    ///
    /// Those of the stream, except `Interrupted`, which is tried again. `InvalidData` for a stream that claims to have read
    /// more than there was room for. No byte that had arrived is lost.
    #[cfg(feature = "std")]
    pub fn read_from<R: std::io::Read + ?Sized>(&mut self, stream: &mut R) -> std::io::Result<usize> {
        let read_len = self.read_len();
        self.inbox_to_read().read_from(stream, read_len)
    }

    /// [`read_from`](Self::read_from) for a shell, with [`note_read`](Self::note_read).
    #[cfg(feature = "std")]
    pub(crate) fn read_as_needed<R: std::io::Read + ?Sized>(
        &mut self,
        stream: &mut R,
    ) -> std::io::Result<usize> {
        let read_len = self.read_len();
        let (n, room) = self.inbox_to_read().read_to_room(stream, read_len)?;
        self.note_read(n, room);
        Ok(n)
    }

    /// A shell has read `n` bytes, and there was room for `room`. A peer that sends faster than this end reads fills each read.
    /// Then reads ask for more, so that there are fewer of them.
    #[cfg(feature = "std")]
    pub(crate) fn note_read(&mut self, n: usize, room: usize) {
        if n < self.shortest_read_len() {
            self.long_reads = self.long_reads.saturating_sub(1);
        } else if n == room {
            self.long_reads = LONG_READS;
        }
    }

    /// The bytes that have arrived and have not been decoded.
    pub fn unread(&self) -> &[u8] {
        self.inbox.as_ref().map_or(&[], |inbox| inbox.unread())
    }

    /// The inbox before bytes are added. What was lent is gone then; what was found and not lent yet stays.
    fn inbox_to_read(&mut self) -> &mut Inbox {
        let keeps = self.found.is_some();
        let has_ended = self.reader.ended().is_some();
        let inbox = self.inbox();
        if has_ended {
            // Nothing will look at it: a program may read only to see the stream end.
            inbox.drop_unread();
        }
        if keeps {
            inbox.keep_lent()
        } else {
            inbox.release()
        }
        inbox
    }

    /// How many bytes the next read asks for.
    pub(super) fn read_len(&self) -> usize {
        let times = if self.long_reads > 0 { LONG_READ_TIMES } else { 1 };
        self.shortest_read_len().saturating_mul(times)
    }

    fn shortest_read_len(&self) -> usize {
        self.config.read_len.max(LEAST_READ_LEN)
    }
}
