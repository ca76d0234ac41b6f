//! An echo server on tokio.
//!
//! ```text
//! cargo run --release --features tokio --example echo_tokio -- --bind 127.0.0.1:9001
//! ```

use std::time::Duration;

use clap::Parser;
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server on tokio")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(Options::parse().bind).await?;
    println!("echo_tokio: ws://{}/", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(run(stream))),
            Err(error) => {
                // No descriptors or no memory: both come back when a connection ends.
                eprintln!("echo_tokio: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn run(stream: TcpStream) {
    if let Err(error) = echo(stream).await {
        eprintln!("echo_tokio: {error}");
    }
}

/// Sends every message back. The answers to all messages of one read go out in one write.
async fn echo(stream: TcpStream) -> Result<(), sansocket::Error> {
    let mut socket = sansocket::tokio::accept(stream).await?;
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
