//! The fast paths: what most traffic is, ahead of the general path.
//!
//! Receiving, they take a data message in one frame of less than 64 KiB, and a fragment of that size, where all of it has
//! arrived and nothing else is under way. They take compressed messages, Pings and Pongs that have arrived, too. Sending, they
//! take a whole message of at most 125 bytes where the output has storage. A fast path changes nothing if it declines: faults
//! of frames and everything else are left to the general path (`look` and [`Sender::send`]), which sees the same bytes.

#[cfg(feature = "deflate")]
use super::event::Event;
use super::inbox::Inbox;
#[cfg(feature = "deflate")]
use super::inflation::Inflation;
use super::keys::Keys;
use super::look::Fragment;
#[cfg(feature = "deflate")]
use super::look::inflate;
use super::receiver::Receiver;
#[cfg(feature = "deflate")]
use super::receiver::validate;
use super::sender::Sender;
#[cfg(feature = "deflate")]
use crate::error::ProtocolError;
#[cfg(feature = "deflate")]
use crate::frame::decoder::Reader;
use crate::frame::fast_path::{SHORT_PAYLOAD_LEN, lengths};
use crate::frame::rules::Kind;
use crate::frame::{MaskKey, Opcode, apply_mask};
use crate::role::Role;

/// A whole message that has arrived in one frame, taken from the front of the inbox.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) kind: Kind,
    position: usize,
    header_len: usize,
    len: usize,
}

impl Whole {
    /// The payload, unmasked.
    #[inline(always)]
    pub(super) fn lend(self, inbox: &mut Inbox, role: Role) -> &mut [u8] {
        let (header, payload) = inbox.lend_frame(self.position, self.header_len, self.len);
        if let (Role::Server, Some(key)) = (role, header.last_chunk()) {
            apply_mask(payload, MaskKey(*key), 0);
        }
        payload
    }
}

impl Receiver {
    /// Takes the next message, if the fast path takes it.
    #[inline(always)]
    pub(super) fn take_whole(&mut self) -> Option<Whole> {
        let inbox = self.inbox.as_deref_mut()?;
        let start = *inbox.peek(0)?;
        // FIN, no reserved bit, and a data opcode (section 5.2).
        let kind = match start[0] {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            _ => return None,
        };
        let (header_len, len) = lengths(start, self.reader.role())?;
        if u32::from(len) >= self.whole_below || !self.reader.is_between_messages() {
            return None;
        }
        let len = usize::from(len);
        let position = inbox.take_frame(header_len + len)?;
        Some(Whole { kind, position, header_len, len })
    }

    /// Takes and inflates the next message, if compression was agreed on and the fast path takes it. On an error the sender has
    /// to fail, too.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(super) fn take_whole_deflated(&mut self) -> Option<Result<Kind, ProtocolError>> {
        let (inflation, inbox) = (self.inflation.as_deref_mut()?, self.inbox.as_deref_mut()?);
        let (header_len, message) = whole_deflated(inbox, &self.reader, self.whole_below)?;
        inbox.release();
        inbox.consume(header_len);
        let inflated = inflate(inflation, inbox, message, self.config.limits.max_message_len);
        match inflated {
            Ok(()) => put_away(inflation, inbox, &self.reader, self.whole_below),
            Err(error) => {
                self.reader.end(Some(error));
                inbox.discard();
            }
        }
        Some(inflated.map(|()| message.kind))
    }

    /// The message that [`take_whole_deflated`](Self::take_whole_deflated) took. On an error the sender has to fail, too.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(super) fn lend_whole_deflated(&mut self, kind: Kind) -> Result<Event<'_>, ProtocolError> {
        let content = self.inbox.as_ref().map_or(&[][..], |inbox| inbox.assembly.binary.as_slice());
        match kind {
            Kind::DeflatedText => validate(content, &mut self.reader).map(Event::Text),
            _ => Ok(Event::Binary(content)),
        }
    }

    /// Takes the header of the next frame, if it is a whole compressed message that has arrived. The caller knows that
    /// compression was agreed on.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(super) fn admit_whole_deflated(&mut self, inbox: &mut Inbox) -> Option<Fragment> {
        let (header_len, message) = whole_deflated(inbox, &self.reader, self.whole_below)?;
        self.heard = true;
        inbox.consume(header_len);
        Some(message)
    }

    /// Takes the header of the next frame, if it is a fragment that has arrived as a whole.
    #[inline]
    pub(super) fn admit_whole_fragment(&mut self, inbox: &mut Inbox) -> Option<Fragment> {
        let start = *inbox.peek(0)?;
        let (opcode, fin) = match start[0] {
            0x00 => (Opcode::Continuation, false),
            0x80 => (Opcode::Continuation, true),
            0x01 => (Opcode::Text, false),
            0x02 => (Opcode::Binary, false),
            _ => return None,
        };
        let arrived = arrived(inbox, start, self.reader.role())?;
        let kind = self.reader.admit_whole(opcode, fin, arrived.len as u64, &self.config.limits)?;
        Some(self.take_header(inbox, arrived, kind, fin))
    }

    /// Takes the header of the next frame, if it is a Ping or a Pong that has arrived as a whole, alone or between fragments.
    #[inline(never)]
    pub(super) fn admit_whole_ping(&mut self, inbox: &mut Inbox) -> Option<Fragment> {
        let start = *inbox.peek(0)?;
        let kind = match start[0] {
            0x89 => Kind::Ping,
            0x8A => Kind::Pong,
            _ => return None,
        };
        let arrived = arrived(inbox, start, self.reader.role())?;
        // Longer ones are a fault.
        if arrived.len > 125 || !self.reader.is_between_frames() {
            return None;
        }
        Some(self.take_header(inbox, arrived, kind, true))
    }

    #[inline(always)]
    fn take_header(&mut self, inbox: &mut Inbox, arrived: Arrived, kind: Kind, fin: bool) -> Fragment {
        let Arrived { header_len, len, key } = arrived;
        self.heard = true;
        inbox.consume(header_len);
        Fragment { kind, key, phase: 0, len, ends_message: fin }
    }
}

/// The frame at the front, if it is a whole compressed message that has arrived: the length of its header, and its payload. The
/// caller knows that compression was agreed on.
#[cfg(feature = "deflate")]
#[inline]
fn whole_deflated(inbox: &Inbox, reader: &Reader, whole_below: u32) -> Option<(usize, Fragment)> {
    let start = *inbox.peek(0)?;
    // FIN, RSV1 and a data opcode (RFC 7692 section 6).
    let kind = match start[0] {
        0xC1 => Kind::DeflatedText,
        0xC2 => Kind::DeflatedBinary,
        _ => return None,
    };
    let Arrived { header_len, len, key } = arrived(inbox, start, reader.role())?;
    // Stricter than the limit, which counts inflated bytes. The general path takes the others.
    let is_admitted = (len as u64) < u64::from(whole_below) && reader.is_between_messages();
    is_admitted.then_some((header_len, Fragment { kind, key, phase: 0, len, ends_message: true }))
}

/// Behind a message without takeover: the inflater goes back to the pool, unless the next message is there for it. That saves the
/// lock of the pool, and a connection in whose inbox nothing waits holds no inflater.
#[cfg(feature = "deflate")]
#[inline]
pub(super) fn put_away(inflation: &mut Inflation, inbox: &Inbox, reader: &Reader, whole_below: u32) {
    if inflation.takeover() {
        return;
    }
    match whole_deflated(inbox, reader, whole_below) {
        Some(_) => inflation.reset(),
        None => inflation.give_back(),
    }
}

/// A short frame that has arrived as a whole.
struct Arrived {
    header_len: usize,
    /// The length of its payload.
    len: usize,
    key: Option<MaskKey>,
}

/// The frame at the front, which begins with `start`, if it is short and has arrived as a whole.
#[inline(always)]
fn arrived(inbox: &Inbox, start: [u8; 4], role: Role) -> Option<Arrived> {
    let (header_len, len) = lengths(start, role)?;
    let len = usize::from(len);
    if !inbox.holds(header_len + len) {
        return None;
    }
    let key = match role {
        Role::Server => Some(MaskKey(*inbox.peek(header_len - 4)?)),
        Role::Client => None,
    };
    Some(Arrived { header_len, len, key })
}

impl Sender {
    /// Queues a whole message, if the fast path takes it. The caller knows that messages can be sent as they are.
    #[inline]
    pub(super) fn send_short(&mut self, opcode: Opcode, data: &[u8]) -> Option<()> {
        debug_assert!(self.lifecycle.sends_plain_messages(), "asked before");
        if data.len() > SHORT_PAYLOAD_LEN || !self.has_room(data.len()) {
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
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::config::Config;
    use crate::connection::Connection;
    use crate::frame::{CloseCode, Limits};
    use crate::message::Outgoing;

    fn server(limits: Limits) -> Connection {
        Connection::server(Config::default().limits(limits))
    }

    /// A frame to a server, masked with a key of zeros.
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

    #[test]
    fn fast_path_receives_only_between_messages() {
        let takes = |received: &[&[u8]]| {
            let mut end = server(Limits::default());
            for bytes in received {
                end.receive(bytes);
                end.next_event().unwrap();
            }
            end.receive(&frame(0x82, 1));
            end.receiver.take_whole().is_some()
        };
        let fragment = b"\x01\x80\0\0\0\0";
        let long = [b"\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0".to_vec(), vec![0; 1 << 16]].concat();
        assert!(takes(&[]));
        assert!(!takes(&[fragment]), "a message has begun");
        assert!(takes(&[fragment, b"\x80\x80\0\0\0\0"]), "and ended");
        assert!(!takes(&[&long[..20]]), "a frame has begun");
        assert!(takes(&[&long[..20], &long[20..]]), "and ended");
        assert!(!takes(&[b"\x88\x80\0\0\0\0"]), "a Close frame came");
    }

    #[test]
    fn fast_path_recognises_whole_messages_and_fragments() {
        for len in [0, 1, 125, 126, 1000, u16::MAX] {
            let rows = [(0x81, "text"), (0x82, "binary"), (0x01, "fragment"), (0x02, "fragment")];
            let none = [0x00, 0x80, 0x83, 0xC1, 0xC2, 0x89, 0x88].map(|first| (first, "none"));
            for (first, expected) in rows.into_iter().chain(none) {
                let bytes = frame(first, len);
                for (missing, expected) in [(0, expected), (1, "none")] {
                    let mut receiver = server(Limits::default()).receiver;
                    receiver.receive(&bytes[..bytes.len() - missing]);
                    let found = match receiver.take_whole().map(|whole| whole.kind) {
                        Some(Kind::Text) => "text",
                        Some(_) => "binary",
                        None => {
                            let mut inbox = receiver.inbox.take().unwrap();
                            receiver.admit_whole_fragment(&mut inbox).map_or("none", |_| "fragment")
                        }
                    };
                    assert_eq!(found, expected, "{first:02x}, {len} bytes less {missing}");
                }
            }
        }
    }

    #[test]
    fn fast_path_recognises_fragments_to_the_end_of_their_message() {
        let mut receiver = server(Limits::default()).receiver;
        let mut inbox = Inbox::default();
        for (first, ends_message) in [(0x01, false), (0x00, false), (0x80, true)] {
            inbox.receive(&frame(first, 200));
            let fragment = receiver.admit_whole_fragment(&mut inbox).unwrap();
            assert_eq!((fragment.kind, fragment.len, fragment.ends_message), (Kind::Text, 200, ends_message));
            inbox.consume(200);
        }
        assert!(receiver.admit_whole_fragment(&mut inbox).is_none());
    }

    #[test]
    fn short_messages_are_queued_at_once_if_there_is_storage() {
        let queue = |end: &mut Connection, len: usize| {
            if !end.sender.lifecycle.sends_plain_messages() {
                return None;
            }
            end.sender.send_short(Opcode::Binary, &vec![0; len]).map(|()| end.buffered_amount())
        };
        let mut end = Connection::server(Config::default().max_output_len(1000));
        assert_eq!(queue(&mut end, 0), None, "no storage yet");
        end.send(&[0; 800]).unwrap();
        end.output().advance(804);
        for (len, queued) in [(0, Some(2)), (1, Some(5)), (125, Some(132)), (126, None)] {
            assert_eq!(queue(&mut end, len), queued, "{len}");
        }
        end.send(Outgoing::text_fragment("", false)).unwrap();
        assert_eq!(queue(&mut end, 0), None, "a message is being sent in fragments");
        end.send(Outgoing::text_fragment("", true)).unwrap();
        assert_eq!(queue(&mut end, 0), Some(138));
        while end.send(&[0; 100]).is_ok() {}
        assert_eq!(queue(&mut end, 125), None, "the output is full");
        end.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(queue(&mut end, 0), None, "a Close frame was sent");
    }
}
