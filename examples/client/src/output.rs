//! Messages on the standard output, notes on the standard error.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use sansocket::{CloseCode, CloseInfo, Error, Event, HandshakeError};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Text unchanged, for a file or a pipe.
    Plain,
    /// A mark before each message, and no control characters: a terminal would execute them.
    Terminal,
    Json,
}

/// The standard output. While it cannot be written, nothing is read from the connection, so no messages accumulate
/// here.
pub(crate) struct Screen {
    out: BufWriter<Stdout>,
    style: Style,
    notes: Notes,
}

impl Screen {
    pub(crate) fn new(json: bool, notes: Notes) -> Self {
        let style = match (json, io::stdout().is_terminal()) {
            (true, _) => Style::Json,
            (false, true) => Style::Terminal,
            (false, false) => Style::Plain,
        };
        Self { out: BufWriter::new(io::stdout()), style, notes }
    }

    pub(crate) fn show(&mut self, event: &Event<'_>) -> io::Result<()> {
        match *event {
            Event::Text(text) => self.text(text)?,
            Event::Binary(data) => self.binary(data)?,
            Event::Ping(payload) => self.notes.say(format_args!("ping \"{}\"", payload.escape_ascii())),
            // An empty Pong answers the keepalive.
            Event::Pong([]) => {}
            Event::Pong(payload) => self.notes.say(format_args!("pong \"{}\"", payload.escape_ascii())),
            _ => {}
        }
        self.out.flush()
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let out = &mut self.out;
        match self.style {
            Style::Plain => out.write_all(text.as_bytes())?,
            Style::Terminal => {
                out.write_all(b"< ")?;
                // Further lines are indented, so that a line cannot imitate another message.
                write_escaped(
                    out,
                    text,
                    |c| c.is_control() && c != '\t',
                    |out, c| match c {
                        '\n' => out.write_all(b"\n  "),
                        c => write!(out, "{}", c.escape_default()),
                    },
                )?;
            }
            Style::Json => {
                out.write_all(b"{\"text\":\"")?;
                write_escaped(
                    out,
                    text,
                    |c| c.is_control() || c == '"' || c == '\\',
                    |out, c| match c {
                        '"' | '\\' => write!(out, "\\{c}"),
                        c => write!(out, "\\u{:04x}", u32::from(c)),
                    },
                )?;
                out.write_all(b"\"}")?;
            }
        }
        out.write_all(b"\n")
    }

    fn binary(&mut self, data: &[u8]) -> io::Result<()> {
        let (before, after): (&[u8], &[u8]) = match self.style {
            Style::Plain => (b"", b"\n"),
            Style::Terminal => (b"< /binary ", b"\n"),
            Style::Json => (b"{\"binary\":\"", b"\"}\n"),
        };
        self.out.write_all(before)?;
        for part in data.chunks(512) {
            let digits = part.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
            self.out.write_all(hex.as_bytes())?;
        }
        self.out.write_all(after)
    }
}

/// Writes a text. Each `special` character is written by `escape`.
fn write_escaped<W: Write>(
    out: &mut W,
    text: &str,
    special: fn(char) -> bool,
    escape: fn(&mut W, char) -> io::Result<()>,
) -> io::Result<()> {
    for part in text.split_inclusive(special) {
        match (part.strip_suffix(special), part.chars().next_back()) {
            (Some(before), Some(c)) => {
                out.write_all(before.as_bytes())?;
                escape(out, c)?;
            }
            _ => out.write_all(part.as_bytes())?,
        }
    }
    Ok(())
}

/// The standard error. Errors in writing to it are ignored.
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
        writeln!(io::stderr(), "sansocket: {what}").ok();
    }

    /// Prints why there is no connection.
    pub(crate) fn show_refusal(self, place: &str, error: &Error) {
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
    }

    /// Prints how the connection was closed, and by which end. `asked` is the code that this end chose.
    pub(crate) fn show_close(self, info: &CloseInfo, asked: Option<CloseCode>) {
        let by = if asked.is_none() || asked != info.sent { " by the server" } else { "" };
        self.say(format_args!("closed{by}: code {}, reason {:?}", info.code, info.reason));
    }
}
