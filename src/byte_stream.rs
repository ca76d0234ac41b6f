//! A connection as a stream of bytes: what the shells share.
//!
//! Bytes of binary messages come out of [`Intake`], in order. Bytes that are written become binary messages in [`Gather`].

use std::io::{self, ErrorKind, IoSlice};
use std::string::ToString as _;
use std::vec::Vec;

use alloc::boxed::Box;

use crate::connection::{CloseInfo, Found, Receiver, Sender, State};
use crate::error::{Error, ProtocolError, SendError};
use crate::frame::{CloseCode, FrameHeader};

/// The default length of the messages that a byte stream makes: with its header, what one read of
/// [`Config::read_len`](crate::Config::read_len) takes.
const MESSAGE_LEN: usize = 16 << 10;

/// The reason in the Close frame for text.
pub(crate) const NO_TEXT: &str = "text on a stream of bytes";

/// Why a byte stream failed: what is inside of its [`io::Error`], unless that is an error of the stream below.
///
/// ```
/// use sansocket::{ByteStreamError, CloseCode};
///
/// /// Whether the server wants its clients to come back later.
/// fn is_overloaded(error: &std::io::Error) -> bool {
///     let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
///     matches!(inner, Some(ByteStreamError::Closed { code: CloseCode::TRY_AGAIN_LATER, .. }))
/// }
/// # assert!(!is_overloaded(&std::io::ErrorKind::TimedOut.into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ByteStreamError {
    /// `InvalidData`: the peer sent a text message. It has been sent a Close frame with
    /// [`UNSUPPORTED`](CloseCode::UNSUPPORTED).
    #[error("the peer sent a text message on a stream of bytes")]
    Text,
    /// `ConnectionAborted`: the peer closed the connection with a code other than 1000 and 1001.
    #[error("the peer closed the connection with code {code}: {reason:?}")]
    Closed {
        /// The code in the peer's Close frame.
        code: CloseCode,
        /// The reason in the peer's Close frame, or the empty string.
        reason: Box<str>,
    },
    /// `UnexpectedEof` if the connection was lost, `InvalidData` if the peer broke a rule. `BrokenPipe` for a write.
    #[error(transparent)]
    Protocol(ProtocolError),
    /// `BrokenPipe` if the connection is closing or closed, otherwise `InvalidInput`.
    #[error(transparent)]
    Send(SendError),
}

impl From<ByteStreamError> for io::Error {
    fn from(error: ByteStreamError) -> Self {
        let kind = match error {
            ByteStreamError::Text => ErrorKind::InvalidData,
            ByteStreamError::Closed { .. } => ErrorKind::ConnectionAborted,
            ByteStreamError::Protocol(ProtocolError::ConnectionLost) => ErrorKind::UnexpectedEof,
            ByteStreamError::Protocol(_) => ErrorKind::InvalidData,
            ByteStreamError::Send(SendError::Closed) => ErrorKind::BrokenPipe,
            ByteStreamError::Send(_) => ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

/// The error of a read.
pub(crate) fn read_error(error: Error) -> io::Error {
    match error {
        Error::Protocol(error) => ByteStreamError::Protocol(error).into(),
        Error::Send(error) => ByteStreamError::Send(error).into(),
        Error::Io(error) => error,
        Error::Handshake(error) => io::Error::other(error.to_string()),
    }
}

/// The error of a write. A connection that is gone takes nothing.
pub(crate) fn write_error(error: Error) -> io::Error {
    match error {
        Error::Protocol(error) => io::Error::new(ErrorKind::BrokenPipe, ByteStreamError::Protocol(error)),
        error => read_error(error),
    }
}

/// What the end of the connection is to a reader: the end of the file, or an error.
pub(crate) fn end_of_file(info: Option<CloseInfo>) -> io::Result<()> {
    let Some(CloseInfo { code, reason, fault, .. }) = info else { return Ok(()) };
    match (fault, code) {
        (Some(fault), _) => Err(ByteStreamError::Protocol(fault).into()),
        (None, CloseCode::NORMAL | CloseCode::GOING_AWAY | CloseCode::NO_STATUS) => Ok(()),
        (None, _) => Err(ByteStreamError::Closed { code, reason }.into()),
    }
}

/// How far the chunk that was found has been read.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// A chunk with bytes that have not been read. The receiver keeps it.
    current: Option<Found>,
    /// How many bytes of it have been read.
    read: usize,
    pub(crate) text: Text,
}

/// What becomes of text messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Text {
    #[default]
    Refused,
    Accepted,
    /// A text message has come, which is not accepted. Nothing is read any more.
    HasCome,
}

impl Intake {
    /// The chunk that is being read.
    pub(crate) fn current(&self) -> Option<Found> {
        self.current
    }

    /// Takes in the chunk that was found. Text that is not accepted is left alone: see [`Text::HasCome`].
    ///
    /// On an error the sender has to fail, too.
    pub(crate) fn take_in(&mut self, receiver: &mut Receiver, found: Found) -> Result<(), ProtocolError> {
        if found.is_text() && self.text == Text::Refused {
            self.text = Text::HasCome;
            receiver.forget_found();
            return Ok(());
        }
        receiver.check_found(found)?;
        self.current = Some(found);
        self.consume(receiver, 0);
        Ok(())
    }

    /// What has not been read of the current chunk.
    pub(crate) fn rest<'a>(&self, receiver: &'a Receiver) -> &'a [u8] {
        let chunk = self.current.map_or(&[][..], |found| receiver.found_bytes(found));
        chunk.get(self.read..).unwrap_or_default()
    }

    /// The next `n` bytes have been read. At its end the chunk is forgotten.
    pub(crate) fn consume(&mut self, receiver: &mut Receiver, n: usize) {
        let rest = self.rest(receiver).len();
        if n < rest {
            self.read += n;
        } else if self.current.take().is_some() {
            receiver.forget_found();
            self.read = 0;
        }
    }

    /// Reads what fits into `to`.
    pub(crate) fn copy(&mut self, receiver: &mut Receiver, to: &mut [u8]) -> usize {
        let rest = self.rest(receiver);
        let n = rest.len().min(to.len());
        if let (Some(to), Some(rest)) = (to.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(rest);
        }
        self.consume(receiver, n);
        n
    }
}

/// Bytes that were written and wait to become a message.
pub(crate) struct Gather {
    bytes: Vec<u8>,
    pub(crate) message_len: usize,
}

impl Default for Gather {
    fn default() -> Self {
        Self { bytes: Vec::new(), message_len: MESSAGE_LEN }
    }
}

impl Gather {
    /// Takes some of what is in the slices, and gives how many bytes. Each [`message_len`](Self::message_len) bytes become a message.
    /// [`OutputFull`](SendError::OutputFull): nothing was taken; write some of the output first.
    pub(crate) fn write(&mut self, sender: &mut Sender, from: &[IoSlice<'_>]) -> Result<usize, SendError> {
        let mut taken = 0;
        for slice in from {
            let mut rest: &[u8] = slice;
            while !rest.is_empty() {
                match self.take(sender, rest) {
                    Ok(n) => {
                        taken += n;
                        rest = rest.get(n..).unwrap_or_default();
                    }
                    Err(_) if taken > 0 => return Ok(taken),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(taken)
    }

    /// Takes the next bytes, no more than one message of them.
    fn take(&mut self, sender: &mut Sender, from: &[u8]) -> Result<usize, SendError> {
        if sender.state() != State::Open {
            return Err(SendError::Closed);
        }
        if sender.buffered_amount() > sender.config().high_water() {
            return Err(SendError::OutputFull);
        }
        let longest = sender.config().max_output_len.saturating_sub(FrameHeader::MAX_LEN);
        let message_len = self.message_len.min(longest).max(1);
        if self.bytes.len() >= message_len {
            sender.send(&*self.bytes)?;
            self.bytes.clear();
        }
        if self.bytes.is_empty() {
            if let Some(message) = from.get(..message_len) {
                sender.send(message)?;
                return Ok(message_len);
            }
        }
        let (taken, _) = from.split_at_checked(message_len - self.bytes.len()).unwrap_or((from, &[]));
        self.bytes.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Makes a message of what has been gathered, if that is anything.
    pub(crate) fn send(&mut self, sender: &mut Sender) -> Result<(), SendError> {
        if !self.bytes.is_empty() {
            sender.send(&*self.bytes)?;
            // An idle connection holds no buffers.
            self.bytes = Vec::new();
        }
        Ok(())
    }
}

impl core::fmt::Debug for Gather {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Gather").field("len", &self.bytes.len()).finish_non_exhaustive()
    }
}
