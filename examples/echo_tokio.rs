//! An echo server on tokio.
//!
//! ```text
//! cargo run --release --features tokio --example echo_tokio -- --bind 127.0.0.1:9001
//! cargo run --release --features tokio,deflate --example echo_tokio -- --deflate     # with compression
//! cargo run --release --features tokio --example echo_tokio -- --threads 4             # four runtimes on one port, on Linux
//! ```

#[path = "common/listeners.rs"]
mod listeners;

use std::io;
use std::net;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
#[cfg(feature = "deflate")]
use sansocket::Deflate;
use sansocket::handshake::server::Request;
use sansocket::tokio::WebSocket;
use sansocket::{Config, Error};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server on tokio")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
    /// How many threads, each with a runtime and a listener of its own (more than one: on Linux)
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    threads: NonZeroUsize,
    /// Agree on compression (permessage-deflate) with clients that offer it, as they ask for it
    #[cfg(feature = "deflate")]
    #[arg(long)]
    deflate: bool,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let (address, listeners) = listeners::bind(&options.bind, options.threads.get())?;
    println!("echo_tokio: ws://{address}/");
    let config = Config::default();
    #[cfg(feature = "deflate")]
    let config = config.deflate(options.deflate.then(compression));
    listeners::run(listeners, move |listener| {
        // Each thread has a copy of the settings: each connection counts as a user of them.
        let config = Arc::new(config.clone());
        runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(listener, config))
    })
}

async fn serve(listener: net::TcpListener, config: Arc<Config>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(run(stream, Arc::clone(&config)))),
            Err(error) => {
                // No descriptors or no memory: both come back when a connection ends.
                eprintln!("echo_tokio: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Allows clients everything that they may ask for. Short messages are compressed, too: they may be like earlier ones.
#[cfg(feature = "deflate")]
fn compression() -> Deflate {
    Deflate::default().takeover(true).peer_takeover(true).min_len(0)
}

async fn run(stream: TcpStream, config: Arc<Config>) {
    let ended = match sansocket::tokio::accept_with(stream, config, Request::accept).await {
        Ok(socket) => echo(socket).await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        eprintln!("echo_tokio: {error}");
    }
}

/// Sends every message back. The answers to all messages of one read go out in one write.
async fn echo(mut socket: WebSocket<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
