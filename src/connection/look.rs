//! The general path of receiving: one step of the receiver, without the sender.

#[cfg(feature = "deflate")]
use super::fast_path::put_away;
use super::inbox::Inbox;
#[cfg(feature = "deflate")]
use super::inflation::{Bounds, Inflation, SHORT_LEN};
use super::receiver::{By, Found, Given, Place, Receiver};
#[cfg(feature = "deflate")]
use crate::deflate::{self, MORE_LEN};
use crate::error::ProtocolError;
use crate::frame::decoder::{Part, Patience, Step};
use crate::frame::rules::Kind;
use crate::frame::{CloseFrame, MaskKey};
use crate::utf8::Carry;

/// A chunk of a compressed message has about this many bytes at most, however few it was compressed to.
#[cfg(feature = "deflate")]
const INFLATED_CHUNK_LEN: usize = 64 << 10;

/// Bytes at the front of the inbox that go to the message that is being assembled.
#[derive(Clone, Copy)]
pub(super) struct Fragment {
    pub(super) kind: Kind,
    pub(super) key: Option<MaskKey>,
    /// The offset in the frame, for masking.
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

impl Receiver {
    /// Finds the next event or chunk and remembers it. `None` means that more bytes are needed, or that a Close frame has
    /// come. What the peer has to be told follows from the result: [`report`](Self::report).
    pub(crate) fn look(&mut self, by: By) -> Result<Option<Found>, ProtocolError> {
        if let Some(whole) = self.take_whole() {
            let role = self.reader.role();
            whole.lend(self.inbox(), role);
            self.heard = true;
            self.found = Some(Found::as_received(whole.kind));
            return Ok(self.found);
        }
        let mut inbox = self.inbox.take().unwrap_or_default();
        inbox.release();
        let looked = self.look_in(&mut inbox, by);
        if let Err(error) = looked {
            self.reader.end(Some(error));
        }
        if self.reader.ended().is_some() && !matches!(looked, Ok(Some(_))) {
            // "MUST NOT attempt to process data (including a responding Close frame)" (section 7.1.7). Behind a Close frame
            // there is no more data.
            inbox.discard();
        }
        self.inbox = Some(inbox);
        self.found = looked?;
        Ok(self.found)
    }

    fn look_in(&mut self, inbox: &mut Inbox, by: By) -> Result<Option<Found>, ProtocolError> {
        loop {
            if by == By::Message {
                if let Some(fragment) = self.admit_whole_fragment(inbox) {
                    self.assemble(inbox, &fragment)?;
                    if let Some(found) = self.give_assembled(inbox, &fragment, by) {
                        return Ok(Some(found));
                    }
                    continue;
                }
            }
            if let Some(frame) = self.admit_whole_ping(inbox) {
                return self.receive_control(inbox, &frame).map(Some);
            }
            if let Some(fault) = self.reader.ended() {
                return fault.map_or(Ok(None), Err);
            }
            if let Some(part) = self.receive_directly(inbox) {
                if part.kind == Kind::Text && !part.ends_message {
                    self.end_wait(inbox)?;
                }
                if let Some(found) = self.give_assembled(inbox, &part.into(), by) {
                    return Ok(Some(found));
                }
                continue;
            }
            #[cfg(feature = "deflate")]
            if by == By::Message && self.inflation.is_some() {
                if let Some(message) = self.admit_whole_deflated(inbox) {
                    return self.inflate_whole(inbox, message).map(Some);
                }
            }
            let read_len = self.read_len();
            let patience = Patience {
                binary: if by == By::Message { read_len } else { 0 },
                // By messages and by chunks alike, so that faults show at the same time.
                deflated: if inbox.has_waited() { 0 } else { read_len.saturating_mul(2) },
            };
            let part = match self.reader.read(inbox.unread(), &self.config.limits, patience)? {
                Step::Part(part) => part,
                Step::More { consumed } => {
                    inbox.consume(consumed);
                    return Ok(None);
                }
                Step::Rest { missing, kind } => {
                    self.heard |= match kind {
                        Kind::Binary => inbox.await_rest(missing),
                        _ => inbox.await_rest_once(missing),
                    };
                    return Ok(None);
                }
            };
            self.heard = true;
            inbox.consume(part.header_len);
            if part.header.opcode.is_control() {
                return self.receive_control(inbox, &part.into()).map(Some);
            }
            if let Some(found) = self.receive_data(inbox, part, by)? {
                return Ok(Some(found));
            }
        }
    }

    /// Part of a message: given out if it can be, else assembled.
    fn receive_data(
        &mut self,
        inbox: &mut Inbox,
        part: Part,
        by: By,
    ) -> Result<Option<Found>, ProtocolError> {
        #[cfg(feature = "deflate")]
        if part.kind.is_deflated() {
            return self.receive_deflated(inbox, part, by);
        }
        // A part of a binary message can be lent where it lies, unless an earlier part was assembled.
        let lends_parts = by == By::Chunk && part.kind == Kind::Binary && self.given != Given::Abandoned;
        if part.is_whole_message() || (lends_parts && inbox.assembly.is_empty()) {
            if part.len == 0 && !part.ends_message {
                return Ok(None);
            }
            inbox.unmask(part.len, part.header.mask, part.phase());
            inbox.lend_front(part.len);
            let (begins_message, ends_message) = (self.given == Given::Nothing, part.ends_message);
            self.give(Given::Chunks, ends_message);
            return Ok(Some(Found { begins_message, ends_message, ..Found::as_received(part.kind) }));
        }
        if by == By::Message
            && part.begins_text()
            && inbox.reads_in_one(self.reader.missing(), self.read_len())
        {
            return self.await_text(inbox, &part).map(|()| None);
        }
        let fragment = Fragment::from(part);
        self.assemble(inbox, &fragment)?;
        Ok(self.give_assembled(inbox, &fragment, by))
    }

    /// The beginning of a text, whose rest one read may bring. If it does, the text is validated where it lies, as a whole, and need
    /// not be copied. The beginning is validated at once, too: a fault in it does not wait for the rest.
    #[inline(never)]
    fn await_text(&mut self, inbox: &mut Inbox, part: &Part) -> Result<(), ProtocolError> {
        inbox.assemble_binary(part.len, part.header.mask, part.phase());
        inbox.expect_rest(self.reader.missing());
        let beginning = Carry::default().push(inbox.assembly.content()).map(|_| ());
        beginning.map_err(|_| ProtocolError::InvalidUtf8)
    }

    #[cold]
    fn end_wait(&mut self, inbox: &mut Inbox) -> Result<(), ProtocolError> {
        inbox.assembly.end_wait(&mut self.carry).map_err(|_| ProtocolError::InvalidUtf8)
    }

    /// What was read to where it is assembled.
    #[inline]
    fn receive_directly(&mut self, inbox: &mut Inbox) -> Option<Part> {
        let len = inbox.read_directly();
        let part = if len > 0 { self.reader.take(len) } else { None }?;
        inbox.unmask_read_directly(part.header.mask, part.phase());
        self.heard = true;
        Some(part)
    }

    /// The assembled message if `last` ends it, or the next chunk of it.
    #[inline]
    fn give_assembled(&mut self, inbox: &mut Inbox, last: &Fragment, by: By) -> Option<Found> {
        let Fragment { kind, ends_message, .. } = *last;
        if self.given == Given::Abandoned || (self.given == Given::Chunks && by == By::Message) {
            self.abandon(ends_message);
            inbox.abandon_assembled();
            return None;
        }
        let is_chunk = by == By::Chunk && (ends_message || !inbox.assembly.is_empty());
        if !is_chunk && !ends_message {
            return None;
        }
        let begins_message = self.given == Given::Nothing;
        self.give(Given::Chunks, ends_message);
        let is_raw_text = kind == Kind::Text && inbox.assembly.holds_raw_text();
        let place = if is_raw_text { Place::Joined } else { Place::Assembled };
        inbox.lend_assembled();
        Some(Found { kind, place, ends_message, begins_message })
    }

    /// A chunk that was found has not been lent: it is the beginning of its message again.
    pub(super) fn put_back(&mut self, found: Found) {
        self.given = Given::Nothing;
        let missing = self.reader.missing();
        let inbox = self.inbox.get_or_insert_default();
        match found.place {
            Place::Assembled => inbox.assembly.lent = None,
            Place::AsReceived => inbox.assemble_lent(),
            // A whole message is never put back.
            Place::Joined => {}
        }
        #[cfg(feature = "deflate")]
        if let Some(inflation) = &mut self.inflation {
            if inflation.put_back(inbox.assembly.content().len()) {
                return;
            }
        }
        if found.kind == Kind::Binary {
            inbox.expect_rest(missing);
        }
    }

    pub(super) fn abandon(&mut self, ends_message: bool) {
        self.give(Given::Abandoned, ends_message);
    }

    fn give(&mut self, given: Given, ends_message: bool) {
        self.given = if ends_message { Given::Nothing } else { given };
    }

    #[inline]
    fn assemble(&mut self, inbox: &mut Inbox, fragment: &Fragment) -> Result<(), ProtocolError> {
        let Fragment { kind, key, phase, len, ends_message } = *fragment;
        if kind == Kind::Binary {
            inbox.assemble_binary(len, key, phase);
            inbox.expect_rest(self.reader.missing());
            return Ok(());
        }
        if inbox.assembly.holds_raw_text() {
            self.end_wait(inbox)?;
        }
        inbox.unmask(len, key, phase);
        let valid = inbox.assemble_text(len, &mut self.carry);
        if valid.is_err() || (ends_message && !self.carry.is_empty()) {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(())
    }

    /// Part of a compressed message: inflated, and given out as far as it can be. A chunk may end inside it; then the rest
    /// comes again.
    #[cfg(feature = "deflate")]
    #[inline(never)]
    fn receive_deflated(
        &mut self,
        inbox: &mut Inbox,
        part: Part,
        by: By,
    ) -> Result<Option<Found>, ProtocolError> {
        if by == By::Message && part.is_whole_message() {
            return self.inflate_whole(inbox, part.into()).map(Some);
        }
        let Fragment { kind, key, phase, len, mut ends_message } = part.into();
        let Some(inflation) = &mut self.inflation else { return Err(ProtocolError::ReservedBits) };
        let stop_at = if by == By::Chunk { INFLATED_CHUNK_LEN } else { usize::MAX };
        let bounds = Bounds { max_message_len: self.config.limits.max_message_len, stop_at };
        inbox.unmask(len, key, phase);
        let (input, assembly) = inbox.front(len);
        let consumed = inflation.inflate(input, kind.inflated(), assembly, &mut self.carry, bounds)?;
        inbox.consume(consumed);
        if consumed < len {
            inbox.unmask(len - consumed, key, phase + consumed); // masks it again
            self.reader.take_only(&part, consumed);
            ends_message = false;
        }
        if ends_message {
            inflation.end_message(&inbox.assembly, &self.carry)?;
            if !self.carry.is_empty() {
                return Err(ProtocolError::InvalidUtf8);
            }
        }
        let leaves_assembly = ends_message || by == By::Chunk || self.given != Given::Nothing;
        if leaves_assembly {
            inflation.remember(inbox.assembly.content(), ends_message);
        }
        let inflated = Fragment { kind: kind.inflated(), ends_message, ..part.into() };
        Ok(self.give_assembled(inbox, &inflated, by))
    }

    /// [`inflate`] for a message that is given out later.
    #[cfg(feature = "deflate")]
    #[inline(never)]
    fn inflate_whole(&mut self, inbox: &mut Inbox, message: Fragment) -> Result<Found, ProtocolError> {
        let Some(inflation) = &mut self.inflation else { return Err(ProtocolError::ReservedBits) };
        inflate(inflation, inbox, message, self.config.limits.max_message_len)?;
        put_away(inflation, inbox, &self.reader, self.whole_below);
        let kind = message.kind.inflated();
        Ok(Found { kind, place: Place::Joined, ends_message: true, begins_message: true })
    }

    /// A control frame whose payload has arrived.
    fn receive_control(&mut self, inbox: &mut Inbox, frame: &Fragment) -> Result<Found, ProtocolError> {
        let Fragment { kind, key, len, .. } = *frame;
        inbox.unmask(len, key, 0);
        inbox.lend_front(len);
        if kind == Kind::Close {
            CloseFrame::decode(inbox.lent())?;
            self.reader.end(None);
        }
        Ok(Found::as_received(kind))
    }
}

/// Inflates a compressed message whose payload has arrived in one piece, and lends it in the assembly. Text is validated when it
/// is given out, and need not be copied.
#[cfg(feature = "deflate")]
#[inline(always)]
pub(super) fn inflate(
    inflation: &mut Inflation,
    inbox: &mut Inbox,
    message: Fragment,
    max_message_len: u64,
) -> Result<(), ProtocolError> {
    let Fragment { kind, key, len, .. } = message;
    inbox.unmask(len, key, 0);
    let begun = match inbox.front_of_storage(len + MORE_LEN) {
        Some((input, assembly)) if (1..=SHORT_LEN).contains(&len) => {
            inflation.inflate_short(input, len, assembly, max_message_len)
        }
        _ => Some(deflate::Step::NOTHING),
    };
    if let Some(begun) = begun {
        let (payload, assembly) = inbox.front(len);
        inflation.inflate_rest(payload, begun, assembly, max_message_len).map_err(|error| match kind {
            // Text before a fault that is not UTF-8 is the first fault.
            Kind::DeflatedText if assembly.has_invalid_text() => ProtocolError::InvalidUtf8,
            _ => error,
        })?;
    }
    inbox.consume(len);
    inbox.lend_assembled();
    Ok(())
}

impl Found {
    /// A control frame, or a whole message in one piece.
    fn as_received(kind: Kind) -> Self {
        Self { kind, place: Place::AsReceived, ends_message: true, begins_message: true }
    }
}
