//! Frames to events: assembly of messages, control frames, the end of the input.

use alloc::boxed::Box;
use alloc::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

use super::event::{Chunk, Event};
use super::fast_path::Whole;
use super::inbox::{Inbox, Storage};
#[cfg(feature = "deflate")]
use super::inflation::Inflation;
use super::sender::Sender;
use crate::config::Config;
#[cfg(feature = "deflate")]
use crate::deflate::Negotiated;
use crate::error::ProtocolError;
use crate::frame::CloseFrame;
use crate::frame::decoder::Reader;
use crate::frame::rules::Kind;
use crate::message::Message;
use crate::role::Role;
use crate::utf8::{self, Carry};

/// The receiving side of a [`Connection`](super::Connection): the bytes that have arrived, and how far the message that is
/// arriving has come.
///
/// Events borrow the receiver alone, so messages can be sent while an event is alive. Replies to the peer (Pong, Close) go to
/// the [`Sender`] of the same connection, which the methods take as an argument.
///
/// Memory: nothing before the first read. Then [`Config::read_len`] bytes, or twice that if a read begins in the middle of a
/// frame. A message that is being assembled grows with the bytes received, up to
/// [`Limits::max_message_len`](crate::Limits::max_message_len). At most 2 MiB each are kept for the next text and the next
/// binary message.
pub struct Receiver {
    pub(super) config: Arc<Config>,
    pub(super) inbox: Option<Box<Inbox>>,
    pub(super) reader: Reader,
    pub(super) carry: Carry,
    #[cfg(feature = "deflate")]
    pub(super) inflation: Option<Box<Inflation>>,
    pub(super) given: Given,
    /// What has been found and not been lent yet.
    pub(super) found: Option<Found>,
    /// Whether the peer gave a sign of life that the sender does not know of.
    pub(super) heard: bool,
    /// The fast path takes payloads shorter than this.
    pub(super) whole_below: u32,
    /// How many reads of a shell are long, if they bring little.
    pub(super) long_reads: u8,
    #[cfg(debug_assertions)]
    pub(super) id: u32,
}

/// What has been found: where it lies, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) ends_message: bool,
    /// Whether nothing of the message has been given out before.
    pub(super) begins_message: bool,
}

impl Found {
    #[inline]
    pub(crate) fn is_data(self) -> bool {
        self.kind.is_data()
    }

    /// Whether this is a text message or a part of one.
    #[cfg(feature = "std")]
    pub(crate) fn is_text(self) -> bool {
        self.kind == Kind::Text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In one piece where it was read to. Text is not validated.
    AsReceived,
    /// In one piece in the assembly, as binary data. Text is not validated.
    Joined,
    /// In the assembly. Text is validated.
    Assembled,
}

/// How messages are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Message,
    Chunk,
}

/// What was given out of the message that is arriving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Given {
    #[default]
    Nothing,
    Chunks,
    /// Chunks first. Then whole messages were asked for, or nothing more, so the rest of this one is dropped.
    Abandoned,
}

impl Receiver {
    #[inline]
    pub(super) fn new(config: Arc<Config>, role: Role, inbox: Option<Box<Inbox>>, _id: u32) -> Self {
        Self {
            inbox,
            reader: Reader::new(role),
            carry: Carry::default(),
            #[cfg(feature = "deflate")]
            inflation: None,
            given: Given::Nothing,
            found: None,
            heard: false,
            whole_below: config.limits.whole_below(),
            long_reads: 0,
            config,
            #[cfg(debug_assertions)]
            id: _id,
        }
    }

    /// permessage-deflate was agreed on.
    #[cfg(feature = "deflate")]
    pub(super) fn allow_compressed(&mut self, negotiated: &Negotiated) {
        self.inflation = Some(Box::new(Inflation::new(negotiated, self.reader.role())));
        self.reader.allow_compressed();
    }

    /// Looks for the next event and remembers it; [`next_event`](Self::next_event) lends it. `false` means that more bytes
    /// are needed, or that the connection is closed. Calling this again changes nothing.
    ///
    /// For functions that return an event from a loop: the result borrows nothing, so the loop can go on reading.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event), except that a text message that arrived in one read is validated when it is lent.
    pub fn has_event(&mut self, sender: &mut Sender) -> Result<bool, ProtocolError> {
        Ok(self.find(sender, By::Message)?.is_some())
    }

    /// The next event. `None` means that more bytes are needed, or that the connection is closed.
    ///
    /// # Errors
    ///
    /// The peer broke a rule, or the connection was lost. All events before the fault have been given out. The Close frame
    /// that tells the peer is in the sender's [`output`](Sender::output). Further input is discarded, and every further call
    /// gives the same error.
    #[inline(always)]
    pub fn next_event(&mut self, sender: &mut Sender) -> Result<Option<Event<'_>>, ProtocolError> {
        let Some(whole) = self.next_whole(sender) else { return self.next_event_otherwise(sender) };
        let role = self.reader.role();
        let payload = whole.lend(self.inbox.get_or_insert_default(), role);
        match whole.kind {
            Kind::Text => {
                sender.or_fail(validate(payload, &mut self.reader)).map(|text| Some(Event::Text(text)))
            }
            _ => Ok(Some(Event::Binary(payload))),
        }
    }

    /// Takes the next message, if the fast path takes it and nothing was found before. Tells the sender of the sign of life. Each
    /// caller lends the payload itself: a function that gives an `Event` for both takes 34 instructions more.
    #[inline(always)]
    fn next_whole(&mut self, sender: &mut Sender) -> Option<Whole> {
        self.debug_assert_same_connection(sender);
        if self.found.is_some() || sender.lifecycle.is_closed() {
            return None;
        }
        let whole = self.take_whole()?;
        sender.timers.hear();
        Some(whole)
    }

    /// The general path of [`next_event`](Self::next_event), out of line.
    #[inline(never)]
    fn next_event_otherwise(&mut self, sender: &mut Sender) -> Result<Option<Event<'_>>, ProtocolError> {
        #[cfg(feature = "deflate")]
        if self.found.is_none() && !sender.lifecycle.is_closed() {
            if let Some(inflated) = self.take_whole_deflated() {
                sender.timers.hear();
                let event = inflated.and_then(|kind| self.lend_whole_deflated(kind));
                return sender.or_fail(event).map(Some);
            }
        }
        match self.find(sender, By::Message)? {
            Some(found) => sender.or_fail(self.lend_event(found)).map(Some),
            None => Ok(None),
        }
    }

    /// The next message, owned. Control frames before it are answered and skipped. `None` as for
    /// [`next_event`](Self::next_event).
    ///
    /// A message that arrived in one read is copied, and so is most text that arrived in one frame. Any other is moved out, or
    /// copied if its memory is more than about twice as long.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    #[inline]
    pub fn next_message(&mut self, sender: &mut Sender) -> Result<Option<Message>, ProtocolError> {
        match self.take_whole_message(sender) {
            Some(taken) => sender.or_fail(taken).map(Some),
            None => self.next_message_otherwise(sender),
        }
    }

    /// The next message, if the fast path takes it. On an error the sender has to fail, too.
    #[inline]
    pub(crate) fn take_whole_message(
        &mut self,
        sender: &mut Sender,
    ) -> Option<Result<Message, ProtocolError>> {
        let whole = self.next_whole(sender)?;
        let role = self.reader.role();
        let payload = whole.lend(self.inbox.get_or_insert_default(), role);
        Some(match whole.kind {
            Kind::Text => validate(payload, &mut self.reader).map(|text| Message::Text(text.into())),
            _ => Ok(Message::Binary(Bytes::copy_from_slice(payload))),
        })
    }

    /// The general path of [`next_message`](Self::next_message), out of line.
    #[inline(never)]
    fn next_message_otherwise(&mut self, sender: &mut Sender) -> Result<Option<Message>, ProtocolError> {
        match self.find_data(sender, By::Message)? {
            Some(found) => sender.or_fail(self.take(found)).map(Some),
            None => Ok(None),
        }
    }

    /// [`has_event`](Self::has_event) for [`next_chunk`](Self::next_chunk).
    ///
    /// # Errors
    ///
    /// As [`has_event`](Self::has_event).
    pub fn has_chunk(&mut self, sender: &mut Sender) -> Result<bool, ProtocolError> {
        Ok(self.find_data(sender, By::Chunk)?.is_some())
    }

    /// The next part of a message, as soon as it has arrived: for messages that are too large to hold in memory. Raise
    /// [`Limits`](crate::Limits) for them. If a compressed message comes in one frame of 4 KiB to twice [`Config::read_len`], one
    /// read for its rest is waited for. Control frames before it are answered and skipped. `None` as for
    /// [`next_event`](Self::next_event).
    ///
    /// If [`next_event`](Self::next_event), [`has_event`](Self::has_event) or [`next_message`](Self::next_message) finds more
    /// of a message whose beginning was given in chunks, the rest of the message is validated and dropped.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    pub fn next_chunk(&mut self, sender: &mut Sender) -> Result<Option<Chunk<'_>>, ProtocolError> {
        match self.find_data(sender, By::Chunk)? {
            Some(found) => sender.or_fail(self.lend_chunk(found)).map(Some),
            None => Ok(None),
        }
    }

    /// The stream has ended. Take all events first: bytes that have arrived and have not been looked at are dropped.
    ///
    /// # Errors
    ///
    /// `Ok` only after a complete closing handshake. Otherwise the fault that ended the connection before, or
    /// [`ProtocolError::ConnectionLost`]: "If the connection is closed and no Close control frame was received … _The
    /// WebSocket Connection Close Code_ is considered to be 1006" (section 7.1.5).
    pub fn end_of_stream(&mut self, sender: &mut Sender) -> Result<(), ProtocolError> {
        self.debug_assert_same_connection(sender);
        sender.lose();
        self.reader.end(sender.fault());
        sender.fault().map_or(Ok(()), Err)
    }

    /// Gives `storage` the memory of this side, if nothing waits in it. It is freed if `storage` has some already.
    pub fn reclaim(&mut self, storage: &mut Storage) {
        if self.found.is_none() {
            storage.reclaim_inbox(&mut self.inbox);
        }
    }

    /// Takes the memory for this side from `storage`, unless this side has some already.
    pub fn reuse(&mut self, storage: &mut Storage) {
        storage.reuse_inbox(&mut self.inbox);
    }

    /// Whether this side has memory.
    #[cfg(any(feature = "tokio", feature = "smol"))]
    pub(crate) fn has_storage(&self) -> bool {
        self.inbox.is_some()
    }

    pub(super) fn inbox(&mut self) -> &mut Inbox {
        self.inbox.get_or_insert_default()
    }

    /// Finds the next event or chunk and remembers it.
    #[inline]
    pub(crate) fn find(&mut self, sender: &mut Sender, by: By) -> Result<Option<Found>, ProtocolError> {
        self.debug_assert_same_connection(sender);
        if let Some(found) = self.remembered(by) {
            return Ok(Some(found));
        }
        if sender.lifecycle.is_closed() {
            self.reader.end(sender.fault());
        }
        let looked = self.look(by);
        self.report(looked, sender)
    }

    /// [`find`](Self::find) past control frames.
    fn find_data(&mut self, sender: &mut Sender, by: By) -> Result<Option<Found>, ProtocolError> {
        loop {
            match self.find(sender, by)? {
                Some(found) if !found.is_data() => self.found = None,
                found => return Ok(found),
            }
        }
    }

    /// What was found before, if it can be given out as `by` asks. A chunk cannot be given out as a message: it goes back to its
    /// message, whose rest is assembled or, if chunks of it have been given out before, dropped.
    #[inline]
    pub(crate) fn remembered(&mut self, by: By) -> Option<Found> {
        let found = self.found?;
        let is_part = !(found.begins_message && found.ends_message);
        if by == By::Message && is_part {
            self.found = None;
            if found.begins_message {
                self.put_back(found);
            } else {
                self.abandon(found.ends_message);
            }
            return None;
        }
        Some(found)
    }

    /// Tells the sender what a look found: a sign of life, a Ping, a Pong, a Close frame or a fault.
    #[inline]
    pub(crate) fn report(
        &mut self,
        looked: Result<Option<Found>, ProtocolError>,
        sender: &mut Sender,
    ) -> Result<Option<Found>, ProtocolError> {
        if core::mem::take(&mut self.heard) {
            sender.timers.hear();
        }
        match looked {
            Ok(Some(Found { kind: Kind::Ping, .. })) => sender.receive_ping(self.lent()),
            Ok(Some(Found { kind: Kind::Pong, .. })) => sender.receive_pong(self.lent()),
            Ok(Some(Found { kind: Kind::Close, .. })) => {
                // `look` has decoded it before.
                sender.receive_close(CloseFrame::decode(self.lent()).unwrap_or_default());
            }
            _ => {}
        }
        sender.or_fail(looked)
    }

    /// The event that was found. On an error the sender has to fail, too.
    #[inline]
    pub(crate) fn lend_event(&mut self, found: Found) -> Result<Event<'_>, ProtocolError> {
        self.found = None;
        Ok(match found.kind {
            Kind::Text => Event::Text(self.lend_text(found)?),
            Kind::Ping => Event::Ping(self.lent()),
            Kind::Pong => Event::Pong(self.lent()),
            Kind::Close => Event::Close(CloseFrame::decode(self.lent())?),
            _ => Event::Binary(self.lend_binary(found)),
        })
    }

    /// The chunk that was found. On an error the sender has to fail, too.
    pub(crate) fn lend_chunk(&mut self, found: Found) -> Result<Chunk<'_>, ProtocolError> {
        self.found = None;
        let fin = found.ends_message;
        Ok(match found.kind {
            Kind::Text => Chunk::Text { text: self.lend_text(found)?, fin },
            _ => Chunk::Binary { data: self.lend_binary(found), fin },
        })
    }

    /// The message that was found, owned. On an error the sender has to fail, too.
    pub(crate) fn take(&mut self, found: Found) -> Result<Message, ProtocolError> {
        self.found = None;
        Ok(match (found.kind, found.place) {
            (Kind::Text, Place::Assembled) => Message::Text(self.inbox().assembly.take_text()),
            // Copied even from the assembly: a `String` of bytes needs the validator of the standard library, which takes longer than
            // `lend_text` and a copy.
            (Kind::Text, _) => Message::Text(ByteString::from(self.lend_text(found)?)),
            (_, Place::AsReceived) => Message::Binary(Bytes::copy_from_slice(self.lent())),
            _ => Message::Binary(self.inbox().assembly.take_binary()),
        })
    }

    /// Forgets what was found: a control frame, or a chunk whose bytes have been read.
    #[cfg(feature = "std")]
    pub(crate) fn forget_found(&mut self) {
        self.found = None;
    }

    /// Throws away the chunk that was found, and the rest of its message, by whatever that is asked for. The chunk is validated.
    /// On an error the sender has to fail, too.
    #[cfg(feature = "std")]
    pub(crate) fn discard_found(&mut self, found: Found) -> Result<(), ProtocolError> {
        self.lend_chunk(found)?;
        self.abandon(found.ends_message);
        Ok(())
    }

    /// Validates the chunk that was found, which stays found. On an error the sender has to fail, too.
    #[cfg(feature = "std")]
    pub(crate) fn check_found(&mut self, found: Found) -> Result<(), ProtocolError> {
        if found.is_text() {
            if let Err(error) = self.lend_text(found) {
                self.found = None;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The bytes of a chunk that was found, as long as it stays found.
    #[cfg(feature = "std")]
    pub(crate) fn found_bytes(&self, found: Found) -> &[u8] {
        match (found.place, found.kind, &self.inbox) {
            (Place::Assembled, Kind::Text, Some(inbox)) => inbox.assembly.text.as_bytes(),
            _ => self.lend_binary(found),
        }
    }

    fn lend_text(&mut self, found: Found) -> Result<&str, ProtocolError> {
        let Some(inbox) = &self.inbox else { return Ok("") };
        match found.place {
            Place::Assembled => Ok(&inbox.assembly.text),
            Place::AsReceived => validate(inbox.lent(), &mut self.reader),
            Place::Joined => validate(inbox.assembly.lent_binary(), &mut self.reader),
        }
    }

    fn lend_binary(&self, found: Found) -> &[u8] {
        match (found.place, &self.inbox) {
            (Place::AsReceived, _) | (_, None) => self.lent(),
            (_, Some(inbox)) => inbox.assembly.lent_binary(),
        }
    }

    pub(super) fn lent(&self) -> &[u8] {
        self.inbox.as_ref().map_or(&[], |inbox| inbox.lent())
    }

    #[inline]
    fn debug_assert_same_connection(&self, _sender: &Sender) {
        #[cfg(debug_assertions)]
        assert_eq!(self.id, _sender.id, "a Receiver and a Sender of two connections");
    }
}

/// The text of a message that is there as a whole. Ends the input if it is not UTF-8.
#[inline]
pub(super) fn validate<'a>(bytes: &'a [u8], reader: &mut Reader) -> Result<&'a str, ProtocolError> {
    utf8::whole(bytes).map_err(|_| end_at(ProtocolError::InvalidUtf8, reader))
}

#[cold]
fn end_at(error: ProtocolError, reader: &mut Reader) -> ProtocolError {
    reader.end(Some(error));
    error
}

impl core::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Receiver").field("unread", &self.unread().len()).finish_non_exhaustive()
    }
}
