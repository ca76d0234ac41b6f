//! Frames to events: assembly of messages, control frames, the receiving half of the closing handshake.

use bytes::Bytes;
use bytestring::ByteString;

use super::common::{Fragment, Whole};
use super::outbound::Fin;
use super::{Connection, State};
use crate::buffer::Buffer;
use crate::error::ProtocolError;
use crate::frame::CloseFrame;
use crate::frame::decoder::{Part, Step};
use crate::frame::rules::Kind;
use crate::message::Message;
use crate::utf8;

/// What has arrived. Lent by the [`Buffer`] until it is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A text message, whole.
    Text(&'b str),
    /// A binary message, whole.
    Binary(&'b [u8]),
    /// A Ping; its answer is in the output already.
    Ping(&'b [u8]),
    /// A Pong, asked for or not.
    Pong(&'b [u8]),
    /// The peer's Close frame; the last event there is. Where this end had not sent one, the answer is in the output.
    Close(Option<CloseFrame<'b>>),
}

/// Part of a message, whole characters if it is text. A message may come in any number of pieces, an empty one
/// among them only where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'b> {
    /// The next part of a text message, and whether more of it follows.
    Text(&'b str, Fin),
    /// The next part of a binary message, and whether more of it follows.
    Binary(&'b [u8], Fin),
}

/// What [`Connection::advance`] found, to be borrowed with [`Connection::lend`]. It is an index, not a borrow, so a loop
/// may hold it while it goes on using connection and buffer.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    kind: Kind,
    /// Assembled, or else in one piece at the front of the buffer.
    assembled: bool,
    ends_message: bool,
}

impl From<Whole> for Found {
    fn from(whole: Whole) -> Self {
        Self { kind: whole.kind, assembled: false, ends_message: true }
    }
}

impl Found {
    /// Whether this was put together from more than one read or frame, as what is long always is, so that to
    /// [take](Connection::take) it costs no copy.
    pub fn is_assembled(self) -> bool {
        self.assembled
    }

    /// Whether this is a message or a piece of one, rather than a control frame.
    pub fn is_data(self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Binary)
    }
}

/// How messages are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Message,
    Piece,
}

/// What was given out of the message that is arriving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Given {
    #[default]
    Nothing,
    Pieces,
    /// Pieces first; then whole messages were asked for, so what is left of this one goes to nobody.
    Abandoned,
}

impl Connection {
    /// The next thing that has arrived, or `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// The peer broke a rule. Everything before the fault has been given out; the Close frame that tells the peer is in
    /// the [output](Self::output); further input is discarded, and every further call gives the same error.
    #[inline]
    pub fn next_event<'b>(&mut self, input: &'b mut Buffer) -> Result<Option<Event<'b>>, ProtocolError> {
        if let Some(whole) = self.find_whole(input) {
            let payload = self.lend_whole(input, whole);
            return match whole.kind {
                Kind::Text => self.validate(payload).map(|text| Some(Event::Text(text))),
                _ => Ok(Some(Event::Binary(payload))),
            };
        }
        match self.pull(input, By::Message)? {
            Some(found) => self.lend(input, found).map(Some),
            None => Ok(None),
        }
    }

    /// The first half of [`next_event`](Self::next_event): finds the next event and borrows nothing.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    #[inline]
    pub fn advance(&mut self, input: &mut Buffer) -> Result<Option<Found>, ProtocolError> {
        match self.advance_whole(input) {
            Some(found) => Ok(Some(found)),
            None => self.pull(input, By::Message),
        }
    }

    /// The second half of [`next_event`](Self::next_event): borrows what [`advance`](Self::advance) found, as often as is
    /// wanted, until `input` is used otherwise.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event): text is validated here where that makes it one pass.
    pub fn lend<'b>(&mut self, input: &'b mut Buffer, found: Found) -> Result<Event<'b>, ProtocolError> {
        Ok(match found.kind {
            Kind::Text => Event::Text(self.lend_text(input, found)?),
            Kind::Binary => Event::Binary(lent_binary(input, found)),
            Kind::Ping => Event::Ping(input.lent()),
            Kind::Pong => Event::Pong(input.lent()),
            Kind::Close => Event::Close(CloseFrame::decode(input.lent()).map_err(|error| self.fail(error))?),
        })
    }

    /// The next data message, owned. Control frames are dealt with on the way. `None` when more bytes are needed, and
    /// when the connection is [closed](State::Closed).
    ///
    /// Copies a message that arrived in one read; one that was assembled is moved out instead.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn next_message(&mut self, input: &mut Buffer) -> Result<Option<Message>, ProtocolError> {
        match self.advance_message(input)? {
            Some(found) => self.take(input, found).map(Some),
            None => Ok(None),
        }
    }

    /// [`advance`](Self::advance) past control frames.
    pub(crate) fn advance_message(&mut self, input: &mut Buffer) -> Result<Option<Found>, ProtocolError> {
        match self.advance_whole(input) {
            Some(found) => Ok(Some(found)),
            None => self.pull_data(input, By::Message),
        }
    }

    /// The other second half: what [`advance`](Self::advance) found, owned, once. What was assembled is moved out, what
    /// arrived in one read is copied; of a control frame, the payload.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn take(&mut self, input: &mut Buffer, found: Found) -> Result<Message, ProtocolError> {
        let assembly = &mut input.assembly;
        Ok(match (found.kind, found.assembled) {
            (Kind::Text, true) => Message::Text(core::mem::take(&mut assembly.text).into()),
            (Kind::Text, false) => Message::Text(ByteString::from(self.validate(input.lent())?)),
            (_, true) => Message::Binary(core::mem::take(&mut assembly.binary).into_vec().into()),
            (_, false) => Message::Binary(Bytes::copy_from_slice(input.lent())),
        })
    }

    /// The next part of a data message, as it arrives: for messages larger than memory should hold, with
    /// [`Limits`](crate::Limits) raised accordingly. Control frames are dealt with on the way. `None` as for
    /// [`next_message`](Self::next_message).
    ///
    /// Once [`next_event`](Self::next_event) has passed over part of such a message, the rest of it is skipped by either.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn next_piece<'b>(&mut self, input: &'b mut Buffer) -> Result<Option<Piece<'b>>, ProtocolError> {
        match self.advance_piece(input)? {
            Some(found) => self.lend_piece(input, found).map(Some),
            None => Ok(None),
        }
    }

    /// [`advance`](Self::advance) for pieces.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn advance_piece(&mut self, input: &mut Buffer) -> Result<Option<Found>, ProtocolError> {
        self.pull_data(input, By::Piece)
    }

    /// [`lend`](Self::lend) for pieces.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn lend_piece<'b>(
        &mut self,
        input: &'b mut Buffer,
        found: Found,
    ) -> Result<Piece<'b>, ProtocolError> {
        let fin = if found.ends_message { Fin::Final } else { Fin::More };
        Ok(match found.kind {
            Kind::Text => Piece::Text(self.lend_text(input, found)?, fin),
            _ => Piece::Binary(lent_binary(input, found), fin),
        })
    }

    #[inline]
    fn advance_whole(&mut self, input: &mut Buffer) -> Option<Found> {
        let whole = self.find_whole(input)?;
        self.lend_whole(input, whole);
        Some(whole.into())
    }

    fn pull_data(&mut self, input: &mut Buffer, by: By) -> Result<Option<Found>, ProtocolError> {
        loop {
            match self.pull(input, by)? {
                Some(found) if !found.is_data() => {}
                found => return Ok(found),
            }
        }
    }

    fn pull(&mut self, input: &mut Buffer, by: By) -> Result<Option<Found>, ProtocolError> {
        let found = self.pull_any(input, by);
        self.expect_common();
        found
    }

    fn pull_any(&mut self, input: &mut Buffer, by: By) -> Result<Option<Found>, ProtocolError> {
        input.release();
        loop {
            if self.state() == State::Closed {
                // "MUST NOT attempt to process data (including a responding Close frame)" (section 7.1.7); and a Close
                // frame is the last there is, so what follows it is nothing.
                input.clear();
                return self.closing.fault().map_or(Ok(None), Err);
            }
            if let Some(part) = self.receive_directly(input) {
                if let Some(found) = self.give_assembled(input, part.into(), by) {
                    return Ok(Some(found));
                }
                continue;
            }
            if by == By::Message {
                if let Some(fragment) = self.admit_whole_fragment(input) {
                    self.assemble(input, fragment)?;
                    if let Some(found) = self.give_assembled(input, fragment, by) {
                        return Ok(Some(found));
                    }
                    continue;
                }
            }
            let patience = if by == By::Message { input.read_len() } else { 0 };
            let part = match self.reader.read(input.unread(), &self.config.limits, patience) {
                Ok(Step::Part(part)) => part,
                Ok(Step::More { consumed }) => {
                    input.consume(consumed);
                    return Ok(None);
                }
                Ok(Step::Rest { missing }) => {
                    if input.await_rest(missing) {
                        self.timers.hear();
                    }
                    return Ok(None);
                }
                Err(error) => {
                    input.clear();
                    return Err(self.fail(error));
                }
            };
            self.timers.hear();
            input.consume(part.header_len);
            if part.header.opcode.is_control() {
                input.unmask(part.len, part.header.mask, 0);
                input.lend_front(part.len);
                return self.receive_control(input, part).map(Some);
            }
            if let Some(found) = self.receive_data(input, part, by)? {
                return Ok(Some(found));
            }
        }
    }

    /// A data message, or the piece of one: given out if it can be, else added to the assembly.
    fn receive_data(
        &mut self,
        input: &mut Buffer,
        part: Part,
        by: By,
    ) -> Result<Option<Found>, ProtocolError> {
        let ends_message = part.ends_message;
        let found = |assembled| Ok(Some(Found { kind: part.kind, assembled, ends_message }));
        if part.is_whole_message() {
            input.unmask(part.len, part.header.mask, 0);
            input.lend_front(part.len);
            return found(false);
        }
        // A piece of binary data can be lent as it lies, unless some of the message was assembled before.
        let lends_pieces = by == By::Piece && self.given != Given::Abandoned;
        if part.kind == Kind::Binary && lends_pieces && input.assembly.is_empty() {
            if part.len == 0 && !ends_message {
                return Ok(None);
            }
            self.give(Given::Pieces, ends_message);
            input.unmask(part.len, part.header.mask, part.phase());
            input.lend_front(part.len);
            return found(false);
        }
        self.assemble(input, part.into())?;
        Ok(self.give_assembled(input, part.into(), by))
    }

    /// What was read to where it belongs.
    fn receive_directly(&mut self, input: &mut Buffer) -> Option<Part> {
        let len = input.read_directly();
        let part = if len > 0 { self.reader.take(len) } else { None }?;
        self.timers.hear();
        input.unmask_read_directly(part.header.mask, part.phase());
        Some(part)
    }

    /// The message that has been assembled, if this was its end, or the piece of it.
    fn give_assembled(&mut self, input: &mut Buffer, last: Fragment, by: By) -> Option<Found> {
        let Fragment { kind, ends_message, .. } = last;
        if self.given == Given::Abandoned || (self.given == Given::Pieces && by == By::Message) {
            self.give(Given::Abandoned, ends_message);
            input.assembly.clear();
            return None;
        }
        let is_piece = by == By::Piece && (ends_message || !input.assembly.is_empty());
        if !is_piece && !ends_message {
            return None;
        }
        self.give(Given::Pieces, ends_message);
        input.assembly.taken = true;
        Some(Found { kind, assembled: true, ends_message })
    }

    fn give(&mut self, given: Given, ends_message: bool) {
        self.given = if ends_message { Given::Nothing } else { given };
    }

    fn assemble(&mut self, input: &mut Buffer, fragment: Fragment) -> Result<(), ProtocolError> {
        let Fragment { kind, key, phase, len, ends_message } = fragment;
        if kind == Kind::Binary {
            input.assemble_binary(len, key, phase);
            input.expect_binary(self.reader.missing());
            return Ok(());
        }
        input.unmask(len, key, phase);
        let valid = input.assemble_text(len, &mut self.carry);
        if valid.is_err() || (ends_message && !self.carry.is_empty()) {
            return Err(self.fail(ProtocolError::InvalidUtf8));
        }
        Ok(())
    }

    fn receive_control(&mut self, input: &Buffer, part: Part) -> Result<Found, ProtocolError> {
        let payload = input.lent();
        match part.kind {
            Kind::Ping => self.owe_pong(payload),
            Kind::Close => {
                let frame = CloseFrame::decode(payload).map_err(|error| self.fail(error))?;
                self.receive_close(frame);
            }
            Kind::Pong | Kind::Text | Kind::Binary => {}
        }
        Ok(Found { kind: part.kind, assembled: false, ends_message: true })
    }

    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a
    /// Close frame in response … typically echos the status code it received" (section 5.5.1). Ours does, without the
    /// reason.
    fn receive_close(&mut self, frame: Option<CloseFrame<'_>>) {
        self.closing.receive(frame);
        match frame {
            Some(frame) => self.queue_close(frame.code, ""),
            None => self.queue_empty_close(),
        }
        self.pong_owed = None;
        self.timers.start_closing(self.config.close_timeout);
    }

    #[inline]
    fn lend_text<'b>(&mut self, input: &'b Buffer, found: Found) -> Result<&'b str, ProtocolError> {
        if found.assembled { Ok(&input.assembly.text) } else { self.validate(input.lent()) }
    }

    /// Whole characters, in one pass; the text of a message that lies in one piece.
    #[inline]
    fn validate<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b str, ProtocolError> {
        utf8::whole(bytes).map_err(|_| self.fail(ProtocolError::InvalidUtf8))
    }
}

#[inline]
fn lent_binary(input: &Buffer, found: Found) -> &[u8] {
    if found.assembled { input.assembly.binary.as_slice() } else { input.lent() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_message_that_has_arrived_whole_is_taken_without_further_ado() {
        let (mut end, mut input) = (Connection::server(Config::default()), Buffer::new());
        input.extend_from_slice(b"\x82\x81\0\0\0\0x\x02\x80\0\0\0\0");
        let found = end.advance_whole(&mut input).unwrap();
        assert_eq!((found.kind, found.assembled, found.ends_message), (Kind::Binary, false, true));
        assert_eq!(input.lent(), b"x");
        assert!(end.advance_whole(&mut input).is_none(), "a fragment");
        assert_eq!(input.unread().len(), 6);
    }
}
