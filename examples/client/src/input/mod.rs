//! The standard input: what is to be sent.

mod json;
mod lines;

use std::io::{self, BufRead, BufReader, Read};

use sansocket::{CloseCode, Message};

use crate::ending::TooLong;
use crate::options::{BinaryMode, Options};

/// What the input asks to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message(Message),
    /// A Ping, with the payload if there is one.
    Ping(Option<Vec<u8>>),
    Pong(Vec<u8>),
    Close(CloseCode, String),
}

/// An item, and the connection that it goes to. `None`: all connections.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Addressed {
    pub(crate) peer: Option<String>,
    pub(crate) item: Item,
}

impl From<Item> for Addressed {
    fn from(item: Item) -> Self {
        Self { peer: None, item }
    }
}

/// What the input consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Text messages, one per line.
    Text,
    /// The same, with commands.
    Commands,
    /// One JSON object per line.
    Json,
    Binary(BinaryMode),
}

/// The items of the input, read through one buffer.
pub(crate) struct Input<R> {
    reader: BufReader<R>,
    form: Form,
    /// The longest message, in bytes.
    limit: u64,
    record: Vec<u8>,
    /// How many items there have been.
    number: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(input: R, options: &Options) -> Self {
        let form = match options.input.binary {
            Some(mode) => Form::Binary(mode),
            None if options.json_in() => Form::Json,
            None if options.input.no_commands => Form::Text,
            None => Form::Commands,
        };
        let reader = BufReader::with_capacity(64 << 10, input);
        Self { reader, form, limit: options.input.max_message, record: Vec::new(), number: 0 }
    }

    /// Whether the next item is in the buffer.
    pub(crate) fn is_ready(&self) -> bool {
        let buffer = self.reader.buffer();
        match self.form {
            Form::Binary(BinaryMode::Whole) => false,
            Form::Binary(BinaryMode::Length) => buffer
                .split_first_chunk()
                .is_some_and(|(len, rest)| rest.len() as u64 >= u64::from(u32::from_be_bytes(*len))),
            _ => buffer.contains(&b'\n'),
        }
    }

    /// Where in the input the last item was.
    pub(crate) fn place(&self) -> String {
        let unit = match self.form {
            Form::Binary(BinaryMode::Length | BinaryMode::Whole) => "message",
            _ => "line",
        };
        format!("{unit} {}", self.number)
    }

    /// The next item, or what is wrong with it. `None`: the input has ended.
    pub(crate) fn next(&mut self) -> io::Result<Option<Result<Addressed, String>>> {
        self.record.clear();
        self.number += 1;
        let record = match self.form {
            Form::Binary(BinaryMode::Whole) if self.number > 1 => return Ok(None),
            Form::Binary(BinaryMode::Whole) => self.read_whole()?,
            Form::Binary(BinaryMode::Length) => self.read_behind_length()?,
            _ => self.read_line()?,
        };
        let Some(record) = record else { return Ok(None) };
        Ok(Some(record.and_then(|()| self.parse())))
    }

    fn parse(&mut self) -> Result<Addressed, String> {
        if let Form::Binary(_) = self.form {
            return Ok(Item::Message(std::mem::take(&mut self.record).into()).into());
        }
        let line = self.record.strip_suffix(b"\r").unwrap_or(&self.record);
        let line = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
        match self.form {
            Form::Json => json::parse(line),
            Form::Commands => Ok(lines::parse(line)?.into()),
            _ => Ok(Item::Message(line.into()).into()),
        }
    }

    fn too_long(&self, len: u64) -> String {
        TooLong { len, limit: self.limit }.to_string()
    }

    /// Reads a line without its line feed. The rest of a line that is too long for any message is skipped.
    fn read_line(&mut self) -> io::Result<Option<Result<(), String>>> {
        // No form takes more than the six characters of `\u0000` for a byte. Names, codes and reasons are short.
        let limit = self.limit.saturating_mul(6).saturating_add(1024);
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut self.record)? == 0 {
            return Ok(None);
        }
        if self.record.last() == Some(&b'\n') {
            self.record.pop();
        } else if self.record.len() as u64 >= limit {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Err("too long for any message; raise the limit with --max-message".into())));
        }
        Ok(Some(Ok(())))
    }

    /// Reads a length (4 bytes, big endian) and that many bytes.
    fn read_behind_length(&mut self) -> io::Result<Option<Result<(), String>>> {
        let mut prefix = Vec::new();
        self.reader.by_ref().take(4).read_to_end(&mut prefix)?;
        let len = match prefix[..] {
            [] => return Ok(None),
            [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
            _ => return Ok(Some(Err("the input ends inside its length of 4 bytes".into()))),
        };
        let mut body = self.reader.by_ref().take(len);
        let (arrived, fits) = match len <= self.limit {
            true => (body.read_to_end(&mut self.record)? as u64, Ok(())),
            false => (io::copy(&mut body, &mut io::sink())?, Err(self.too_long(len))),
        };
        if arrived < len {
            return Ok(Some(Err(format!("the input ends after {arrived} of its {len} bytes"))));
        }
        Ok(Some(fits))
    }

    /// Reads the input to its end.
    fn read_whole(&mut self) -> io::Result<Option<Result<(), String>>> {
        self.reader.by_ref().take(self.limit).read_to_end(&mut self.record)?;
        let more = io::copy(&mut self.reader, &mut io::sink())?;
        let len = (self.record.len() as u64).saturating_add(more);
        Ok(Some(if more > 0 { Err(self.too_long(len)) } else { Ok(()) }))
    }
}

/// A Close frame that can be sent.
fn close(code: CloseCode, reason: &str) -> Result<Item, &'static str> {
    if !code.is_sendable() {
        return Err("this close code cannot be sent; use 1000 to 1003, 1007 to 1014, or 3000 to 4999");
    }
    if reason.len() > sansocket::CloseFrame::MAX_REASON_LEN {
        return Err("a reason has at most 123 bytes");
    }
    Ok(Item::Close(code, reason.to_owned()))
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
