//! The common case, inline: a data message in one frame, all of it received, while nothing else is under way.
//!
//! Whatever differs in any way, faults included, is left to the general path, which sees the same bytes.

use super::inbound::Found;
use super::{Connection, State};
use crate::buffer::Buffer;
use crate::frame::rules::Kind;
use crate::frame::{MaskKey, apply_mask};
use crate::role::Role;

/// Longer payloads have a 64-bit length, and a header that costs little beside them.
const LONGEST: u64 = u16::MAX as u64;

impl Connection {
    /// Looks at where things stand. Called wherever they may have changed.
    pub(super) fn expect_whole(&mut self) {
        let limits = &self.config.limits;
        let none =
            self.state() == State::Closed || !self.reader.is_between_messages() || limits.max_fragments == 0;
        let longest = limits.max_frame_len.min(limits.max_message_len).min(LONGEST);
        self.whole_below = if none { 0 } else { longest as usize + 1 };
    }

    /// Lends the next message if it is the common case; otherwise touches nothing.
    #[inline]
    pub(super) fn advance_whole(&mut self, input: &mut Buffer) -> Option<Found> {
        // FIN, no reserved bit, and an opcode of data (section 5.2).
        let start: &[u8; 8] = input.peek()?;
        let kind = match start[0] {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            _ => return None,
        };
        let (header_len, len, key) = match self.role() {
            Role::Server => match start[1] {
                short @ 0x80..=0xFD => {
                    (6, usize::from(short & 0x7F), [start[2], start[3], start[4], start[5]])
                }
                0xFE => (8, medium(start)?, [start[4], start[5], start[6], start[7]]),
                _ => return None,
            },
            Role::Client => match start[1] {
                short @ 0..=0x7D => (2, usize::from(short), [0; 4]),
                0x7E => (4, medium(start)?, [0; 4]),
                _ => return None,
            },
        };
        if len >= self.whole_below {
            return None;
        }
        let payload = input.lend_behind(header_len, len)?;
        if self.role() == Role::Server {
            apply_mask(payload, MaskKey(key), 0);
        }
        self.timers.hear();
        Some(Found { kind, assembled: false, ends_message: true })
    }
}

/// "The minimal number of bytes MUST be used to encode the length" (section 5.2).
#[inline]
fn medium(start: &[u8; 8]) -> Option<usize> {
    let len = u16::from_be_bytes([start[2], start[3]]);
    (len > 125).then_some(usize::from(len))
}
