//! The one place where a connection's state changes.

use alloc::boxed::Box;

use crate::error::ProtocolError;
use crate::frame::{CloseCode, CloseFrame};

/// How far the connection is on its way to being closed (section 7.1).
///
/// ```text
///                 close() ──▶ Close sent            Close received, Close sent
///   Open ───────────────────────────────▶ Closing ─────────────────────────────▶ Closed
///     │ Close received: answered at once                                            ▲
///     ├─────────────────────────────────────────────────────────────────────────────┤
///     │ the peer broke a rule: Close sent, input discarded                          │
///     └ end of stream, or a timer gave up (from Closing too) ───────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Messages go both ways.
    Open,
    /// A Close frame was sent; the peer's is awaited, and messages that it had already sent still arrive.
    Closing,
    /// Nothing more is received or queued. What is still in the [`Output`](super::Output) should be written, then the
    /// transport ends.
    Closed,
}

#[derive(Debug, Default)]
pub(crate) struct Closing {
    sent: Option<CloseCode>,
    received: Option<Box<Received>>,
    fault: Option<ProtocolError>,
}

#[derive(Debug)]
struct Received {
    code: CloseCode,
    reason: Box<str>,
}

/// How a connection ended (sections 7.1.4 to 7.1.6); a browser's `CloseEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseInfo {
    /// The code in the peer's Close frame; [`CloseCode::NO_STATUS`] where it had none, [`CloseCode::ABNORMAL`] where no
    /// Close frame came (yet).
    pub code: CloseCode,
    /// The reason in the peer's Close frame, or nothing.
    pub reason: Box<str>,
    /// Whether the closing handshake was completed.
    pub was_clean: bool,
    /// The code that this end sent, [`CloseCode::NO_STATUS`] for a Close frame without one.
    pub sent: Option<CloseCode>,
    /// What the peer did wrong, if that is what ended the connection.
    pub fault: Option<ProtocolError>,
}

impl Closing {
    pub(crate) fn state(&self) -> State {
        match (self.fault, self.sent, &self.received) {
            (Some(_), _, _) | (None, Some(_), Some(_)) => State::Closed,
            (None, None, None) => State::Open,
            (None, _, _) => State::Closing,
        }
    }

    pub(crate) fn fault(&self) -> Option<ProtocolError> {
        self.fault
    }

    pub(crate) fn info(&self) -> Option<CloseInfo> {
        if self.state() == State::Open {
            return None;
        }
        Some(CloseInfo {
            code: self.received.as_ref().map_or(CloseCode::ABNORMAL, |received| received.code),
            reason: self.received.as_ref().map_or(Box::default(), |received| received.reason.clone()),
            was_clean: self.state() == State::Closed && self.fault.is_none(),
            sent: self.sent,
            fault: self.fault,
        })
    }

    pub(crate) fn has_sent(&self) -> bool {
        self.sent.is_some()
    }

    pub(crate) fn send(&mut self, code: CloseCode) {
        self.sent = Some(code);
    }

    pub(crate) fn receive(&mut self, frame: Option<CloseFrame<'_>>) {
        let (code, reason) = frame.map_or((CloseCode::NO_STATUS, ""), |frame| (frame.code, frame.reason));
        self.received = Some(Box::new(Received { code, reason: reason.into() }));
    }

    pub(crate) fn fail(&mut self, error: ProtocolError) {
        self.fault = self.fault.or(Some(error));
    }

    pub(crate) fn lose(&mut self) {
        if self.state() != State::Closed {
            self.fail(ProtocolError::ConnectionLost);
        }
    }
}
