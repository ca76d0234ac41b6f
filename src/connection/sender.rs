//! Messages to frames: state, limits, fragments, control frames, timers.

use alloc::boxed::Box;
use alloc::sync::Arc;

use bytes::Bytes;

use super::clock::keepalive;
#[cfg(feature = "deflate")]
use super::deflation::Deflation;
use super::keys::Keys;
use super::lifecycle::{CloseInfo, Lifecycle, ShutdownStep, State};
use super::output::{Output, REFERENCED_FROM};
use super::round_trip::RoundTrip;
use super::timers::Timers;
use crate::config::Config;
#[cfg(feature = "std")]
use crate::error::Error;
use crate::error::{ProtocolError, SendError};
use crate::frame::{CloseCode, CloseFrame, FrameHeader, Opcode};
use crate::message::{Outgoing, Part, Payload};
use crate::role::Role;

/// The sending side of a [`Connection`](super::Connection): queued output, mask keys, state and timers.
///
/// The methods that send queue whole frames in the [`output`](Self::output) and return at once. On an error nothing is
/// queued and the connection goes on.
pub struct Sender {
    pub(super) config: Arc<Config>,
    pub(super) keys: Keys,
    pub(super) output: Output,
    rare: Option<Box<Rare>>,
    pub(super) lifecycle: Lifecycle,
    pub(super) timers: Timers,
    pub(super) round_trip: RoundTrip,
    #[cfg(feature = "deflate")]
    pub(super) deflation: Option<Box<Deflation>>,
    #[cfg(debug_assertions)]
    pub(super) id: u32,
}

/// What most connections do without.
#[derive(Default)]
struct Rare {
    /// The payload of the newest Ping, if its Pong had no room in the output.
    pong_owed: Option<Box<[u8]>>,
    subprotocol: Option<Box<str>>,
}

impl Sender {
    #[inline]
    pub(super) fn new(
        config: Arc<Config>,
        keys: Keys,
        subprotocol: Option<&str>,
        output: Output,
        _id: u32,
    ) -> Self {
        Self {
            keys,
            output,
            rare: subprotocol.map(|name| Box::new(Rare { pong_owed: None, subprotocol: Some(name.into()) })),
            lifecycle: Lifecycle::default(),
            timers: Timers::new(keepalive(&config)),
            round_trip: RoundTrip::default(),
            #[cfg(feature = "deflate")]
            deflation: None,
            config,
            #[cfg(debug_assertions)]
            id: _id,
        }
    }

    /// Sends a message in one frame, or a fragment of a message. See [`Outgoing`] for what can be sent.
    ///
    /// # Errors
    ///
    /// - [`Closed`](SendError::Closed) after a Close frame was sent or the connection failed.
    /// - [`OutputFull`](SendError::OutputFull) if more than [`Config::max_output_len`] bytes would wait. Write some of the
    ///   output, then try again.
    /// - [`MessageTooLong`](SendError::MessageTooLong) for a message longer than that limit.
    /// - [`MessageUnderWay`](SendError::MessageUnderWay) for a message, or a fragment of the other type, between the
    ///   fragments of a message.
    #[inline]
    pub fn send<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<(), SendError> {
        let message = message.into();
        if !message.is_plain_message() || !self.lifecycle.sends_plain_messages() {
            return self.send_any(message);
        }
        match self.send_short(message.opcode, message.payload()) {
            Some(()) => Ok(()),
            None => match message.payload {
                Payload::Borrowed(data) => self.send_plain(message.opcode, data, None),
                Payload::Shared(data) => self.send_plain(message.opcode, data, Some(data)),
                Payload::Prepared(_) => self.send_any(message),
            },
        }
    }

    /// Sends a message and writes once, the output before it included. A server's large borrowed payload goes to the stream
    /// without a copy; only what the stream does not take is copied to the output.
    ///
    /// ```
    /// use sansocket::{Config, Connection};
    ///
    /// let mut connection = Connection::server(Config::default());
    /// let mut stream = Vec::new();
    /// connection.send("before")?;
    /// connection.send_and_write(&[0; 100_000], &mut stream)?;
    /// assert_eq!((stream.len(), connection.buffered_amount()), (8 + 100_010, 0));
    /// # Ok::<(), sansocket::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Send`] as [`send`](Self::send): nothing was sent or written. [`Error::Io`] as [`Output::write_to`],
    /// `WouldBlock` included: the message was sent, and what the stream did not take waits in the output.
    #[cfg(feature = "std")]
    pub fn send_and_write<'a, W: std::io::Write + ?Sized>(
        &mut self,
        message: impl Into<Outgoing<'a>>,
        stream: &mut W,
    ) -> Result<(), Error> {
        let message = message.into();
        match message.payload {
            Payload::Borrowed(data)
                if data.len() >= REFERENCED_FROM && !self.masks() && !self.compresses(&message) =>
            {
                self.check(data.len())?;
                let header = self.next_header(&message)?;
                self.output.write_frame_to(stream, &header, data)?;
            }
            _ => {
                self.send(message)?;
                self.output.write_to(stream)?;
            }
        }
        Ok(())
    }

    /// Sends a Ping (section 5.5.2) with at most 125 bytes, which the Pong repeats. [`latency`](Self::latency) has the time.
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed), [`OutputFull`](SendError::OutputFull), [`ControlTooLong`](SendError::ControlTooLong).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_control(Opcode::Ping, payload)?;
        self.round_trip.ping(payload);
        Ok(())
    }

    /// Sends an unsolicited Pong (section 5.5.3): a sign of life that asks for no answer. Pings of the peer are answered
    /// without this.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, payload)
    }

    /// Starts the closing handshake (section 7.1.2). Messages that the peer had already sent still arrive. The state becomes
    /// [`Closed`](State::Closed) when the peer's Close frame comes, or after [`Config::close_timeout`].
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed) if a Close frame was sent before, [`InvalidCloseCode`](SendError::InvalidCloseCode),
    /// [`ReasonTooLong`](SendError::ReasonTooLong) for more than 123 bytes.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.check_open()?;
        let mut payload = [0; 125];
        let len = CloseFrame { code, reason }.encode(&mut payload)?;
        self.queue_close(code, payload.get(..len).unwrap_or_default());
        self.timers.start_closing();
        Ok(())
    }

    /// What waits to be written. Call this before each write: it may add a Pong for which there was no room before.
    #[inline]
    pub fn output(&mut self) -> &mut Output {
        if self.owes_pong() && self.output.takes_pong() {
            self.append_pong_owed();
        }
        &mut self.output
    }

    /// How many bytes wait to be written: a browser's `bufferedAmount`, plus frame headers.
    pub fn buffered_amount(&self) -> usize {
        self.output.len()
    }

    /// How far the connection is on its way to being closed.
    #[inline]
    pub fn state(&self) -> State {
        self.lifecycle.state()
    }

    /// How the connection ended or is ending. `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.lifecycle.info()
    }

    /// How to end the transport, in this order, once the state is [`Closed`](State::Closed). All steps together may take
    /// [`Config::close_timeout`]. After that, or after an error of the stream, drop the stream. There are no steps before the
    /// state is `Closed`, and none if the connection was lost.
    pub fn shutdown_steps(&self) -> &'static [ShutdownStep] {
        self.lifecycle.shutdown_steps(self.role())
    }

    /// The subprotocol (section 4.1), if the opening handshake was done by this crate and chose one.
    pub fn subprotocol(&self) -> Option<&str> {
        self.rare.as_ref()?.subprotocol.as_deref()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Which end this is.
    #[inline]
    pub fn role(&self) -> Role {
        if self.masks() { Role::Client } else { Role::Server }
    }

    /// [`send`](Self::send) of a message that the program has given away already.
    #[cfg(any(feature = "tokio", feature = "smol"))]
    pub(crate) fn send_beyond_limit(&mut self, message: &crate::message::Message) -> Result<(), SendError> {
        self.check_open()?;
        let message = message.into();
        #[cfg(feature = "deflate")]
        if self.compresses(&message) {
            return self.queue_deflated(&message);
        }
        self.queue(message)
    }

    /// What ended the connection, unless that was a closing handshake.
    pub(crate) fn fault(&self) -> Option<ProtocolError> {
        self.lifecycle.fault()
    }

    /// Whether this end began the closing handshake.
    #[cfg(feature = "tracing")]
    pub(crate) fn began_closing(&self) -> bool {
        self.timers.is_closing()
    }

    /// The transport is gone or useless.
    pub(crate) fn lose(&mut self) {
        self.lifecycle.fail(ProtocolError::ConnectionLost);
        self.stop();
    }

    /// No Pong is owed and no timer runs after the end.
    fn stop(&mut self) {
        self.take_pong_owed();
        self.timers.stop();
        self.round_trip.stop();
    }

    /// Fails the connection if `given` is an error. Gives the fault that ended the connection, which may be an earlier one.
    #[inline]
    pub(super) fn or_fail<T>(&mut self, given: Result<T, ProtocolError>) -> Result<T, ProtocolError> {
        given.map_err(|error| {
            self.fail(error);
            self.fault().unwrap_or(error)
        })
    }

    /// "_Fail the WebSocket Connection_" (section 7.1.7): queues the Close frame that tells the peer why.
    #[cold]
    pub(crate) fn fail(&mut self, error: ProtocolError) {
        if self.lifecycle.is_closed() {
            return;
        }
        self.answer_close(Some(CloseFrame { code: error.close_code(), reason: error.as_str() }));
        self.lifecycle.fail(error);
        self.stop();
    }

    /// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close
    /// frame" (section 5.5.2). That holds after our own Close frame. While the peer does not read its Pongs, "the endpoint
    /// MAY elect to send a Pong frame for only the most recently processed Ping" (section 5.5.3).
    pub(super) fn receive_ping(&mut self, payload: &[u8]) {
        if !self.owes_pong() && self.output.takes_pong() {
            self.append_pong(payload);
        } else {
            match &mut self.rare.get_or_insert_default().pong_owed {
                Some(owed) if owed.len() == payload.len() => owed.copy_from_slice(payload),
                owed => *owed = Some(payload.into()),
            }
        }
    }

    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a Close
    /// frame in response … typically echos the status code it received" (section 5.5.1). Ours has that code and no reason.
    pub(super) fn receive_close(&mut self, frame: Option<CloseFrame<'_>>) {
        self.answer_close(frame.map(|frame| CloseFrame { reason: "", ..frame }));
        self.lifecycle.receive_close(frame);
        self.stop();
    }

    fn answer_close(&mut self, frame: Option<CloseFrame<'_>>) {
        if self.lifecycle.has_sent_close() {
            return;
        }
        let mut payload = [0; 125];
        let len = frame.and_then(|frame| frame.encode(&mut payload).ok()).unwrap_or_default();
        let code = frame.map_or(CloseCode::NO_STATUS, |frame| frame.code);
        self.queue_close(code, payload.get(..len).unwrap_or_default());
    }

    fn queue_close(&mut self, code: CloseCode, payload: &[u8]) {
        self.append_pong_owed();
        self.append_control(Opcode::Close, payload);
        self.lifecycle.send_close(code);
    }

    #[inline]
    fn owes_pong(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.pong_owed.is_some())
    }

    fn take_pong_owed(&mut self) -> Option<Box<[u8]>> {
        self.rare.as_mut()?.pong_owed.take()
    }

    fn append_pong_owed(&mut self) {
        if let Some(payload) = self.take_pong_owed() {
            self.append_pong(&payload);
        }
    }

    fn append_pong(&mut self, payload: &[u8]) {
        self.append_control(Opcode::Pong, payload);
        self.output.mark_pong();
    }

    fn append_control(&mut self, opcode: Opcode, payload: &[u8]) {
        let header = self.header(opcode, true, payload.len());
        self.output.append_frame(&header, payload);
    }

    /// [`send`](Self::send) of a whole message that is not short. Only its length can be wrong. The arguments
    /// fit in registers.
    #[inline(never)]
    fn send_plain(&mut self, opcode: Opcode, data: &[u8], shared: Option<&Bytes>) -> Result<(), SendError> {
        self.check_room(data.len())?;
        let header = self.header(opcode, true, data.len());
        self.append(&header, data, shared);
        Ok(())
    }

    /// [`send`](Self::send) of everything else.
    #[inline(never)]
    fn send_any(&mut self, message: Outgoing<'_>) -> Result<(), SendError> {
        #[cfg(feature = "deflate")]
        if self.compresses(&message) {
            return self.send_deflated(&message);
        }
        self.check(message.payload().len())?;
        self.queue(message)
    }

    /// Queues a message as it is: frame, mask, queue.
    #[inline]
    fn queue(&mut self, message: Outgoing<'_>) -> Result<(), SendError> {
        let header = self.next_header(&message)?;
        match message.payload {
            Payload::Prepared(prepared) if header.mask.is_none() => {
                self.output.append_encoded(prepared.plain().frame());
            }
            Payload::Shared(data) => self.append(&header, data, Some(data)),
            _ => self.append(&header, message.payload(), None),
        }
        Ok(())
    }

    /// Queues a frame, without a copy of its payload if that is long and `shared`.
    #[inline(always)]
    fn append(&mut self, header: &FrameHeader, data: &[u8], shared: Option<&Bytes>) {
        match shared {
            Some(shared) if header.mask.is_none() && data.len() >= REFERENCED_FROM => {
                self.output.append_frame_by_reference(header, shared);
            }
            _ => self.output.append_frame(header, data),
        }
    }

    /// Checks whether a message or fragment may come next, and makes the header of its frame.
    #[inline]
    pub(super) fn next_header(&mut self, message: &Outgoing<'_>) -> Result<FrameHeader, SendError> {
        let (opcode, fin) = self.next_opcode(message)?;
        self.lifecycle.send_fragment((!fin).then_some(message.opcode));
        Ok(self.header(opcode, fin, message.payload().len()))
    }

    /// The opcode of the next frame, and whether it ends its message.
    #[inline]
    fn next_opcode(&self, message: &Outgoing<'_>) -> Result<(Opcode, bool), SendError> {
        Ok(match (message.part, self.lifecycle.message()) {
            (Part::WholeMessage, None) => (message.opcode, true),
            (Part::Fragment { fin }, None) => (message.opcode, fin),
            (Part::Fragment { fin }, Some(kind)) if kind == message.opcode => (Opcode::Continuation, fin),
            (_, Some(_)) => return Err(SendError::MessageUnderWay),
        })
    }

    /// Whether this message or fragment is compressed.
    #[cfg(all(feature = "std", not(feature = "deflate")))]
    fn compresses(&self, _: &Outgoing<'_>) -> bool {
        false
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > 125 {
            return Err(SendError::ControlTooLong);
        }
        self.check(payload.len())?;
        self.append_control(opcode, payload);
        Ok(())
    }

    /// "An endpoint MUST ensure the WebSocket connection is in the OPEN state" (section 6.1).
    #[inline]
    fn check_open(&self) -> Result<(), SendError> {
        if self.state() == State::Open { Ok(()) } else { Err(SendError::Closed) }
    }

    /// Whether a frame with a payload of `len` bytes may be sent.
    #[inline]
    pub(super) fn check(&self, len: usize) -> Result<(), SendError> {
        self.check_open()?;
        self.check_room(len)
    }

    #[inline]
    fn check_room(&self, len: usize) -> Result<(), SendError> {
        if self.has_room(len) {
            return Ok(());
        }
        let (len, limit) = (len.saturating_add(FrameHeader::MAX_LEN), self.config.max_output_len);
        Err(if len > limit { SendError::MessageTooLong { len, limit } } else { SendError::OutputFull })
    }

    /// Whether a frame with a payload of `len` bytes may be queued.
    #[inline]
    pub(super) fn has_room(&self, len: usize) -> bool {
        let room = self.config.max_output_len.checked_sub(self.output.len());
        room.is_some_and(|room| len.saturating_add(FrameHeader::MAX_LEN) <= room)
    }

    #[inline]
    fn masks(&self) -> bool {
        self.keys.mask()
    }

    #[inline]
    fn header(&mut self, opcode: Opcode, fin: bool, payload_len: usize) -> FrameHeader {
        let mask = self.keys.next();
        FrameHeader { fin, rsv1: false, opcode, mask, payload_len: payload_len as u64 }
    }
}

impl core::fmt::Debug for Sender {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender")
            .field("role", &self.role())
            .field("state", &self.state())
            .field("buffered_amount", &self.buffered_amount())
            .finish_non_exhaustive()
    }
}
