//! What a connection that comes back reports, in every shell.

use std::time::{Duration, SystemTime};

use super::back_off::Retries;
use crate::connection::CloseInfo;
use crate::error::Error;
use crate::frame::mask::os_random;
use crate::handshake::client::Response;
use crate::message::Message;

/// What a connection that comes back has come to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The connection is open, for the first time or again, with this response of the server. Send what the server has to know
    /// first: it remembers no earlier connection.
    Opened(Response),
    /// A message of the connection that is open.
    Message(Message),
    /// There is no connection. The next attempt follows this pause. The next call waits for it.
    Pausing {
        /// Why there is none.
        why: Ending,
        /// How long.
        pause: Duration,
    },
    /// Nothing of that happened in time. Nothing is lost.
    TimedOut,
}

/// How an attempt or a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ending {
    /// The server closed the connection.
    Closed(CloseInfo),
    /// An attempt failed, or the connection was lost.
    Failed(Error),
}

impl Ending {
    pub(crate) fn close_info(&self) -> Option<&CloseInfo> {
        match self {
            Self::Closed(info) => Some(info),
            Self::Failed(_) => None,
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed(info) => write!(f, "the server closed with {}", info.code.0),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// What follows this end: the pause before the next attempt, or the end of all attempts.
///
/// # Errors
///
/// The error, if it does not go away by itself.
pub(crate) fn after(retries: &mut Retries, why: Ending) -> Result<Option<Update>, Error> {
    let random = u64::from_ne_bytes(os_random());
    let pause = match &why {
        Ending::Closed(info) => retries.closed(info, random),
        Ending::Failed(error) => retries.failed(error, SystemTime::now(), random),
    };
    match (pause, why) {
        (Some(pause), why) => Ok(Some(Update::Pausing { why, pause })),
        (None, Ending::Closed(_)) => Ok(None),
        (None, Ending::Failed(error)) => Err(error),
    }
}
