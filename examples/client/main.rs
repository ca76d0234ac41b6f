//! A WebSocket client for the command line: lines of the standard input become messages, messages that arrive become
//! lines.
//!
//! ```text
//! cargo run --release --example client -- ws://127.0.0.1:9001/
//! cargo install --locked --path . --example client     # to keep it
//! client ws://127.0.0.1:9001/ < in > out
//! ```
//!
//! Messages go to the standard output, all that concerns the connection to the standard error. `client --help` has the
//! options and the commands, such as `/ping` and `/close 4000 reason`. The end of the input closes the connection, after
//! `--wait` and `--count`; so does Ctrl-C, with the code 1001, and a second Ctrl-C ends the program at once.
//!
//! | exit status | the connection |
//! |---|---|
//! | 0 | was closed with 1000, 1001 or no code at all, or with the code of `/close` |
//! | 1 | was closed by the server with another code |
//! | 2 | was not made, for an option was not usable; or was closed as with 0, but a line of the input was not usable |
//! | 3 | was not made: no such host, refused, too slow |
//! | 4 | was not opened: the server answered with HTTP, with the status that is shown |
//! | 5 | ended because the server broke the protocol or sent a message longer than `--max-message` |
//! | 6 | was lost without a closing handshake |
//! | 7 | was closed, because the input could not be read or the output could not be written |
//! | 8 | was closed as with 0, before `--count` messages had come |
//! | 130 | was dropped by a second Ctrl-C |
//!
//! | file | its job |
//! |---|---|
//! | `main.rs` | options, the opening handshake |
//! | `session.rs` | one thread that reads the connection, one that reads the input |
//! | `input.rs` | lines and commands |
//! | `output.rs` | what arrives, so that a terminal can show it |
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
use sansocket::{Config, Error, Limits};

const AFTER_HELP: &str = "\
Lines of the input:
  TEXT                   a text message
  //TEXT                 a text message that begins with one slash
  /binary HEX            a binary message; spaces may stand between the bytes
  /ping [PAYLOAD]        a Ping; without a payload it carries its number
  /close [CODE [REASON]] the end of the connection, with 1000 if no code is given

Exit status:
  0  closed with 1000, 1001 or no code, or with the code of /close
  1  closed by the server with another code
  2  an option or a line of the input was not usable
  3  no connection: no such host, refused, too slow
  4  the server answered with HTTP; its status is shown
  5  the server broke the protocol or sent too long a message
  6  the connection was lost
  7  the input could not be read, or the output not written
  8  closed before --count messages had come";

#[derive(Debug, Parser)]
#[command(about = "A WebSocket client", after_help = AFTER_HELP)]
struct Options {
    /// Where to connect, such as ws://127.0.0.1:9001/
    #[arg(value_parser = Request::new)]
    url: Request,
    /// A subprotocol to offer, the preferred one first (repeatable)
    #[arg(short, long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// A header to send (repeatable)
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// The page to connect in the name of
    #[arg(short, long)]
    origin: Option<String>,
    /// How long connecting may take, the opening handshake included (finding the host's address is not)
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    connect_timeout: Duration,
    /// How long the server may take to close, with all that it still has to send
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    close_timeout: Duration,
    /// The longest message to receive
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_message_len)]
    max_message: u64,
    /// Close after so many messages; until then the end of the input does not
    #[arg(short = 'n', long, value_name = "MESSAGES")]
    count: Option<NonZeroU64>,
    /// Stay so long after the end of the input
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,
    /// Every line of the input is a text message, and none a command
    #[arg(long)]
    no_commands: bool,
    /// Write each message as one line {"text":"..."} or {"binary":"hex"}
    #[arg(long)]
    json: bool,
    /// Say nothing of the connection but why it failed
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
            notes.tell_refusal(&place, &error);
            Status::without_connection(&error)
        }
    };
    status.into()
}

fn open(options: &Options) -> Result<WebSocket<TcpStream>, Error> {
    let request = options.subprotocol.iter().fold(options.url.clone(), Request::subprotocol);
    let request = options.header.iter().fold(request, |request, (name, value)| request.header(name, value));
    let request = options.origin.iter().fold(request, Request::origin);
    let config = Config {
        limits: Limits {
            max_frame_len: options.max_message,
            max_message_len: options.max_message,
            ..Limits::default()
        },
        handshake_timeout: options.connect_timeout,
        close_timeout: options.close_timeout,
        ..Config::default()
    };
    let (socket, _response) = blocking::connect_with(&request, config)?;
    Ok(socket)
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("not of the form NAME: VALUE")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().map_err(|_| "not a number")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "not a time to wait")
}
