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
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(Options::parse().bind).await?;
    println!("echo_tokio: ws://{}/", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(echo(stream))),
            Err(error) => {
                // Out of descriptors or memory: that ends when a connection does.
                eprintln!("echo_tokio: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn echo(stream: TcpStream) -> Result<(), sansocket::Error> {
    stream.set_nodelay(true)?;
    let mut socket = sansocket::tokio::accept(stream).await?;
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
