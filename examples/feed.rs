//! A client that follows a feed and connects again when the connection is lost, on tokio.
//!
//! ```text
//! cargo run --release --features tokio --example feed -- ws://127.0.0.1:9001/ '{"subscribe":"prices"}'
//! ```
//!
//! The subscription is the first message of each connection. Text messages go to the standard output, notes about the
//! connection go to the standard error. `wss://` needs the feature `tls`.
//!
//! | what happens | what the client does |
//! |---|---|
//! | no such host, connection refused, timeout | tries again |
//! | the server answers with status 408, 429 or 5xx (but 501 and 505) | tries again, not before its `Retry-After` |
//! | the connection is lost | tries again |
//! | the server closes with a code such as 1001, 1011 or 1012 | tries again |
//! | the server closes with code 1000: the feed is over | ends with exit status 0 |
//! | the server closes with a code that says that the client did something wrong | ends with exit status 1 |
//! | the server answers with another status, breaks a rule, or has a certificate that is not accepted | ends with exit status 1 |
//! | the URL is not a `ws://` or `wss://` URL | ends with exit status 1 |
//! | Ctrl-C, or nobody reads the output | closes the connection, ends with exit status 0 |
//!
//! `Reconnecting` decides all that about the connection, and how long to pause. All futures are cancel safe: Ctrl-C drops
//! `follow` at any point, and `close` completes a message that was written in part.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sansocket::handshake::client::Request;
use sansocket::tokio::Reconnecting;
use sansocket::{BackOff, CloseCode, Connector, Update};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long the end may take: to write the Close frame, to get the server's, to end the stream.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Debug, Parser)]
#[command(about = "Prints the messages of a feed, and connects again when the connection is lost")]
struct Options {
    /// A ws:// URL, or wss:// with the feature `tls`
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
    let back_off = BackOff::default()
        .first_pause(Duration::from_millis(options.delay))
        .max_pause(Duration::from_millis(options.max_delay));
    let mut feed = Reconnecting::new(Request::new(&options.url)?, Connector::new(), back_off);
    tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => {}
        end = follow(&mut feed, &options.subscription) => end?,
    }
    match timeout(GRACE, feed.close(CloseCode::NORMAL, "the reader has left")).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("feed: {error}"),
        Err(_) => eprintln!("feed: no answer to the Close frame"),
    }
    Ok(())
}

/// Prints what arrives, until the feed is over or nobody reads the output.
async fn follow(feed: &mut Reconnecting, subscription: &str) -> Result<(), Failure> {
    while let Some(update) = feed.next_update().await? {
        match update {
            Update::Opened(_) => {
                if let Some(socket) = feed.socket() {
                    // If the connection is lost already, the next update says so.
                    socket.send(subscription).await.ok();
                }
            }
            Update::Message(message) => {
                let Some(text) = message.as_text() else { continue };
                if writeln!(io::stdout(), "{text}").is_err() {
                    return Ok(());
                }
            }
            Update::Pausing { why, pause } => {
                eprintln!("feed: {why}");
                eprintln!("feed: next attempt in {pause:.1?}");
            }
            _ => {}
        }
    }
    match feed.close_info() {
        Some(info) if info.code != CloseCode::NORMAL => {
            Err(format!("closed by the server: {} {:?}", info.code, info.reason).into())
        }
        _ => Ok(()),
    }
}
