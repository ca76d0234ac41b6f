//! The exit status, and the errors that lead to it.

use std::fmt;
use std::process::ExitCode;

use sansocket::{CloseCode, CloseInfo, Ending, Error, HandshakeError, Message, ProtocolError};

/// The table in `main.rs` describes each status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    Agreed = 0,
    ClosedByPeer = 1,
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
            BadConnector, BadHeader, BadProxy, BadRedirect, BadSubprotocol, BadUrl, MalformedProxy,
            ProxyRefused, Refused, SocksCredentialsRefused, SocksMethodRefused, SocksRefused, TimedOut, Tls,
            TlsUnavailable, TooManyRedirects, UnexpectedEof,
        };
        let Error::Handshake(error) = error else { return Self::NoConnection };
        match error {
            BadUrl(_) | BadHeader(_) | BadSubprotocol(_) | BadProxy(_) | BadConnector(_) => Self::Usage,
            Refused(_) | BadRedirect(_) | TooManyRedirects { .. } => Self::Refused,
            TimedOut | UnexpectedEof | Tls(_) | TlsUnavailable(_) => Self::NoConnection,
            ProxyRefused(_) | MalformedProxy => Self::NoConnection,
            SocksMethodRefused | SocksCredentialsRefused | SocksRefused(_) => Self::NoConnection,
            _ => Self::RuleBroken,
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
            _ => Self::ClosedByPeer,
        }
    }
}

/// How a connection ended.
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) why: Ending,
    /// The first close code that this end chose.
    pub(crate) asked: Option<CloseCode>,
}

/// What ended a connection, and which option would have let it go on.
pub(crate) struct Explained<'a>(pub(crate) &'a Error);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Protocol(ProtocolError::FrameTooLong { len, limit }) => {
                write!(f, "frame of {}", TooLong { len: *len, limit: *limit })
            }
            // The length is that of the frames so far.
            Error::Protocol(ProtocolError::MessageTooLong { len, limit }) => {
                write!(f, "message of at least {}", TooLong { len: *len, limit: *limit })
            }
            error => error.fmt(f),
        }
    }
}

/// A length and the limit that it exceeds.
pub(crate) struct TooLong {
    pub(crate) len: u64,
    pub(crate) limit: u64,
}

impl TooLong {
    /// Whether a message may be sent, or how much too long it is.
    pub(crate) fn check(message: &Message, limit: u64) -> Result<(), String> {
        match message.len() as u64 {
            len if len > limit => Err(Self { len, limit }.to_string()),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, limit } = *self;
        write!(f, "{} bytes; the limit is ", Grouped(len))?;
        match limit {
            limit if limit > 0 && limit % (1 << 20) == 0 => write!(f, "{} MiB", Grouped(limit >> 20))?,
            limit => write!(f, "{} bytes", Grouped(limit))?,
        }
        f.write_str(", raise it with --max-message")
    }
}

/// A number with a comma before each three digits.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            number @ 0..1000 => write!(f, "{number}"),
            number => write!(f, "{},{:03}", Self(number / 1000), number % 1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_grouped_and_limits_are_in_mib_if_they_are_whole() {
        let rows = [
            (17_825_792, 16 << 20, "17,825,792 bytes; the limit is 16 MiB"),
            (1_000_002, 999, "1,000,002 bytes; the limit is 999 bytes"),
            ((1 << 30) + 1, 1 << 30, "1,073,741,825 bytes; the limit is 1,024 MiB"),
            (1, 0, "1 bytes; the limit is 0 bytes"),
        ];
        for (len, limit, expected) in rows {
            assert_eq!(
                TooLong { len, limit }.to_string(),
                format!("{expected}, raise it with --max-message")
            );
        }
    }
}
