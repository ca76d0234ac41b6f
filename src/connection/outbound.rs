//! Messages to frames: fragments, control frames, the sending half of the closing handshake.

use bytes::Bytes;

use super::{Connection, Keys, State};
#[cfg(feature = "std")]
use crate::error::Error;
use crate::error::SendError;
use crate::frame::{CloseCode, CloseFrame, FrameHeader, MaskKey, Opcode};
use crate::message::{Message, Prepared};

/// From this length on a shared payload is referenced instead of copied: a clone of a `Bytes` and a slice more in the
/// `writev` then cost less than the copy.
const REFERENCED_FROM: usize = 4 << 10;

/// Whether a fragment is the last of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fin {
    /// More of the message follows.
    More,
    /// The message ends here.
    Final,
}

/// # Sending
///
/// Every method queues whole frames in the [`Output`](super::Output) and returns at once. On an error nothing is queued
/// and the connection is as it was.
impl Connection {
    /// Sends a text message in one frame.
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed), [`OutputFull`](SendError::OutputFull),
    /// [`MessageTooLong`](SendError::MessageTooLong), and [`MessageUnderWay`](SendError::MessageUnderWay) between the
    /// fragments of another message.
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.send_copied(Opcode::Text, text.as_bytes())
    }

    /// Sends a binary message in one frame.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    #[inline]
    pub fn send_binary(&mut self, data: &[u8]) -> Result<(), SendError> {
        self.send_copied(Opcode::Binary, data)
    }

    /// Sends a message in one frame. A server queues a large payload by reference, without a copy.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    #[inline]
    pub fn send(&mut self, message: &Message) -> Result<(), SendError> {
        match self.send_short(message.opcode(), message.as_bytes()) {
            Some(()) => Ok(()),
            None => self.send_long(message),
        }
    }

    fn send_long(&mut self, message: &Message) -> Result<(), SendError> {
        if message.len() < REFERENCED_FROM || self.masks() {
            return self.send_any(message.opcode(), message.as_bytes());
        }
        self.send_reference(message)
    }

    fn send_reference(&mut self, message: &Message) -> Result<(), SendError> {
        self.check_message(message.len())?;
        let header = self.header(message.opcode(), Fin::Final, message.len());
        self.output.append_frame_by_reference(&header, message.bytes().clone());
        Ok(())
    }

    /// Sends a binary message in one frame, and writes at once what waits and the message behind it: the payload goes out
    /// from where it lies, and only what the stream does not take is copied. For large payloads that are borrowed.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text), and then nothing was sent or written. Those of the stream as in
    /// [`Output::write_to`](super::Output::write_to), `WouldBlock` among them: then the message was sent, and waits.
    ///
    /// ```
    /// use sansocket::{Config, Connection};
    ///
    /// let mut connection = Connection::server(Config::default());
    /// let mut stream = Vec::new();
    /// connection.send_text("before")?;
    /// connection.send_binary_through(&[0; 100_000], &mut stream)?;
    /// assert_eq!((stream.len(), connection.buffered_amount()), (8 + 100_010, 0));
    /// # Ok::<(), sansocket::Error>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn send_binary_through<W: std::io::Write + ?Sized>(
        &mut self,
        data: &[u8],
        stream: &mut W,
    ) -> Result<(), Error> {
        self.send_through(Opcode::Binary, data, stream)
    }

    /// [`send_binary_through`](Self::send_binary_through) for text.
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "std")]
    pub fn send_text_through<W: std::io::Write + ?Sized>(
        &mut self,
        text: &str,
        stream: &mut W,
    ) -> Result<(), Error> {
        self.send_through(Opcode::Text, text.as_bytes(), stream)
    }

    #[cfg(feature = "std")]
    fn send_through<W: std::io::Write + ?Sized>(
        &mut self,
        opcode: Opcode,
        data: &[u8],
        stream: &mut W,
    ) -> Result<(), Error> {
        self.check_message(data.len())?;
        let header = self.header(opcode, Fin::Final, data.len());
        if header.mask.is_none() {
            return Ok(self.output.write_frame_to(stream, &header, data)?);
        }
        self.output.append_frame(&header, data);
        self.output.write_to(stream)?;
        Ok(())
    }

    /// Sends a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text).
    pub fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), SendError> {
        if self.masks() {
            return self.send(prepared.message());
        }
        let frame = prepared.frame();
        self.check_message(prepared.message().len())?;
        if frame.len() < REFERENCED_FROM {
            self.output.append(frame.len()).copy_from_slice(frame);
        } else {
            self.output.append_reference(Bytes::clone(frame));
        }
        Ok(())
    }

    /// Sends the next fragment of a text message (section 5.4), for messages whose parts become known one by one. The
    /// first call begins the message; control frames may go between, other messages may not.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text); [`MessageUnderWay`](SendError::MessageUnderWay) between the fragments of a binary
    /// message.
    pub fn send_text_fragment(&mut self, text: &str, fin: Fin) -> Result<(), SendError> {
        self.send_fragment(Opcode::Text, text.as_bytes(), fin)
    }

    /// [`send_text_fragment`](Self::send_text_fragment) for a binary message.
    ///
    /// # Errors
    ///
    /// As [`send_text`](Self::send_text); [`MessageUnderWay`](SendError::MessageUnderWay) between the fragments of a text
    /// message.
    pub fn send_binary_fragment(&mut self, data: &[u8], fin: Fin) -> Result<(), SendError> {
        self.send_fragment(Opcode::Binary, data, fin)
    }

    /// Sends a Ping (section 5.5.2) with up to 125 bytes that the Pong will repeat.
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed), [`OutputFull`](SendError::OutputFull), [`ControlTooLong`](SendError::ControlTooLong).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_control(Opcode::Ping, payload)
    }

    /// Sends an unsolicited Pong (section 5.5.3): a sign of life that asks for no answer.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, payload)
    }

    /// Starts the closing handshake (section 7.1.2). Messages that the peer had already sent still arrive; when its
    /// Close frame does, or [`Config::close_timeout`](crate::Config::close_timeout) has passed, the state is
    /// [`Closed`](State::Closed).
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed) when a Close frame was sent before, [`InvalidCloseCode`](SendError::InvalidCloseCode),
    /// [`ReasonTooLong`](SendError::ReasonTooLong) for more than 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if self.state() != State::Open {
            return Err(SendError::Closed);
        }
        if !code.is_sendable() {
            return Err(SendError::InvalidCloseCode);
        }
        if reason.len() > CloseFrame::MAX_REASON_LEN {
            return Err(SendError::ReasonTooLong);
        }
        self.queue_close(code, reason);
        self.timers.start_closing(self.config.close_timeout);
        Ok(())
    }

    /// Queues a Close frame, unless one has been sent.
    pub(super) fn queue_close(&mut self, code: CloseCode, reason: &str) {
        let mut payload = [0; 125];
        let len = CloseFrame { code, reason }.encode(&mut payload).unwrap_or_default();
        self.queue_close_payload(code, payload.get(..len).unwrap_or_default());
    }

    pub(super) fn queue_empty_close(&mut self) {
        self.queue_close_payload(CloseCode::NO_STATUS, &[]);
    }

    fn queue_close_payload(&mut self, code: CloseCode, payload: &[u8]) {
        if self.closing.has_sent() {
            return;
        }
        self.append_pong_owed();
        let header = self.header(Opcode::Close, Fin::Final, payload.len());
        self.output.append_frame(&header, payload);
        self.closing.send(code);
        self.expect_common();
    }

    /// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close
    /// frame" (section 5.5.2): behind our own Close frame, too. While answers pile up because the peer does not read, "the
    /// endpoint MAY elect to send a Pong frame for only the most recently processed Ping" (5.5.3).
    pub(super) fn owe_pong(&mut self, payload: &[u8]) {
        if self.pong_owed.is_none() && self.output.takes_pong() {
            self.append_pong(payload);
        } else {
            match &mut self.pong_owed {
                Some(owed) if owed.len() == payload.len() => owed.copy_from_slice(payload),
                owed => *owed = Some(payload.into()),
            }
        }
    }

    /// Queues the Pong owed once the others have been written.
    #[inline]
    pub(super) fn settle_pong(&mut self) {
        if self.pong_owed.is_some() && self.output.takes_pong() {
            self.append_pong_owed();
        }
    }

    fn append_pong_owed(&mut self) {
        if let Some(payload) = self.pong_owed.take() {
            self.append_pong(&payload);
        }
    }

    fn append_pong(&mut self, payload: &[u8]) {
        let header = self.header(Opcode::Pong, Fin::Final, payload.len());
        self.output.append_frame(&header, payload);
        self.output.mark_pong();
    }

    #[inline]
    fn send_copied(&mut self, opcode: Opcode, data: &[u8]) -> Result<(), SendError> {
        match self.send_short(opcode, data) {
            Some(()) => Ok(()),
            None => self.send_any(opcode, data),
        }
    }

    fn send_any(&mut self, opcode: Opcode, data: &[u8]) -> Result<(), SendError> {
        self.check_message(data.len())?;
        let header = self.header(opcode, Fin::Final, data.len());
        self.output.append_frame(&header, data);
        Ok(())
    }

    fn send_fragment(&mut self, kind: Opcode, data: &[u8], fin: Fin) -> Result<(), SendError> {
        self.check(data.len())?;
        let opcode = match self.sending {
            None => kind,
            Some(sending) if sending == kind => Opcode::Continuation,
            Some(_) => return Err(SendError::MessageUnderWay),
        };
        let header = self.header(opcode, fin, data.len());
        self.output.append_frame(&header, data);
        self.sending = match fin {
            Fin::More => Some(kind),
            Fin::Final => None,
        };
        self.expect_common();
        Ok(())
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > 125 {
            return Err(SendError::ControlTooLong);
        }
        self.check(payload.len())?;
        let header = self.header(opcode, Fin::Final, payload.len());
        self.output.append_frame(&header, payload);
        Ok(())
    }

    #[inline]
    fn check_message(&self, len: usize) -> Result<(), SendError> {
        self.check(len)?;
        if self.sending.is_some() { Err(SendError::MessageUnderWay) } else { Ok(()) }
    }

    /// "An endpoint MUST ensure the WebSocket connection is in the OPEN state" (section 6.1).
    fn check(&self, len: usize) -> Result<(), SendError> {
        if self.state() != State::Open {
            return Err(SendError::Closed);
        }
        self.check_room(len)
    }

    #[inline]
    fn check_room(&self, len: usize) -> Result<(), SendError> {
        if self.has_room(len) {
            Ok(())
        } else if len.saturating_add(FrameHeader::MAX_LEN) > self.config.max_output_len {
            Err(SendError::MessageTooLong)
        } else {
            Err(SendError::OutputFull)
        }
    }

    /// Whether a frame with a payload of that length may be queued.
    #[inline]
    pub(super) fn has_room(&self, len: usize) -> bool {
        let room = self.config.max_output_len.checked_sub(self.output.len());
        room.is_some_and(|room| len.saturating_add(FrameHeader::MAX_LEN) <= room)
    }

    fn masks(&self) -> bool {
        !matches!(self.keys, Keys::Unmasked)
    }

    fn header(&mut self, opcode: Opcode, fin: Fin, payload_len: usize) -> FrameHeader {
        let mask = self.next_key();
        FrameHeader { fin: fin == Fin::Final, rsv1: false, opcode, mask, payload_len: payload_len as u64 }
    }

    /// "A masking key … MUST be chosen afresh for each frame" (section 5.3): one is drawn here for each.
    #[inline]
    fn next_key(&mut self) -> Option<MaskKey> {
        match &mut self.keys {
            Keys::Unmasked => None,
            #[cfg(feature = "std")]
            Keys::Thread => Some(MaskKey::random()),
            Keys::Custom(keys) => Some(keys.next_key()),
        }
    }
}
