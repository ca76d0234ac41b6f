//! The standard error: notes about the connection, errors, hints. Errors in writing to it are ignored.

use std::fmt::{self, Display};
use std::io::{self, Write};

use sansocket::{CloseCode, CloseInfo, Error, HandshakeError, Refusal, Role};

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

    /// Prints why there is no connection.
    pub(crate) fn show_refusal(self, place: &str, is_secure: bool, error: &Error) {
        self.complain(format_args!("no connection to {place}: {error}"));
        if let Error::Handshake(HandshakeError::Refused(refusal)) = error {
            if let Some(location) = refusal.header("Location") {
                self.complain(format_args!("Location: {location:?}"));
            }
            let start = String::from_utf8_lossy(&refusal.body).chars().take(200).collect::<String>();
            if !start.trim().is_empty() {
                self.complain(format_args!("{:?}", start.trim()));
            }
        }
        if let Some(hint) = hint(error).filter(|_| !is_secure) {
            self.complain(hint);
        }
    }
}

/// What to try instead, if the port of a `ws:` URL seems to be one for TLS.
fn hint(error: &Error) -> Option<&'static str> {
    const SURELY: &str = "this port speaks TLS: write wss:// instead of ws://";
    const PERHAPS: &str = "if this port speaks TLS, write wss:// instead of ws://";
    match error {
        Error::Handshake(HandshakeError::Refused(refusal)) if wants_https(refusal) => Some(SURELY),
        // A TLS alert is no HTTP. Some TLS servers send none, and end the connection.
        Error::Handshake(HandshakeError::MalformedHead | HandshakeError::UnexpectedEof) => Some(PERHAPS),
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionReset => Some(PERHAPS),
        _ => None,
    }
}

/// "The plain HTTP request was sent to HTTPS port" (nginx), "speaking plain HTTP to an SSL-enabled server port" (Apache),
/// "Client sent an HTTP request to an HTTPS server" (Go).
fn wants_https(refusal: &Refusal) -> bool {
    let body = String::from_utf8_lossy(&refusal.body);
    refusal.status == 400 && ["HTTPS", "SSL-enabled"].iter().any(|word| body.contains(word))
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
