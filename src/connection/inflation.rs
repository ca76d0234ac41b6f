//! Compressed messages on their way to the assembly (RFC 7692 section 7.2.2).

use alloc::boxed::Box;

use super::assembly::Assembly;
use crate::deflate::{Inflater, Negotiated, Then, Window, pool};
use crate::error::ProtocolError;
use crate::frame::rules::Kind;
use crate::role::Role;
use crate::utf8::Carry;

/// How many bytes one step inflates to at most. A step costs a copy of a window, and what refers to an earlier step takes more
/// time than what refers to the same one.
const STEP_LEN: usize = 256 << 10;

/// The room for a step, for each byte of input. It is allocated before anything is inflated to it.
const ROOM_PER_BYTE: usize = 4;

/// The room for a step beside that. `zlib-rs` inflates the last 260 bytes of its room byte by byte.
const LEAST_LEN: usize = 1024;

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
        let (mut inflated, mut may_give_more) = (0, !input.is_empty());
        while may_give_more && (input.is_empty() || inflated < bounds.stop_at) {
            // One byte more than the limit, to see that it is exceeded.
            let rest = bounds.max_message_len.saturating_sub(self.message.len).saturating_add(1);
            let rest = usize::try_from(rest).unwrap_or(usize::MAX);
            let stop_in = bounds.stop_at.saturating_sub(inflated).max(LEAST_LEN);
            let room_len = input.len().saturating_mul(ROOM_PER_BYTE).saturating_add(LEAST_LEN);
            let room = assembly.room(room_len.min(STEP_LEN).min(stop_in).min(rest), rest);
            let room_end = room.len();
            let step = inflater.inflate(input, room);
            input = input.get(step.consumed..).unwrap_or_default();
            inflated += step.produced;
            self.message.received += step.consumed as u64;
            self.message.len += step.produced as u64;
            // The first fault in the text counts, wherever steps begin: not UTF-8, too long, not DEFLATE.
            let exceeds = self.message.len > bounds.max_message_len;
            assembly.add(step.produced - usize::from(exceeds), kind, carry, rest)?;
            if exceeds {
                return Err(ProtocolError::MessageTooLong {
                    len: self.message.len,
                    limit: bounds.max_message_len,
                });
            }
            match step.then {
                Then::GoesOn => {}
                Then::Restart => self.restart(inflater, assembly, carry)?,
                Then::Fault => return Err(ProtocolError::InvalidDeflate),
            }
            may_give_more = !input.is_empty() || step.produced == room_end;
        }
        Ok(given - input.len())
    }

    /// The message has ended.
    pub(super) fn end_message(&mut self, assembly: &Assembly, carry: &Carry) -> Result<(), ProtocolError> {
        let Some(mut inflater) = self.inflater.take() else { return Ok(()) };
        // No byte at all is no DEFLATE block. Peers send that for an empty message whose flush gave nothing.
        if self.message.received > 0 && inflater.end_message()? == Then::Restart {
            self.restart(&mut inflater, assembly, carry)?;
        }
        self.message = Progress::default();
        if self.takeover {
            self.inflater = Some(inflater);
        } else {
            pool::keep_inflater(inflater);
            self.history.clear();
        }
        Ok(())
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
