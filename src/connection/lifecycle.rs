//! The one state of a connection, and the one place where it changes.

use alloc::boxed::Box;

use crate::error::ProtocolError;
use crate::frame::{CloseCode, CloseFrame, Opcode};
use crate::role::Role;

/// How far the connection is on its way to being closed (section 7.1).
///
/// ```text
///                 close() ──▶ Close sent            Close received, Close sent
///   Open ───────────────────────────────▶ Closing ─────────────────────────────▶ Closed
///     │ Close received: answered at once                                            ▲
///     ├─────────────────────────────────────────────────────────────────────────────┤
///     │ the peer broke a rule: Close sent, input discarded                          │
///     └ end of stream, or a deadline passed (from Closing too) ─────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Messages go both ways.
    Open,
    /// This end sent a Close frame. The peer's Close frame is awaited; messages that it had already sent still arrive.
    Closing,
    /// Nothing more is received or queued. Write what is still in the [`Output`](super::Output), then end the transport:
    /// [`shutdown_steps`](super::Sender::shutdown_steps) says how.
    Closed,
}

/// One step on the way to the end of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShutdownStep {
    /// Write the [`Output`](super::Output) until it is empty.
    Write,
    /// Tell the peer that nothing more will be written: TCP's FIN, TLS's `close_notify`.
    ShutdownWrite,
    /// Read and discard until the peer ends the stream. A socket that is closed with unread bytes is reset, and a reset
    /// destroys what the peer has not read yet.
    Discard,
}

impl ShutdownStep {
    /// This end closes first: a server, and either role after a fault.
    pub(crate) const FIRST: &'static [Self] = &[Self::Write, Self::ShutdownWrite, Self::Discard];
    /// The peer closes first.
    const SECOND: &'static [Self] = &[Self::Write, Self::Discard, Self::ShutdownWrite];
}

/// How a connection ended (sections 7.1.4 to 7.1.6), like a browser's `CloseEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseInfo {
    /// The code in the peer's Close frame. [`CloseCode::NO_STATUS`] if the frame had none, [`CloseCode::ABNORMAL`] while no
    /// Close frame has come.
    pub code: CloseCode,
    /// The reason in the peer's Close frame, or the empty string.
    pub reason: Box<str>,
    /// Whether the closing handshake was completed.
    pub was_clean: bool,
    /// The code that this end sent: [`CloseCode::NO_STATUS`] for a Close frame without one, `None` for no Close frame.
    pub sent: Option<CloseCode>,
    /// The fault of the peer that ended the connection.
    pub fault: Option<ProtocolError>,
}

#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    phase: Phase,
    #[cfg(feature = "deflate")]
    compresses: bool,
    sent: Option<CloseCode>,
    end: Option<Box<End>>,
}

/// What may be sent, from most to least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Open, and messages may be compressed.
    #[cfg(feature = "deflate")]
    OpenCompressing,
    /// Open, and a message of this type is being sent in fragments.
    InMessage(Opcode),
    Closing,
    Closed,
}

#[derive(Debug, Default)]
struct End {
    received: Option<(CloseCode, Box<str>)>,
    fault: Option<ProtocolError>,
}

impl Lifecycle {
    #[inline]
    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closing => State::Closing,
            Phase::Closed => State::Closed,
            _ => State::Open,
        }
    }

    /// Whether a new message may be sent, and is not compressed.
    #[inline]
    pub(super) fn sends_plain_messages(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Messages may be compressed from now on.
    #[cfg(feature = "deflate")]
    pub(super) fn compress(&mut self) {
        self.compresses = true;
        self.phase = self.open();
    }

    /// Open, and no message is under way.
    fn open(&self) -> Phase {
        #[cfg(feature = "deflate")]
        if self.compresses {
            return Phase::OpenCompressing;
        }
        Phase::Open
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The type of the message that is being sent in fragments.
    pub(super) fn message(&self) -> Option<Opcode> {
        match self.phase {
            Phase::InMessage(kind) => Some(kind),
            _ => None,
        }
    }

    /// A fragment was sent. `message` is the type of its message if more fragments follow.
    pub(super) fn send_fragment(&mut self, message: Option<Opcode>) {
        if self.state() == State::Open {
            self.phase = message.map_or(self.open(), Phase::InMessage);
        }
    }

    pub(super) fn has_sent_close(&self) -> bool {
        self.sent.is_some()
    }

    pub(super) fn send_close(&mut self, code: CloseCode) {
        self.sent = Some(code);
        if self.state() == State::Open {
            self.phase = Phase::Closing;
        }
    }

    /// The peer's Close frame has come. The caller has answered it, or had sent one before.
    pub(super) fn receive_close(&mut self, frame: Option<CloseFrame<'_>>) {
        let (code, reason) = frame.map_or((CloseCode::NO_STATUS, ""), |frame| (frame.code, frame.reason));
        self.end.get_or_insert_default().received = Some((code, reason.into()));
        self.phase = Phase::Closed;
    }

    /// The connection has failed. Only the first end counts.
    pub(super) fn fail(&mut self, error: ProtocolError) {
        if self.phase != Phase::Closed {
            self.end.get_or_insert_default().fault = Some(error);
            self.phase = Phase::Closed;
        }
    }

    pub(super) fn fault(&self) -> Option<ProtocolError> {
        self.end.as_ref().and_then(|end| end.fault)
    }

    pub(super) fn info(&self) -> Option<CloseInfo> {
        if self.state() == State::Open {
            return None;
        }
        let received = self.end.as_ref().and_then(|end| end.received.clone());
        let (code, reason) = received.unwrap_or((CloseCode::ABNORMAL, Box::default()));
        let was_clean = self.is_closed() && self.fault().is_none();
        Some(CloseInfo { code, reason, was_clean, sent: self.sent, fault: self.fault() })
    }

    pub(super) fn shutdown_steps(&self, role: Role) -> &'static [ShutdownStep] {
        match (self.state(), self.fault(), role) {
            (State::Open | State::Closing, _, _) => &[],
            (State::Closed, Some(ProtocolError::ConnectionLost), _) => &[],
            // "In most normal cases", the TCP connection is "closed first by the server" (section 7.1.1).
            (State::Closed, None, Role::Client) => ShutdownStep::SECOND,
            (State::Closed, _, _) => ShutdownStep::FIRST,
        }
    }
}
