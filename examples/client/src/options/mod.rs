//! The command line.

mod way;

use std::fs;
use std::num::NonZeroU64;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, ValueEnum, ValueHint};
use clap_complete::Shell;
use sansocket::handshake::client::Request;
use sansocket::{Config, Deflate, Limits, Message};

use self::way::Way;
use crate::notes::NAME;

const AFTER_HELP: &str = "\
Lines of the input:
  TEXT                    a text message
  // TEXT                  a text message that begins with one slash
  /binary HEX             a binary message; spaces between bytes are allowed
  /ping [PAYLOAD]         a Ping; the default payload is its number
  /close [CODE [REASON]]  closes the connection; the default code is 1000

Lines of the input with --json:
  {\"text\":\"...\"}  {\"binary\":\"HEX\"}  {\"ping\":\"HEX\"}  {\"pong\":\"HEX\"}
  {\"close\":{\"code\":1000,\"reason\":\"...\"}}
  With --many, \"peer\":\"ADDRESS\" beside it sends to that connection alone.

Exit status:
  0  closed with 1000, 1001, no code, or the code of /close
  1  closed by the peer with another code
  2  an option is invalid, or a line of the input was not sent
  3  no connection: unknown host, connection refused, timeout, TLS, proxy
  4  the server refused with an HTTP status, which is printed
  5  the peer broke a rule, or sent a message longer than --max-message
  6  the connection was lost without a closing handshake
  7  the input could not be read, or the output could not be written
  8  closed before --count messages had arrived
  With --reconnect, as the last connection or attempt ended.";

/// The largest message, unless the caller says otherwise.
const DEFAULT_MAX_MESSAGE: &str = "16MiB";

#[derive(Debug, Parser)]
#[command(name = NAME, version, about = "A WebSocket client, and a server for tests", after_help = AFTER_HELP)]
pub(crate) struct Options {
    /// The URL of the server, such as ws://127.0.0.1:9001/
    #[arg(value_parser = Request::new, value_hint = ValueHint::Url)]
    #[arg(required_unless_present_any = ["listen", "completions"])]
    pub(crate) url: Option<Request>,
    /// Serve one connection instead of connecting: HOST:PORT, or the PORT alone for 127.0.0.1
    #[arg(short, long, value_name = "ADDRESS", conflicts_with = "url")]
    pub(crate) listen: Option<String>,
    /// Serve any number of connections. The input goes to all; it is read from the first connection on
    #[arg(long, requires = "listen", conflicts_with = "url")]
    pub(crate) many: bool,
    /// Print a script that completes the options in this shell, and end
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub(crate) completions: Option<Shell>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) way: Way,
    #[command(flatten)]
    pub(crate) input: Sending,
    #[command(flatten)]
    pub(crate) output: Printing,
    #[command(flatten)]
    pub(crate) ending: Ending,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Opening {
    /// A header to send (repeatable). Host replaces the host of the URL
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,
    /// A subprotocol to offer, or with --listen to accept (repeatable, in order of preference)
    #[arg(short, long, value_name = "NAME")]
    pub(crate) subprotocol: Vec<String>,
    /// The Origin header, such as https://example.com. With --listen, whose pages may connect; '*' for all (repeatable)
    #[arg(short, long)]
    pub(crate) origin: Vec<String>,
    /// Offer or accept compression (permessage-deflate); a note says whether it was agreed on
    #[arg(long)]
    pub(crate) deflate: bool,
    /// Connect again, after growing pauses, when the connection is lost or cannot be made, and when the server closes with a
    /// code such as 1001 or 1012. Not after 1000 or 1008, and not after an error that would come again: 404, a certificate.
    /// The input waits meanwhile; what was on its way is lost
    #[arg(long, conflicts_with = "listen")]
    pub(crate) reconnect: bool,
    /// Time limit for the whole way, in seconds: host name, TCP connection, proxy, TLS, redirects, opening handshake
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    connect_timeout: Duration,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Input")]
pub(crate) struct Sending {
    /// First send this text message on each connection, as to subscribe (repeatable)
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) first: Vec<Message>,
    /// First send this file as one text message, byte for byte (repeatable; before --first)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = text_file)]
    pub(crate) text_file: Vec<Message>,
    /// Send every line as a text message, commands included
    #[arg(long)]
    pub(crate) no_commands: bool,
    /// Send binary messages: each line; bytes behind their length (4 bytes, big endian); or the whole input as one
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true, default_missing_value = "line")]
    pub(crate) binary: Option<BinaryMode>,
    /// Longest message to send and to accept, in bytes or with KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", default_value = DEFAULT_MAX_MESSAGE, value_parser = size)]
    pub(crate) max_message: u64,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct Printing {
    /// One JSON object per line: what comes in, what goes out, or both
    #[arg(long, value_name = "WAY", num_args = 0..=1, require_equals = true, default_missing_value = "both")]
    json: Option<Direction>,
    /// Print messages byte for byte, text and binary, and nothing between them
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print no notes about the connection, except errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "End")]
pub(crate) struct Ending {
    /// Close after this many received messages, and not at the end of the input
    #[arg(short = 'n', long, value_name = "MESSAGES")]
    pub(crate) count: Option<NonZeroU64>,
    /// Wait this long after the end of the input before closing, in seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "keep_open")]
    pub(crate) wait: Option<Duration>,
    /// Do not close at the end of the input
    #[arg(long)]
    pub(crate) keep_open: bool,
    /// Time limit for the peer to complete the closing handshake, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    close_timeout: Duration,
}

/// Where a binary message begins and ends in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BinaryMode {
    Line,
    Length,
    Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    In,
    Out,
    Both,
}

impl Options {
    /// Reads the command line. If it is invalid, prints why and ends the program.
    pub(crate) fn read() -> Self {
        let options = Self::parse();
        let conflict = if options.output.raw && options.json_out() {
            "--raw and --json both say how messages are printed"
        } else if options.input.binary.is_some() && options.json_in() {
            "--binary and --json both say what the input is"
        } else {
            return options;
        };
        Self::command().error(ErrorKind::ArgumentConflict, conflict).exit()
    }

    pub(crate) fn json_in(&self) -> bool {
        matches!(self.output.json, Some(Direction::In | Direction::Both))
    }

    pub(crate) fn json_out(&self) -> bool {
        matches!(self.output.json, Some(Direction::Out | Direction::Both))
    }

    /// The configuration of a connection of either role.
    pub(crate) fn config(&self) -> Config {
        // The output holds the longest message and its header.
        let output = usize::try_from(self.input.max_message).unwrap_or(usize::MAX).saturating_add(64);
        let config = Config::default();
        let output = output.max(config.max_output_len);
        // Takeover costs memory for each connection, and there are few.
        let deflate = Deflate::default().takeover(true).peer_takeover(true).min_len(32);
        config
            .limits(
                Limits::default()
                    .max_frame_len(self.input.max_message)
                    .max_message_len(self.input.max_message),
            )
            .max_output_len(output)
            .handshake_timeout(self.opening.connect_timeout)
            .close_timeout(self.ending.close_timeout)
            .deflate(self.opening.deflate.then_some(deflate))
    }
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn text_file(path: &str) -> Result<Message, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(text).map_err(|error| format!("not UTF-8: {error}"))?.into())
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().map_err(|_| "not a number")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "negative or too long")
}

fn size(text: &str) -> Result<u64, &'static str> {
    const UNITS: [(&str, u32); 3] = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let number: u64 = number.trim_end().parse().map_err(|_| "expected a number, such as 1000 or 16MiB")?;
    number.checked_mul(1 << shift).ok_or("too large")
}
