//! Messages on the standard output.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use sansocket::{CloseCode, Event};

use crate::options::Options;

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Text unchanged, for a file or a pipe. Binary data in hexadecimal digits.
    Plain,
    /// A mark before each message, and no control characters: a terminal would execute them.
    Terminal,
    Json,
    /// The bytes of each message, nothing else.
    Raw,
}

/// The standard output. While it cannot be written, nothing is read from the connection, so no messages accumulate
/// here.
pub(crate) struct Screen {
    out: BufWriter<Stdout>,
    style: Style,
    /// How many messages are still to be printed, with `--count`.
    left: Option<u64>,
    failure: Option<io::Error>,
}

impl Screen {
    pub(crate) fn new(options: &Options) -> Self {
        let style = match io::stdout().is_terminal() {
            _ if options.json_out() => Style::Json,
            _ if options.output.raw => Style::Raw,
            true => Style::Terminal,
            false => Style::Plain,
        };
        let left = options.ending.count.map(u64::from);
        Self { out: BufWriter::new(io::stdout()), style, left, failure: None }
    }

    /// Prints a message, and says with which code to close if this was the last one. With `--many`, `peer` is the one that
    /// sent it.
    pub(crate) fn show(&mut self, message: &Event<'_>, peer: Option<&str>) -> Option<CloseCode> {
        // This end is closing: later messages are not printed.
        if self.failure.is_some() || self.left == Some(0) {
            return None;
        }
        if let Err(error) = self.write(message, peer) {
            self.failure = Some(error);
            return Some(CloseCode::GOING_AWAY);
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        (self.left == Some(0)).then_some(CloseCode::NORMAL)
    }

    /// Why the output could not be written.
    pub(crate) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Whether fewer than `--count` messages have been printed.
    pub(crate) fn misses_some(&self) -> bool {
        self.left.is_some_and(|left| left > 0)
    }

    fn write(&mut self, message: &Event<'_>, peer: Option<&str>) -> io::Result<()> {
        let out = &mut self.out;
        match (self.style, peer) {
            (Style::Json, Some(peer)) => write!(out, "{{\"peer\":\"{peer}\",")?,
            (Style::Json, None) => out.write_all(b"{")?,
            (Style::Terminal, Some(peer)) => write!(out, "{peer} < ")?,
            (Style::Terminal, None) => out.write_all(b"< ")?,
            (Style::Plain | Style::Raw, _) => {}
        }
        match (self.style, message) {
            (Style::Json, Event::Text(text)) => {
                out.write_all(b"\"text\":\"")?;
                write_json(out, text)?;
            }
            (Style::Json, Event::Binary(data)) => {
                out.write_all(b"\"binary\":\"")?;
                write_hex(out, data)?;
            }
            (Style::Terminal, Event::Text(text)) => write_shown(out, text)?,
            (Style::Terminal, Event::Binary(data)) => {
                out.write_all(b"/binary ")?;
                write_hex(out, data)?;
            }
            (Style::Plain, Event::Binary(data)) => write_hex(out, data)?,
            (_, Event::Text(text)) => out.write_all(text.as_bytes())?,
            (_, Event::Binary(data)) => out.write_all(data)?,
            _ => {}
        }
        match self.style {
            Style::Json => out.write_all(b"\"}\n")?,
            Style::Terminal | Style::Plain => out.write_all(b"\n")?,
            Style::Raw => {}
        }
        out.flush()
    }
}

/// The inside of a JSON string.
fn write_json(out: &mut impl Write, text: &str) -> io::Result<()> {
    write_escaped(
        out,
        text,
        |c| c.is_control() || c == '"' || c == '\\',
        |out, c| match c {
            '"' | '\\' => write!(out, "\\{c}"),
            c => write!(out, "\\u{:04x}", u32::from(c)),
        },
    )
}

/// A text on a terminal. Further lines are indented, so that a line cannot imitate another message.
fn write_shown(out: &mut impl Write, text: &str) -> io::Result<()> {
    write_escaped(
        out,
        text,
        |c| c.is_control() && c != '\t',
        |out, c| match c {
            '\n' => out.write_all(b"\n  "),
            c => write!(out, "{}", c.escape_default()),
        },
    )
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

fn write_hex(out: &mut impl Write, data: &[u8]) -> io::Result<()> {
    for part in data.chunks(512) {
        let digits = part.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        out.write_all(hex.as_bytes())?;
    }
    Ok(())
}
