//! An echo server on smol.
//!
//! ```text
//! cargo run --release --features smol --example echo_smol -- --bind 127.0.0.1:9001
//! ```

use std::time::Duration;

use clap::Parser;
use smol::net::{TcpListener, TcpStream};

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server on smol")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
}

fn main() -> std::io::Result<()> {
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = TcpListener::bind(Options::parse().bind).await?;
        println!("echo_smol: ws://{}/", listener.local_addr()?);
        loop {
            match listener.accept().await {
                Ok((stream, _)) => executor.spawn(run(stream)).detach(),
                Err(error) => {
                    // No descriptors or no memory: both come back when a connection ends.
                    eprintln!("echo_smol: {error}");
                    smol::Timer::after(Duration::from_millis(100)).await;
                }
            }
        }
    }))
}

async fn run(stream: TcpStream) {
    if let Err(error) = echo(stream).await {
        eprintln!("echo_smol: {error}");
    }
}

/// Sends every message back. The answers to all messages of one read go out in one write.
async fn echo(stream: TcpStream) -> Result<(), sansocket::Error> {
    let mut socket = sansocket::smol::accept(stream).await?;
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
