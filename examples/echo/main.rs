//! An echo server that also speaks up when it hears nothing.
//!
//! ```text
//! cargo run --release --example echo
//! ```
//!
//! It sends back what it gets, closes on the message `exit`, and after ten seconds of silence says
//! `Server timed-out at <time>` and goes on waiting. [`session`] is what happens on one connection.

mod session;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use sansocket::Config;
use session::Session;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
    /// How many seconds of silence pass before the server says something
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Only echo: no message on a timeout, and `exit` is a message like any other
    #[arg(long)]
    plain: bool,
    /// How many seconds apart the server looks whether a connection is alive
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    keepalive: Duration,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(&options.bind)?;
    println!("echo: ws://{}/", listener.local_addr()?);
    let session = Arc::new(Session {
        config: Arc::new(Config { keepalive: Some(options.keepalive), ..Config::default() }),
        timeout: (!options.plain).then_some(options.timeout),
    });
    loop {
        // A limit on connections is left to the chat example: what is short here is memory or descriptors, which ends
        // with a connection, so that there is no use in trying again at once.
        if let Err(error) = listener.accept().and_then(|(stream, _)| spawn(stream, Arc::clone(&session))) {
            eprintln!("echo: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn spawn(stream: TcpStream, session: Arc<Session>) -> io::Result<()> {
    thread::Builder::new().spawn(move || session.run(stream)).map(drop)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if !timeout.is_zero() && seconds < 1e9 => Ok(timeout),
        _ => Err("not a time to wait".into()),
    }
}
