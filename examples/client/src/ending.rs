//! The exit status.

use std::process::ExitCode;

use sansocket::{CloseCode, CloseInfo, Error, HandshakeError, ProtocolError};

/// The table in `main.rs` describes each status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    Agreed = 0,
    ClosedByServer = 1,
    Usage = 2,
    NoConnection = 3,
    Refused = 4,
    RuleBroken = 5,
    Lost = 6,
    InputOrOutput = 7,
    TooFew = 8,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

impl Status {
    pub(crate) fn without_connection(error: &Error) -> Self {
        use HandshakeError::{
            BadHeader, BadSubprotocol, BadUrl, Refused, TimedOut, TlsNeeded, UnexpectedEof,
        };
        match error {
            Error::Handshake(BadUrl(_) | TlsNeeded | BadHeader(_) | BadSubprotocol(_)) => Self::Usage,
            Error::Handshake(Refused(_)) => Self::Refused,
            Error::Handshake(TimedOut | UnexpectedEof) => Self::NoConnection,
            Error::Handshake(_) => Self::RuleBroken,
            _ => Self::NoConnection,
        }
    }

    pub(crate) fn of_fault(error: &Error) -> Self {
        match error {
            Error::Protocol(ProtocolError::ConnectionLost) | Error::Io(_) => Self::Lost,
            _ => Self::RuleBroken,
        }
    }

    /// The status after a closing handshake. `asked` is the code that this end chose.
    pub(crate) fn of_close(info: &CloseInfo, asked: Option<CloseCode>) -> Self {
        match info.code {
            CloseCode::NORMAL | CloseCode::GOING_AWAY | CloseCode::NO_STATUS => Self::Agreed,
            code if Some(code) == asked => Self::Agreed,
            _ => Self::ClosedByServer,
        }
    }
}
