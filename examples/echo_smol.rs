//! An echo server on smol.
//!
//! ```text
//! cargo run --release --features futures-io --example echo_smol -- --bind 127.0.0.1:9001
//! ```

use std::time::Duration;

use clap::Parser;
use smol::net::{TcpListener, TcpStream};

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server on smol")]
struct Options {
    /// Where to listen; port 0 takes any that is free
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
                Ok((stream, _)) => executor.spawn(echo(stream)).detach(),
                Err(error) => {
                    // Out of descriptors or memory: that ends when a connection does.
                    eprintln!("echo_smol: {error}");
                    smol::Timer::after(Duration::from_millis(100)).await;
                }
            }
        }
    }))
}

async fn echo(stream: TcpStream) -> Result<(), sansocket::Error> {
    stream.set_nodelay(true)?;
    let mut socket = sansocket::futures_io::accept(stream).await?;
    while let Some(message) = socket.read().await? {
        socket.feed(&message).await?;
    }
    Ok(())
}
