//! Compressed messages on their way to the assembly (RFC 7692 section 7.2.2).

use alloc::boxed::Box;

use super::assembly::Assembly;
use crate::deflate::{Inflater, Negotiated, Short, Step, Then, Window, pool};
use crate::error::ProtocolError;
use crate::frame::rules::Kind;
use crate::role::Role;
use crate::utf8::Carry;

/// How much memory is allocated for one step at most, in bytes. A step costs a copy of a window, and what refers to an earlier
/// step takes more time than what refers to the same one, so a step takes all memory that there is.
const STEP_LEN: usize = 256 << 10;

/// The room for a step, for each byte of input. It is allocated before anything is inflated to it.
const ROOM_PER_BYTE: usize = 4;

/// The room for a step beside that. `zlib-rs` inflates the last 260 bytes of its room byte by byte.
const LEAST_LEN: usize = 1024;

/// A whole message of at most this many compressed bytes is inflated block by block. In a longer one, what refers to an earlier
/// block would take more time than the end of the payload does.
pub(super) const SHORT_LEN: usize = 4 << 10;

/// How many blocks with BFINAL one message may have. A peer needs at most one; each costs as much as a long message.
const MAX_FINAL_BLOCKS: u32 = 1000;

/// The inflating side of a connection on which permessage-deflate was agreed on.
pub(super) struct Inflation {
    /// Whether the peer refers to earlier messages.
    takeover: bool,
    /// Taken from the pool for each message, or kept for takeover.
    inflater: Option<Box<Inflater>>,
    message: Progress,
    /// The end of what was inflated and has left the assembly.
    history: Window,
    /// How many bytes in the assembly are in `history`, too: those of a chunk that was put back.
    remembered: usize,
}

/// How far the message is.
#[derive(Default)]
struct Progress {
    /// How many compressed bytes have come.
    received: u64,
    /// How many bytes these are inflated.
    len: u64,
    final_blocks: u32,
}

/// What bounds one call.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// The longest message.
    pub(super) max_message_len: u64,
    /// With input left, a call stops once it has given this many bytes.
    pub(super) stop_at: usize,
}

impl Inflation {
    pub(super) fn new(negotiated: &Negotiated, role: Role) -> Self {
        let (no_takeover, window_bits) = match role {
            Role::Server => (negotiated.client_no_context_takeover, negotiated.client_max_window_bits),
            Role::Client => (negotiated.server_no_context_takeover, negotiated.server_max_window_bits),
        };
        Self {
            takeover: !no_takeover,
            inflater: None,
            message: Progress::default(),
            history: Window::new(window_bits),
            remembered: 0,
        }
    }

    /// Inflates `input`, the next part of a message, to the assembly. Gives how many bytes of it were consumed: all, unless
    /// `bounds` stopped it.
    pub(super) fn inflate(
        &mut self,
        input: &[u8],
        kind: Kind,
        assembly: &mut Assembly,
        carry: &mut Carry,
        bounds: Bounds,
    ) -> Result<usize, ProtocolError> {
        let mut inflater = self.inflater.take().unwrap_or_else(pool::inflater);
        let consumed = self.inflate_with(&mut inflater, input, kind, assembly, carry, bounds);
        self.inflater = Some(inflater);
        consumed
    }

    fn inflate_with(
        &mut self,
        inflater: &mut Inflater,
        mut input: &[u8],
        kind: Kind,
        assembly: &mut Assembly,
        carry: &mut Carry,
        bounds: Bounds,
    ) -> Result<usize, ProtocolError> {
        let given = input.len();
        // The first step may give what there was no room for before, even without input.
        let (mut inflated, mut may_give_more) = (0, true);
        while may_give_more && (input.is_empty() || inflated < bounds.stop_at) {
            let room = self.room(input.len(), bounds.stop_at.saturating_sub(inflated), assembly, bounds);
            let room_end = room.len();
            let step = inflater.inflate(input, room);
            input = input.get(step.consumed..).unwrap_or_default();
            inflated += step.produced;
            self.take(step, inflater, kind, assembly, carry, bounds)?;
            may_give_more = !input.is_empty() || step.produced == room_end;
        }
        Ok(given - input.len())
    }

    /// Room for a step: what `input_len` bytes usually become, or more if there is memory; about `most` bytes at most.
    #[inline]
    fn room<'a>(
        &self,
        input_len: usize,
        most: usize,
        assembly: &'a mut Assembly,
        bounds: Bounds,
    ) -> &'a mut [u8] {
        let rest = self.rest(bounds);
        let most = most.max(LEAST_LEN).min(rest);
        let usual = input_len.saturating_mul(ROOM_PER_BYTE).saturating_add(LEAST_LEN);
        assembly.room(usual.min(STEP_LEN).min(most), most, rest)
    }

    /// How many bytes the message may have more. One more than the limit, to see that it is exceeded.
    fn rest(&self, bounds: Bounds) -> usize {
        let rest = bounds.max_message_len.saturating_sub(self.message.len).saturating_add(1);
        usize::try_from(rest).unwrap_or(usize::MAX)
    }

    /// Adds what a step has given to the message.
    #[inline]
    fn take(
        &mut self,
        step: Step,
        inflater: &mut Inflater,
        kind: Kind,
        assembly: &mut Assembly,
        carry: &mut Carry,
        bounds: Bounds,
    ) -> Result<(), ProtocolError> {
        let rest = self.rest(bounds);
        self.message.received += step.consumed as u64;
        self.message.len += step.produced as u64;
        // The first fault in the text counts, in steps of any length: not UTF-8, too long, not DEFLATE.
        let exceeds = self.message.len > bounds.max_message_len;
        assembly.add(step.produced - usize::from(exceeds), kind, carry, rest)?;
        if exceeds {
            let (len, limit) = (self.message.len, bounds.max_message_len);
            return Err(ProtocolError::MessageTooLong { len, limit });
        }
        match step.then {
            Then::GoesOn => Ok(()),
            Then::Restart => self.restart(inflater, assembly, carry),
            Then::Fault => Err(ProtocolError::InvalidDeflate),
        }
    }

    /// Inflates a short whole message to the assembly, which is empty. Text is not validated. `input` is its payload, `len` bytes,
    /// then what [`Inflater::inflate_short`] asks for. The caller puts the inflater away.
    ///
    /// `None`: the whole message was inflated. Otherwise gives what was done of it; the rest takes
    /// [`inflate_rest`](Self::inflate_rest).
    #[inline(always)]
    pub(super) fn inflate_short(
        &mut self,
        input: &mut [u8],
        len: usize,
        assembly: &mut Assembly,
        max_message_len: u64,
    ) -> Option<Step> {
        // One byte more than the limit, to see that it is exceeded.
        let most = usize::try_from(max_message_len.saturating_add(1)).unwrap_or(usize::MAX);
        let room = assembly.binary.spare(len * ROOM_PER_BYTE + LEAST_LEN);
        let most = most.min(room.len());
        let room = room.get_mut(..most).unwrap_or_default();
        let inflater = self.inflater.get_or_insert_with(pool::inflater);
        match inflater.inflate_short(input, len, room) {
            Short::Whole(produced) if produced as u64 <= max_message_len => {
                if self.takeover {
                    self.history.push(room.get(..produced).unwrap_or_default());
                }
                assembly.binary.commit(produced);
                None
            }
            Short::Whole(produced) => Some(Step { consumed: len, produced, ..Step::NOTHING }),
            Short::Begun(step) => Some(step),
            Short::Cut => Some(self.begin_again()),
        }
    }

    /// What came out of a message that was cut may be of the tail and what is behind it.
    #[cold]
    fn begin_again(&mut self) -> Step {
        let window = self.history.followed_by([&[], &[]]);
        match self.inflater.as_mut().map(|inflater| inflater.restart(&window)) {
            Some(Err(_)) => Step { then: Then::Fault, ..Step::NOTHING },
            _ => Step::NOTHING,
        }
    }

    /// Inflates a whole message to the assembly in steps. `begun` says what has been done of it. Text is not validated.
    #[inline(never)]
    pub(super) fn inflate_rest(
        &mut self,
        payload: &[u8],
        begun: Step,
        assembly: &mut Assembly,
        max_message_len: u64,
    ) -> Result<(), ProtocolError> {
        let bounds = Bounds { max_message_len, stop_at: usize::MAX };
        let mut carry = Carry::default();
        let mut inflater = self.inflater.take().unwrap_or_else(pool::inflater);
        self.take(begun, &mut inflater, Kind::Binary, assembly, &mut carry, bounds)?;
        let rest = payload.get(begun.consumed..).unwrap_or_default();
        self.inflate_with(&mut inflater, rest, Kind::Binary, assembly, &mut carry, bounds)?;
        self.end_with(&mut inflater, assembly, &carry)?;
        self.finish(inflater);
        self.remember(assembly.content(), true);
        Ok(())
    }

    /// The message has ended.
    pub(super) fn end_message(&mut self, assembly: &Assembly, carry: &Carry) -> Result<(), ProtocolError> {
        let Some(mut inflater) = self.inflater.take() else { return Ok(()) };
        self.end_with(&mut inflater, assembly, carry)?;
        self.finish(inflater);
        Ok(())
    }

    fn end_with(
        &mut self,
        inflater: &mut Inflater,
        assembly: &Assembly,
        carry: &Carry,
    ) -> Result<(), ProtocolError> {
        // A payload of 0 bytes is no DEFLATE block. Some peers send it for an empty message.
        if self.message.received > 0 && inflater.end_message()? == Then::Restart {
            self.restart(inflater, assembly, carry)?;
        }
        Ok(())
    }

    fn finish(&mut self, inflater: Box<Inflater>) {
        self.message = Progress::default();
        self.inflater = Some(inflater);
        if !self.takeover {
            self.give_back();
        }
    }

    /// A message without takeover has ended: the connection needs no inflater until the next one.
    pub(super) fn give_back(&mut self) {
        if let Some(inflater) = self.inflater.take() {
            pool::keep_inflater(inflater);
        }
        self.history.clear();
    }

    /// A message without takeover has ended, and the next one is there.
    pub(super) fn reset(&mut self) {
        if let Some(inflater) = &mut self.inflater {
            inflater.reset();
        }
    }

    /// Whether the peer refers to earlier messages.
    pub(super) fn takeover(&self) -> bool {
        self.takeover
    }

    /// Content is about to leave the assembly. The rest of the message, or with takeover the next one, may refer to it behind
    /// a block with BFINAL.
    pub(super) fn remember(&mut self, content: &[u8], ends_message: bool) {
        let before = core::mem::take(&mut self.remembered);
        if self.takeover || !ends_message {
            self.history.push(content.get(before..).unwrap_or_default());
        }
    }

    /// A chunk of `len` bytes is the beginning of its message again. False if that message is not compressed.
    pub(super) fn put_back(&mut self, len: usize) -> bool {
        let is_compressed = self.message.received > 0;
        if is_compressed {
            self.remembered = len;
        }
        is_compressed
    }

    /// Goes on behind a block with BFINAL, with the same window.
    #[cold]
    fn restart(
        &mut self,
        inflater: &mut Inflater,
        assembly: &Assembly,
        carry: &Carry,
    ) -> Result<(), ProtocolError> {
        self.message.final_blocks += 1;
        if self.message.final_blocks > MAX_FINAL_BLOCKS {
            return Err(ProtocolError::InvalidDeflate);
        }
        let content = assembly.content().get(self.remembered..).unwrap_or_default();
        inflater.restart(&self.history.followed_by([content, carry.pending()]))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::config::Config;
    use crate::connection::Connection;
    use crate::connection::Event;

    /// The first example of RFC 7692 section 7.2.3.1 as a frame of a server.
    const COMPRESSED: &[u8] = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";

    /// Whether the connection holds an inflater behind each of these messages, which come in one read.
    fn holds_inflater(takeover: bool, messages: &[&[u8]]) -> Vec<bool> {
        let mut client = Connection::client(Config::default());
        let negotiated = Negotiated { server_no_context_takeover: !takeover, ..Negotiated::NO_PARAMS };
        client.receiver.allow_compressed(&negotiated);
        let bytes = messages.concat();
        client.unfilled()[..bytes.len()].copy_from_slice(&bytes);
        client.filled(bytes.len());
        let next = |_: &&[u8]| {
            assert_eq!(client.next_event().unwrap(), Some(Event::Text("Hello")));
            client.receiver.inflation.as_ref().is_some_and(|inflation| inflation.inflater.is_some())
        };
        messages.iter().map(next).collect()
    }

    #[test]
    fn inflater_stays_only_for_a_message_that_is_there() {
        const PLAIN: &[u8] = b"\x81\x05Hello";
        let rows: [(&[&[u8]], &[bool]); 4] = [
            (&[COMPRESSED], &[false]),
            (&[COMPRESSED, COMPRESSED, COMPRESSED], &[true, true, false]),
            (&[COMPRESSED, PLAIN, COMPRESSED], &[false, false, false]),
            (&[PLAIN, COMPRESSED, PLAIN], &[false, false, false]),
        ];
        for (messages, expected) in rows {
            assert_eq!(holds_inflater(false, messages), expected, "{messages:?}");
        }
        assert_eq!(holds_inflater(true, &[COMPRESSED, PLAIN, COMPRESSED]), [true; 3]);
    }
}
