//! The standard error: notes about the connection, errors, hints. Errors in writing to it are ignored.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::time::Duration;

use sansocket::{CloseCode, CloseInfo, Error, HandshakeError, Role};

use crate::hints::hint;

/// The name of the program.
pub(crate) const NAME: &str = env!("CARGO_BIN_NAME");

#[derive(Clone, Copy, Debug)]
pub(crate) struct Notes {
    quiet: bool,
}

impl Notes {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Prints an event of the connection, unless `--quiet`.
    pub(crate) fn say(self, what: impl Display) {
        if !self.quiet {
            self.complain(what);
        }
    }

    /// Prints an error.
    pub(crate) fn complain(self, what: impl Display) {
        writeln!(io::stderr(), "{NAME}: {what}").ok();
    }

    /// Prints why there is no connection. With `--quiet`, only if there is no further attempt.
    pub(crate) fn show_refusal(self, place: &str, is_secure: bool, error: &Error, again: Option<Duration>) {
        let quiet = self.quiet && again.is_some();
        let notes = Self { quiet };
        notes.say(format_args!("no connection to {place}: {error}{}", Again(again)));
        if let Error::Handshake(HandshakeError::Refused(refusal) | HandshakeError::ProxyRefused(refusal)) =
            error
        {
            if let Some(location) = refusal.header("Location") {
                notes.say(format_args!("Location: {location:?}"));
            }
            let start = String::from_utf8_lossy(&refusal.body).chars().take(200).collect::<String>();
            if !start.trim().is_empty() {
                notes.say(format_args!("{:?}", start.trim()));
            }
        }
        if let Some(hint) = hint(error, is_secure) {
            notes.say(hint);
        }
    }
}

/// When the next attempt to connect follows, at the end of a note.
pub(crate) struct Again(pub(crate) Option<Duration>);

impl Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |pause| write!(f, "; connecting again in {:.1} s", pause.as_secs_f64()))
    }
}

/// How a connection was closed, and by which end.
pub(crate) struct Closed<'a> {
    pub(crate) info: &'a CloseInfo,
    /// The code that this end chose.
    pub(crate) asked: Option<CloseCode>,
    /// The role of this end.
    pub(crate) role: Role,
}

impl Display for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { info, asked, role } = self;
        f.write_str("closed")?;
        if asked.is_none() || *asked != info.sent {
            f.write_str(match role {
                Role::Client => " by the server",
                Role::Server => " by the client",
            })?;
        }
        write!(f, ": code {}, reason {:?}", info.code, info.reason)
    }
}

/// The start of a note about one of many connections. Empty if there is only one.
#[derive(Clone, Copy)]
pub(crate) struct About<'a>(pub(crate) Option<&'a str>);

impl Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, "{name}: "))
    }
}
