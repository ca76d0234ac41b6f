//! An echo server with threads.
//!
//! ```text
//! cargo run --release --example echo
//! cargo run --release --features deflate --example echo -- --deflate     # with compression
//! ```
//!
//! It sends every message back, and closes the connection on the message `exit`. After ten seconds without a message it
//! sends `Server timed-out at <time>` and waits again. [`session`] serves one connection.

mod session;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use sansocket::Config;
#[cfg(feature = "deflate")]
use sansocket::Deflate;
use session::Session;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
    /// Time without a message after which the server sends one, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Only echo: send nothing on a timeout, and treat `exit` as any other message
    #[arg(long)]
    plain: bool,
    /// Interval of the keepalive, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    keepalive: Duration,
    /// Agree on compression (permessage-deflate) with clients that offer it, as they ask for it
    #[cfg(feature = "deflate")]
    #[arg(long)]
    deflate: bool,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(&options.bind)?;
    println!("echo: ws://{}/", listener.local_addr()?);
    let config = Config::default().keepalive(Some(options.keepalive));
    #[cfg(feature = "deflate")]
    let config = config.deflate(options.deflate.then(compression));
    let session =
        Arc::new(Session { config: Arc::new(config), timeout: (!options.plain).then_some(options.timeout) });
    loop {
        if let Err(error) = listener.accept().and_then(|(stream, _)| spawn(stream, Arc::clone(&session))) {
            eprintln!("echo: {error}");
            // No descriptors or no memory: both come back when a connection ends. (The chat example limits its
            // connections.)
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn spawn(stream: TcpStream, session: Arc<Session>) -> io::Result<()> {
    thread::Builder::new().spawn(move || session.run(stream)).map(drop)
}

/// Allows clients everything that they may ask for. Short messages are compressed, too: they may be like earlier ones.
#[cfg(feature = "deflate")]
fn compression() -> Deflate {
    Deflate::default().takeover(true).peer_takeover(true).min_len(0)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if !timeout.is_zero() && seconds < 1e9 => Ok(timeout),
        _ => Err("must be more than 0 and less than 1e9 seconds".into()),
    }
}
