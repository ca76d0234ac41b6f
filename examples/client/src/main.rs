//! A WebSocket client for the command line. Lines of the standard input become messages; messages that arrive become
//! lines.
//!
//! ```text
//! cargo install --path examples/client
//! sansocket ws://127.0.0.1:9001/ < in > out
//! ```
//!
//! Messages go to the standard output, notes about the connection to the standard error. `sansocket --help` lists the
//! options and the commands, such as `/ping` and `/close 4000 reason`. The client closes the connection at the end of
//! the input (after `--wait`; with `--count`, after that many messages instead). Ctrl-C closes it with code 1001. A
//! second Ctrl-C ends the program at once.
//!
//! | exit status | meaning |
//! |---|---|
//! | 0 | closed with 1000, 1001, no code, or the code of `/close` |
//! | 1 | closed by the server with another code |
//! | 2 | an option is invalid, so there was no connection; or as 0, but a line of the input was not sent |
//! | 3 | no connection: unknown host, connection refused, timeout |
//! | 4 | the server refused the opening handshake with an HTTP status, which is printed |
//! | 5 | the server broke a rule of the protocol, or sent a message longer than `--max-message` |
//! | 6 | the connection was lost without a closing handshake |
//! | 7 | the input could not be read, or the output could not be written (without an error message if the program that reads it has ended, as `head -1` does) |
//! | 8 | as 0, but before `--count` messages had arrived |
//! | 130 | a second Ctrl-C ended the program |
//!
//! | file | its job |
//! |---|---|
//! | `main.rs` | options, the opening handshake |
//! | `session.rs` | one thread reads the connection, one reads the input |
//! | `input.rs` | lines and commands |
//! | `output.rs` | messages and notes, made safe for a terminal |
//! | `ending.rs` | exit statuses |

mod ending;
mod input;
mod output;
mod session;

use std::net::TcpStream;
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ending::Status;
use output::Notes;
use sansocket::blocking::{self, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{Config, Deflate, Error, Limits};

const AFTER_HELP: &str = "\
Lines of the input:
  TEXT                    a text message
  // TEXT                  a text message that begins with one slash
  /binary HEX             a binary message; spaces between bytes are allowed
  /ping [PAYLOAD]         a Ping; the default payload is its number
  /close [CODE [REASON]]  closes the connection; the default code is 1000

Exit status:
  0  closed with 1000, 1001, no code, or the code of /close
  1  closed by the server with another code
  2  an option is invalid, or a line of the input was not sent
  3  no connection: unknown host, connection refused, timeout
  4  the server refused with an HTTP status, which is printed
  5  the server broke a rule, or sent a message longer than --max-message
  6  the connection was lost without a closing handshake
  7  the input could not be read, or the output could not be written
  8  closed before --count messages had arrived";

#[derive(Debug, Parser)]
#[command(about = "A WebSocket client", after_help = AFTER_HELP)]
struct Options {
    /// The URL of the server, such as ws://127.0.0.1:9001/
    #[arg(value_parser = Request::new)]
    url: Request,
    /// A subprotocol to offer (repeatable, in order of preference)
    #[arg(short, long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// A header to send (repeatable)
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// The value of the Origin header, such as https://example.com
    #[arg(short, long)]
    origin: Option<String>,
    /// Time limit for host name, TCP connection and opening handshake together, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    connect_timeout: Duration,
    /// Time limit for the server to complete the closing handshake, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    close_timeout: Duration,
    /// Longest message to accept, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_message_len)]
    max_message: u64,
    /// Close after this many received messages, and not at the end of the input
    #[arg(short = 'n', long, value_name = "MESSAGES")]
    count: Option<NonZeroU64>,
    /// Wait this long after the end of the input before closing, in seconds
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,
    /// Send every line of the input as a text message, commands included
    #[arg(long)]
    no_commands: bool,
    /// Print each message as one line of JSON: {"text":"..."} or {"binary":"hex"}
    #[arg(long)]
    json: bool,
    /// Offer compression (permessage-deflate); the first note says whether the server agreed
    #[arg(long)]
    deflate: bool,
    /// Print no notes about the connection, except errors
    #[arg(short, long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let notes = Notes::new(options.quiet);
    let status = match open(&options) {
        Ok(socket) => session::run(socket, &options, notes),
        Err(error) => {
            let place = format!("{}:{}", options.url.host(), options.url.port());
            notes.show_refusal(&place, &error);
            Status::without_connection(&error)
        }
    };
    status.into()
}

fn open(options: &Options) -> Result<WebSocket<TcpStream>, Error> {
    let request = options.subprotocol.iter().fold(options.url.clone(), Request::subprotocol);
    let request =
        options.header.iter().fold(request, |request, (name, value)| request.header(name, value.as_str()));
    let request = options.origin.iter().fold(request, Request::origin);
    let limits = Limits::default().max_frame_len(options.max_message).max_message_len(options.max_message);
    let config = Config::default()
        .limits(limits)
        .handshake_timeout(options.connect_timeout)
        .close_timeout(options.close_timeout);
    // Takeover costs memory for each connection, and this is the only one.
    let config = config
        .deflate(options.deflate.then(|| Deflate::default().takeover(true).peer_takeover(true).min_len(32)));
    let (socket, _response) = blocking::connect_with(&request, config)?;
    Ok(socket)
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().map_err(|_| "not a number")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "negative or too long")
}
