//! The standard input: messages and commands, one per line.

use std::io::{self, BufRead, Read};

use sansocket::{CloseCode, CloseFrame, Message};

/// The longest line, in bytes.
const MAX_LINE: usize = 16 << 20;

/// A parsed line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Message(Message),
    /// A Ping, with the payload if there is one.
    Ping(Option<&'a str>),
    Close(CloseCode, &'a str),
}

impl<'a> Line<'a> {
    pub(crate) fn parse(line: &'a [u8], commands: bool) -> Result<Self, &'static str> {
        let line = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
        let Some(command) = line.strip_prefix('/').filter(|_| commands) else {
            return Ok(Self::Message(line.into()));
        };
        if command.starts_with('/') {
            return Ok(Self::Message(command.into()));
        }
        let (name, rest) = match command.split_once(' ') {
            Some((name, rest)) => (name, Some(rest)),
            None => (command, None),
        };
        match name {
            "binary" => Ok(Self::Message(parse_hex(rest.unwrap_or_default())?.into())),
            "ping" => Ok(Self::Ping(rest.filter(|payload| !payload.is_empty()))),
            "close" => parse_close(rest.unwrap_or_default()),
            _ => Err("unknown command; to send a message that begins with a slash, type two slashes"),
        }
    }
}

fn parse_close(text: &str) -> Result<Line<'_>, &'static str> {
    let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
    let code = match code {
        "" => CloseCode::NORMAL,
        code => CloseCode(code.parse().map_err(|_| "the code is not a number up to 65535")?),
    };
    if !code.is_sendable() {
        return Err("this close code cannot be sent; use 1000 to 1003, 1007 to 1014, or 3000 to 4999");
    }
    if reason.len() > CloseFrame::MAX_REASON_LEN {
        return Err("a reason has at most 123 bytes");
    }
    Ok(Line::Close(code, reason))
}

fn parse_hex(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut data = Vec::new();
    for digits in text.split_whitespace() {
        let mut digits =
            digits.chars().map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok()));
        while let Some(high) = digits.next() {
            let high: u8 = high.ok_or("not a hexadecimal digit")?;
            let low: u8 = digits
                .next()
                .ok_or("an odd number of hexadecimal digits")?
                .ok_or("not a hexadecimal digit")?;
            data.push(high << 4 | low);
        }
    }
    Ok(data)
}

/// The lines of the input, in one buffer.
pub(crate) struct Lines<R> {
    input: io::BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input: io::BufReader::with_capacity(64 << 10, input), line: Vec::new() }
    }

    /// Whether the next line is in the buffer.
    pub(crate) fn is_ready(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }

    /// The next line without its line ending. `Some(None)`: a line was longer than [`MAX_LINE`] and is skipped.
    pub(crate) fn next(&mut self) -> io::Result<Option<Option<&[u8]>>> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 1;
        if self.input.by_ref().take(limit).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        let line = match self.line.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            None if self.line.len() > MAX_LINE => {
                self.input.skip_until(b'\n')?;
                return Ok(Some(None));
            }
            None => &self.line,
        };
        Ok(Some(Some(line)))
    }
}
