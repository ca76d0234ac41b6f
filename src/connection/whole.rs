//! The common case, inline: a data message in one frame, all of it received, while nothing else is under way.
//!
//! Whatever differs in any way, faults included, is left to the general path, which sees the same bytes.

use super::{Connection, State};
use crate::buffer::Buffer;
use crate::frame::{MaskKey, apply_mask};
use crate::role::Role;

/// Longer payloads have a 64-bit length, and a header that costs little beside them.
const LONGEST: u64 = u16::MAX as u64;

/// What kind of message it is.
#[derive(Clone, Copy)]
pub(super) enum Whole {
    Text,
    Binary,
}

impl Connection {
    /// Looks at where things stand. Called wherever they may have changed.
    pub(super) fn expect_common(&mut self) {
        let limits = &self.config.limits;
        let none =
            self.state() == State::Closed || !self.reader.is_between_messages() || limits.max_fragments == 0;
        let longest = limits.max_frame_len.min(limits.max_message_len).min(LONGEST);
        self.sends_messages = self.state() == State::Open && self.sending.is_none();
        self.whole_below = if none { 0 } else { longest as usize + 1 };
    }

    /// Lends the next message if it is the common case; otherwise touches nothing.
    #[inline]
    pub(super) fn advance_whole(&mut self, input: &mut Buffer) -> Option<Whole> {
        let [first, second, medium @ ..] = *input.peek::<4>()?;
        // FIN, no reserved bit, and an opcode of data (section 5.2).
        let kind = match first {
            0x81 => Whole::Text,
            0x82 => Whole::Binary,
            _ => return None,
        };
        let (mask_bit, key_len) = match self.role() {
            Role::Server => (0x80, 4),
            Role::Client => (0, 0),
        };
        let (len_len, len) = match (second ^ mask_bit, u16::from_be_bytes(medium)) {
            (short @ 0..=125, _) => (0, u16::from(short)),
            // "The minimal number of bytes MUST be used to encode the length" (section 5.2).
            (126, medium @ 126..) => (2, medium),
            _ => return None,
        };
        let len = usize::from(len);
        if len >= self.whole_below {
            return None;
        }
        let (header, payload) = input.lend_frame(2 + len_len + key_len, len)?;
        if key_len > 0 {
            apply_mask(payload, MaskKey(*header.last_chunk()?), 0);
        }
        self.timers.hear();
        Some(kind)
    }
}
