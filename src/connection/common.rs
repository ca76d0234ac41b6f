//! The common cases, ahead of the general path: a data message in one frame, all of it received, while nothing else is
//! under way; and a fragment, all of it received.
//!
//! Whatever differs in any way, faults included, is left to the general path, which sees the same bytes.

use super::{Connection, State};
use crate::buffer::Buffer;
use crate::frame::common::lengths;
use crate::frame::decoder::Part;
use crate::frame::rules::Kind;
use crate::frame::{MaskKey, Opcode, apply_mask};
use crate::role::Role;

/// Longer payloads have a 64-bit length, and a header that costs little beside them.
const LONGEST: u64 = u16::MAX as u64;

/// What kind of message it is.
#[derive(Clone, Copy)]
pub(super) enum Whole {
    Text,
    Binary,
}

/// What goes from the front of the buffer to the message under way.
#[derive(Clone, Copy)]
pub(super) struct Fragment {
    pub(super) kind: Kind,
    pub(super) key: Option<MaskKey>,
    /// Where in its frame it is, as far as masking cares.
    pub(super) phase: usize,
    pub(super) len: usize,
    pub(super) ends_message: bool,
}

impl From<Part> for Fragment {
    fn from(part: Part) -> Self {
        let Part { kind, header, len, ends_message, .. } = part;
        Self { kind, key: header.mask, phase: part.phase(), len, ends_message }
    }
}

impl Connection {
    /// Looks at where things stand. Called wherever they may have changed.
    pub(super) fn expect_common(&mut self) {
        let limits = &self.config.limits;
        let none =
            self.state() == State::Closed || !self.reader.is_between_messages() || limits.max_fragments == 0;
        let longest = limits.max_frame_len.min(limits.max_message_len).min(LONGEST);
        self.sends_messages = self.state() == State::Open && self.sending.is_none();
        self.whole_below = if none { 0 } else { longest as u32 + 1 };
    }

    /// Lends the next message if it is the common case; otherwise touches nothing.
    #[inline]
    pub(super) fn advance_whole(&mut self, input: &mut Buffer) -> Option<Whole> {
        let start = *input.peek()?;
        // FIN, no reserved bit, and an opcode of data (section 5.2).
        let kind = match start[0] {
            0x81 => Whole::Text,
            0x82 => Whole::Binary,
            _ => return None,
        };
        let role = self.role();
        let (header_len, len) = lengths(start, role)?;
        if u32::from(len) >= self.whole_below {
            return None;
        }
        let (header, payload) = input.lend_frame(header_len, usize::from(len))?;
        if role == Role::Server {
            apply_mask(payload, MaskKey(*header.last_chunk()?), 0);
        }
        self.timers.hear();
        Some(kind)
    }

    /// Takes the header of the next frame if it is a fragment that has arrived as a whole; otherwise touches nothing.
    pub(super) fn admit_whole_fragment(&mut self, input: &mut Buffer) -> Option<Fragment> {
        let start = *input.peek()?;
        let (opcode, fin) = match start[0] {
            0x00 => (Opcode::Continuation, false),
            0x80 => (Opcode::Continuation, true),
            0x01 => (Opcode::Text, false),
            0x02 => (Opcode::Binary, false),
            _ => return None,
        };
        let (header_len, len) = lengths(start, self.role())?;
        let len = usize::from(len);
        let (header, _) = input.unread().get(..header_len + len)?.split_at(header_len);
        let key = match self.role() {
            Role::Server => Some(MaskKey(*header.last_chunk()?)),
            Role::Client => None,
        };
        let kind = self.reader.admit_whole(opcode, fin, len as u64, &self.config.limits)?;
        self.timers.hear();
        input.consume(header_len);
        Some(Fragment { kind, key, phase: 0, len, ends_message: fin })
    }
}
