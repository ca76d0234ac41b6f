//! A client that follows a feed and connects again when the connection is lost, on tokio.
//!
//! ```text
//! cargo run --release --features tokio --example feed -- ws://127.0.0.1:9001/ '{"subscribe":"prices"}'
//! ```
//!
//! The subscription is the first message of each connection. Text messages go to the standard output, notes about the
//! connection go to the standard error.
//!
//! | what happens | what the client does |
//! |---|---|
//! | no such host, connection refused, timeout | tries again |
//! | the server answers with status 5xx, 408 or 429 | tries again |
//! | the connection is lost | tries again |
//! | the server closes with a code such as 1001, 1011 or 1012 | tries again |
//! | the server closes with code 1000: the feed is over | ends with exit status 0 |
//! | the server closes with a code that says that the client did something wrong | ends with exit status 1 |
//! | the server answers with another status, or breaks a rule of the protocol | ends with exit status 1 |
//! | the URL is not a `ws://` URL | ends with exit status 1 |
//! | Ctrl-C, or nobody reads the output | closes the connection, ends with exit status 0 |
//!
//! - The time between two attempts doubles up to a limit. Part of it is random, so that the clients of a server that
//!   restarts do not all come back at once.
//! - Nothing is sent twice on one connection. All futures are cancel safe: Ctrl-C drops `follow` at any point, and
//!   `close` completes a message that was written in part.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use sansocket::handshake::client::Request;
use sansocket::tokio::{NetStream, WebSocket, connect_with};
use sansocket::{CloseCode, CloseInfo, Config, Error, Fault, HandshakeError, ProtocolError, State};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long the end may take: to write the Close frame, to get the server's, to end the stream.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Debug, Parser)]
#[command(about = "Prints the messages of a feed, and connects again when the connection is lost")]
struct Options {
    /// A ws:// URL
    url: String,
    /// The first message of each connection
    subscription: String,
    /// Longest time between the first two attempts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500)]
    delay: u64,
    /// Longest time between two attempts, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    max_delay: u64,
}

type Socket = WebSocket<NetStream>;

/// Why the client ends with exit status 1.
type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("feed: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Follows the feed until its end or Ctrl-C. Then closes the connection that is still open.
async fn run(options: &Options) -> Result<(), Failure> {
    let (stop, mut stopped) = watch::channel(false);
    ctrlc::set_handler(move || _ = stop.send_replace(true))?;
    let mut open = None;
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        end = follow(options, &mut open) => end?,
    }
    if let Some(mut socket) = open.filter(|socket| socket.state() == State::Open) {
        match timeout(GRACE, socket.close(CloseCode::NORMAL, "the reader has left")).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("feed: {error}"),
            Err(_) => eprintln!("feed: no answer to the Close frame"),
        }
    }
    Ok(())
}

/// Prints what arrives, over one connection after the other. The one in use is in `open`.
async fn follow(options: &Options, open: &mut Option<Socket>) -> Result<(), Failure> {
    let request = Request::new(&options.url)?;
    let config = Arc::new(Config::default());
    let mut delays = Delays::new(options);
    loop {
        let mut opened = None;
        let end = match connect_with(&request, Arc::clone(&config)).await {
            Ok((socket, _response)) => {
                opened = Some(Instant::now());
                print(open.insert(socket), &options.subscription).await
            }
            Err(error) => Err(error),
        };
        match end {
            Ok(None) => return Ok(()),
            Ok(Some(info)) if info.code == CloseCode::NORMAL => return Ok(()),
            Ok(Some(info)) if is_about_this_client(info.code) => return Err(text(&info).into()),
            Ok(Some(info)) => eprintln!("feed: {}", text(&info)),
            Err(error) if may_go_away(&error) => eprintln!("feed: {error}"),
            Err(error) => return Err(error.into()),
        }
        *open = None;
        if opened.is_some_and(|opened: Instant| opened.elapsed() > delays.longest) {
            // The connection was good for a while.
            delays = Delays::new(options);
        }
        let delay = delays.next();
        eprintln!("feed: next attempt in {delay:.1?}");
        sleep(delay).await;
    }
}

/// Subscribes and prints what arrives. `None`: nobody reads the output, and the connection is open.
async fn print(socket: &mut Socket, subscription: &str) -> Result<Option<CloseInfo>, Error> {
    socket.send(subscription).await?;
    while let Some(message) = socket.read().await? {
        let Some(text) = message.as_text() else { continue };
        if writeln!(io::stdout(), "{text}").is_err() {
            break;
        }
    }
    Ok(socket.close_info())
}

/// Whether another attempt may succeed.
fn may_go_away(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Protocol(ProtocolError::ConnectionLost) => true,
        Error::Handshake(HandshakeError::Refused(refusal)) => {
            matches!(refusal.status, 408 | 429 | 500..)
        }
        Error::Handshake(error) => error.fault() == Fault::Network,
        _ => false,
    }
}

/// Whether the code says that this client did something wrong. On another connection it would do the same.
fn is_about_this_client(code: CloseCode) -> bool {
    matches!(
        code,
        CloseCode::PROTOCOL_ERROR
            | CloseCode::UNSUPPORTED
            | CloseCode::INVALID_DATA
            | CloseCode::POLICY_VIOLATION
            | CloseCode::TOO_BIG
            | CloseCode::MANDATORY_EXTENSION
    )
}

fn text(info: &CloseInfo) -> String {
    format!("closed by the server: {} {:?}", info.code, info.reason)
}

/// The times between attempts.
struct Delays {
    next: Duration,
    longest: Duration,
}

impl Delays {
    fn new(options: &Options) -> Self {
        let longest = Duration::from_millis(options.max_delay);
        Self { next: Duration::from_millis(options.delay).min(longest), longest }
    }

    /// From half to all of the time that is due: no two clients take the same.
    fn next(&mut self) -> Duration {
        let due = self.next;
        self.next = due.saturating_mul(2).min(self.longest);
        let random = RandomState::new().hash_one(()) % 1000; // std has no other source
        due.mul_f64(0.5 + random as f64 / 2000.0)
    }
}
