//! The message that is being assembled, from fragments or from compressed bytes.

use alloc::string::String;

use bytes::Bytes;
use bytestring::ByteString;

#[cfg(feature = "deflate")]
use crate::error::ProtocolError;
#[cfg(feature = "deflate")]
use crate::frame::rules::Kind;
use crate::queue::Queue;
use crate::utf8::{Carry, Invalid};

/// The capacity, in bytes, that memory without content keeps: of what was received, and of what is to be sent.
pub(super) const RETAINED_LEN: usize = 2 << 20;

/// Storage for direct reads grows to `GROWTH` times the bytes received, or by `least` bytes if that is more.
const GROWTH: usize = 4;

/// The message that is being assembled. Its text is valid UTF-8.
#[derive(Default)]
pub(super) struct Assembly {
    pub(super) text: String,
    /// Binary data, or a text that is not validated yet: see [`holds_raw_text`](Self::holds_raw_text).
    pub(super) binary: Queue,
    /// How many bytes of the current frame may be read directly behind `binary`.
    pub(super) missing: usize,
    /// How many bytes at the end of `binary` are still masked.
    pub(super) masked: usize,
    /// How many bytes of `binary` are lent, if the content is. They go with the next `release`, and so does `text`. Bytes that
    /// were read directly since are behind them.
    pub(super) lent: Option<usize>,
}

impl Assembly {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.binary.is_empty()
    }

    /// Room for `len` inflated bytes behind the binary message, and for more of them, at most `most`, if there is memory. The
    /// message has at most `rest` bytes more. Text is inflated there, too, until it is validated.
    #[cfg(feature = "deflate")]
    pub(super) fn room(&mut self, len: usize, most: usize, rest: usize) -> &mut [u8] {
        if self.binary.room() < len && !self.binary.is_empty() {
            let capacity = self.binary.capacity();
            self.binary.grow_to(capacity.saturating_add(growth(capacity, len, rest)));
        }
        let room = self.binary.spare(len);
        let most = most.min(room.len());
        room.get_mut(..most).unwrap_or_default()
    }

    /// Adds the first `n` bytes of the room to the message, which has at most `rest` bytes more.
    #[cfg(feature = "deflate")]
    pub(super) fn add(
        &mut self,
        n: usize,
        kind: Kind,
        carry: &mut Carry,
        rest: usize,
    ) -> Result<(), ProtocolError> {
        if kind == Kind::Binary {
            self.binary.commit(n);
            return Ok(());
        }
        let inflated = self.binary.unused().get(..n).unwrap_or_default();
        let (seam, text) = carry.push(inflated).map_err(|_| ProtocolError::InvalidUtf8)?;
        let needed = text.len() + seam.map_or(0, char::len_utf8);
        if self.text.capacity() - self.text.len() < needed {
            self.text.reserve_exact(growth(self.text.len(), needed, rest));
        }
        self.text.extend(seam);
        self.text.push_str(text);
        Ok(())
    }

    /// The message so far.
    pub(super) fn content(&self) -> &[u8] {
        if self.text.is_empty() { self.binary.as_slice() } else { self.text.as_bytes() }
    }

    /// The binary message or chunk that is lent.
    pub(super) fn lent_binary(&self) -> &[u8] {
        self.binary.as_slice().get(..self.lent_len()).unwrap_or_default()
    }

    fn lent_len(&self) -> usize {
        self.lent.unwrap_or_default()
    }

    /// Whether the message, which is a text, lies in the place of binary data: its rest was waited for, and is still missing or
    /// came in one read. Text that is assembled otherwise is validated as it comes, and lies in `text`.
    pub(super) fn holds_raw_text(&self) -> bool {
        !self.binary.is_empty()
    }

    /// Whether the text of a message that was inflated as a whole is not UTF-8. It is in the place of binary data. More of it
    /// may be missing.
    #[cfg(feature = "deflate")]
    #[cold]
    pub(super) fn has_invalid_text(&self) -> bool {
        core::str::from_utf8(self.binary.as_slice()).is_err_and(|error| error.error_len().is_some())
    }

    /// One read has not brought the rest of the text, which is validated as it comes from here on.
    pub(super) fn end_wait(&mut self, carry: &mut Carry) -> Result<(), Invalid> {
        self.missing = 0;
        let (seam, text) = carry.push(self.binary.as_slice())?;
        self.text.extend(seam);
        self.text.push_str(text);
        self.binary.reset(RETAINED_LEN);
        Ok(())
    }

    /// Takes the text out.
    pub(super) fn take_text(&mut self) -> ByteString {
        if is_worth_moving(self.text.len(), self.text.capacity()) {
            core::mem::take(&mut self.text).into()
        } else {
            self.text.as_str().into()
        }
    }

    /// Takes the binary message out.
    pub(super) fn take_binary(&mut self) -> Bytes {
        if is_worth_moving(self.lent_len(), self.binary.capacity()) {
            core::mem::take(&mut self.binary).into_vec().into()
        } else {
            Bytes::copy_from_slice(self.lent_binary())
        }
    }

    pub(super) fn clear(&mut self) {
        self.reset(RETAINED_LEN);
    }

    /// Room for the next read of the frame, at most `most` bytes. See [`GROWTH`] for `least`.
    pub(super) fn unfilled(&mut self, most: usize, least: usize) -> &mut [u8] {
        let most = self.missing.min(most);
        if self.binary.room() == 0 {
            let received = self.binary.len();
            let grown = received.saturating_mul(GROWTH).max(received.saturating_add(least));
            self.binary.grow_to(grown.min(received.saturating_add(self.missing)));
        }
        let room = self.binary.spare(1);
        let len = room.len().min(most);
        room.get_mut(..len).unwrap_or_default()
    }

    pub(super) fn filled(&mut self, n: usize) {
        let n = n.min(self.missing);
        self.binary.commit(n);
        self.missing -= n;
        self.masked += n;
    }

    pub(super) fn reset(&mut self, retain: usize) {
        self.lent = None;
        self.missing = 0;
        self.masked = 0;
        self.binary.reset(retain);
        self.text.clear();
        if self.text.capacity() > retain {
            self.text = String::new();
        }
    }
}

/// How much memory of `len` bytes grows if it lacks `needed` bytes: doubled, but not beyond the `rest` of the message.
#[cfg(feature = "deflate")]
fn growth(len: usize, needed: usize, rest: usize) -> usize {
    len.min(rest).max(needed)
}

/// Whether a message is moved out with the memory that it was assembled in. A message that the program keeps must not keep
/// memory of longer ones: with twice its length or more it is copied, and the memory stays for the next message.
fn is_worth_moving(len: usize, capacity: usize) -> bool {
    capacity / 2 <= len
}
