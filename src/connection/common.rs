//! The common cases, ahead of the general path: a data message in one frame, all of it received, while nothing else is
//! under way; and a fragment, all of it received.
//!
//! Whatever differs in any way, faults included, is left to the general path, which sees the same bytes.

use super::{Connection, Keys, State};
use crate::buffer::Buffer;
use crate::frame::common::{SHORT_PAYLOAD_LEN, lengths};
use crate::frame::decoder::Part;
use crate::frame::rules::Kind;
use crate::frame::{MaskKey, Opcode, apply_mask};
use crate::role::Role;

/// Longer payloads have a 64-bit length, and a header that costs little beside them.
const LONGEST: u64 = u16::MAX as u64;

/// A message in one frame that has been received and not yet looked at otherwise.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) kind: Kind,
    header_len: usize,
    len: usize,
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

    /// The next message if it is the common case.
    #[inline]
    pub(super) fn find_whole(&self, input: &Buffer) -> Option<Whole> {
        let start = *input.peek()?;
        // FIN, no reserved bit, and an opcode of data (section 5.2).
        let kind = match start[0] {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            _ => return None,
        };
        let (header_len, len) = lengths(start, self.role())?;
        let is_common = u32::from(len) < self.whole_below;
        let len = usize::from(len);
        (is_common && input.holds(header_len + len)).then_some(Whole { kind, header_len, len })
    }

    /// Lends what has just been found.
    #[inline]
    pub(super) fn lend_whole<'b>(&mut self, input: &'b mut Buffer, whole: Whole) -> &'b [u8] {
        let (header, payload) = input.lend_frame(whole.header_len, whole.len);
        if let (Role::Server, Some(key)) = (self.role(), header.last_chunk()) {
            apply_mask(payload, MaskKey(*key), 0);
        }
        self.timers.hear();
        payload
    }

    /// Queues a short message if nothing stands against it and there is room; otherwise queues nothing.
    #[inline]
    pub(super) fn send_short(&mut self, opcode: Opcode, data: &[u8]) -> Option<()> {
        if !self.sends_messages || data.len() > SHORT_PAYLOAD_LEN || !self.has_room(data.len()) {
            return None;
        }
        let key = match self.keys {
            Keys::Unmasked => None,
            #[cfg(feature = "std")]
            Keys::Thread => Some(MaskKey::ready()?),
            Keys::Custom(_) => return None,
        };
        self.output.append_short(opcode, key, data)
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

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::config::Config;
    use crate::connection::Fin;
    use crate::frame::{CloseCode, Limits};

    fn server(limits: Limits) -> Connection {
        Connection::server(Config { limits, ..Config::default() })
    }

    #[test]
    fn the_limits_on_frame_and_message_hold_here_too() {
        let default = Limits::default();
        let rows = [
            (default, 1 << 16),
            (Limits { max_frame_len: 100, ..default }, 101),
            (Limits { max_message_len: 50, ..default }, 51),
            (Limits { max_frame_len: 0, ..default }, 1),
            (Limits { max_fragments: 1, ..default }, 1 << 16),
            (Limits { max_fragments: 0, ..default }, 0),
        ];
        for (limits, whole_below) in rows {
            assert_eq!(server(limits).whole_below, whole_below, "{limits:?}");
        }
    }

    /// The server has what follows, and sends messages, after each of these.
    #[test]
    fn the_common_case_is_that_nothing_else_is_under_way() {
        let mut end = server(Limits::default());
        let mut input = Buffer::new();
        let mut receive = |end: &mut Connection, bytes: &[u8]| {
            input.extend_from_slice(bytes);
            end.next_event(&mut input).unwrap();
        };
        let case = |end: &Connection| (end.whole_below > 0, end.sends_messages);
        receive(&mut end, b"\x01\x80\0\0\0\0");
        assert_eq!(case(&end), (false, true), "a message has begun");
        receive(&mut end, b"\x80\x80\0\0\0\0");
        assert_eq!(case(&end), (true, true), "and ended");
        receive(&mut end, b"\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0");
        assert_eq!(case(&end), (false, true), "a frame has begun");
        receive(&mut end, &vec![0; 1 << 16]);
        assert_eq!(case(&end), (true, true), "and ended");
        end.send_text_fragment("", Fin::More).unwrap();
        assert_eq!(case(&end), (true, false), "a message is sent in fragments");
        end.send_text_fragment("", Fin::Final).unwrap();
        assert_eq!(case(&end), (true, true), "the last of them was sent");
        end.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(case(&end), (true, false), "a Close frame was sent");
        receive(&mut end, b"\x88\x80\0\0\0\0");
        assert_eq!(case(&end), (false, false), "and one received");
    }

    /// A frame to a server, with a key of zeros.
    fn frame(first: u8, len: u16) -> Vec<u8> {
        let mut frame = vec![first];
        match u8::try_from(len) {
            Ok(short @ 0..=125) => frame.push(0x80 | short),
            _ => frame.extend([&[0xFE][..], &len.to_be_bytes()].concat()),
        }
        frame.extend([0; 4]);
        frame.resize(frame.len() + usize::from(len), b'x');
        frame
    }

    /// Frames that differ from the common cases are read all the same; here is which of them need not be.
    #[test]
    fn whole_messages_and_fragments_are_recognised() {
        for len in [0, 1, 125, 126, 1000, u16::MAX] {
            let rows = [(0x81, "text"), (0x82, "binary"), (0x01, "fragment"), (0x02, "fragment")];
            let none = [0x00, 0x80, 0x83, 0xC1, 0xC2, 0x89, 0x88].map(|first| (first, "none"));
            for (first, expected) in rows.into_iter().chain(none) {
                let bytes = frame(first, len);
                for (missing, expected) in [(0, expected), (1, "none")] {
                    let (mut end, mut input) = (server(Limits::default()), Buffer::new());
                    input.extend_from_slice(&bytes[..bytes.len() - missing]);
                    let found = match end.find_whole(&input).map(|whole| whole.kind) {
                        Some(Kind::Text) => "text",
                        Some(_) => "binary",
                        None => end.admit_whole_fragment(&mut input).map_or("none", |_| "fragment"),
                    };
                    assert_eq!(found, expected, "{first:02x}, {len} bytes less {missing}");
                }
            }
        }
    }

    #[test]
    fn short_messages_are_queued_at_once_where_nothing_stands_against_it() {
        let queue = |end: &mut Connection, len: usize| {
            end.send_short(Opcode::Binary, &vec![0; len]).map(|()| end.buffered_amount())
        };
        let config = Config { max_output_len: 1000, ..Config::default() };
        let mut end = Connection::server(config);
        assert_eq!(queue(&mut end, 0), None, "no storage yet");
        end.send_binary(&[0; 800]).unwrap();
        end.output().advance(804);
        for (len, queued) in [(0, Some(2)), (1, Some(5)), (125, Some(132)), (126, None)] {
            assert_eq!(queue(&mut end, len), queued, "{len}");
        }
        end.send_text_fragment("", Fin::More).unwrap();
        assert_eq!(queue(&mut end, 0), None, "a message is sent in fragments");
        end.send_text_fragment("", Fin::Final).unwrap();
        assert_eq!(queue(&mut end, 0), Some(138));
        while end.send_binary(&[0; 100]).is_ok() {}
        assert_eq!(queue(&mut end, 125), None, "the output is full");
        end.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(queue(&mut end, 0), None, "a Close frame was sent");
    }

    #[test]
    fn fragments_are_recognised_to_the_end_of_their_message() {
        let (mut end, mut input) = (server(Limits::default()), Buffer::new());
        for (first, ends_message) in [(0x01, false), (0x00, false), (0x80, true)] {
            input.extend_from_slice(&frame(first, 200));
            let fragment = end.admit_whole_fragment(&mut input).unwrap();
            assert_eq!((fragment.kind, fragment.len, fragment.ends_message), (Kind::Text, 200, ends_message));
            input.consume(200);
        }
        assert!(end.admit_whole_fragment(&mut input).is_none());
    }
}
