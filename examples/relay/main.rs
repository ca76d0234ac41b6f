//! A relay: a reverse proxy that passes WebSocket frames on, in both directions, without ever holding a message.
//!
//! ```text
//! cargo run --release --example echo -- --plain
//! cargo run --release --example relay -- --bind 127.0.0.1:9002 --upstream 127.0.0.1:9001
//! ```
//!
//! It shows the frame layer by itself: [`Decoder`](sansocket::frame::Decoder) and
//! [`FrameHeader`](sansocket::frame::FrameHeader), with the opening handshakes done by `blocking`.
//!
//! - Payloads go on as they arrive, in whatever parts: a frame of a gigabyte takes no more memory than one of a byte.
//!   A pair of connections has two threads and four buffers of a fixed size, so nothing has to be limited.
//! - Fragments stay fragments, and Pings, Pongs and Close frames are passed on like any other frame, not answered. What
//!   goes to the upstream server is masked anew, with a key of its own for each frame (section 5.3).
//! - Whoever reads slowly is written to slowly, and the other end is then read from slowly. After thirty seconds in which
//!   a peer takes nothing at all it is given up. A relay has no Pings of its own: silence is between the two ends.
//! - Every frame is checked. A peer that breaks a rule gets the Close code for it, once the other has said what it still
//!   had to say; the other gets 1001 where it is the server, 1014 (bad gateway) where it is the client. The same codes
//!   stand for a peer that is gone without a Close frame. In the middle of a frame no Close frame can stand: there the
//!   connection just ends, and that is what the other end sees, too.
//!
//! [`opening`] is the two opening handshakes, [`pair`] how two connections end together, [`direction`] the frames.

mod direction;
mod opening;
mod pair;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket relay")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9002")]
    bind: String,
    /// Where the server is (ws://, not wss://) that gets the connections
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    upstream: String,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let upstream: Arc<[SocketAddr]> = options.upstream.to_socket_addrs()?.collect();
    let listener = TcpListener::bind(&options.bind)?;
    println!("relay: ws://{}/", listener.local_addr()?);
    loop {
        if let Err(error) = listener.accept().and_then(|(stream, _)| spawn(stream, Arc::clone(&upstream))) {
            eprintln!("relay: {error}");
            thread::sleep(Duration::from_millis(100)); // what is short comes back when a connection ends
        }
    }
}

fn spawn(stream: TcpStream, upstream: Arc<[SocketAddr]>) -> io::Result<()> {
    thread::Builder::new().spawn(move || relay(stream, &upstream)).map(drop)
}

fn relay(stream: TcpStream, upstream: &[SocketAddr]) {
    let peer = stream.peer_addr().map_or("somebody".into(), |address| address.to_string());
    match opening::open(stream, upstream) {
        Ok((client, upstream)) => match pair::run(client, upstream) {
            Ok(()) => println!("relay: {peer} ended"),
            Err(error) => println!("relay: {peer}: {error}"),
        },
        Err(error) => println!("relay: {peer} was not connected: {error}"),
    }
}
