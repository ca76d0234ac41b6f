//! A relay: a reverse proxy for WebSocket. It passes frames on in both directions and never holds a whole message.
//!
//! ```text
//! cargo run --release --example echo -- --plain
//! cargo run --release --example relay -- --bind 127.0.0.1:9002 --upstream 127.0.0.1:9001
//! ```
//!
//! It uses the frame layer alone: [`Decoder`](sansocket::frame::Decoder) and
//! [`FrameHeader`](sansocket::frame::FrameHeader). The opening handshakes are those of [`sansocket::handshake`], which do
//! no I/O.
//!
//! - A refusal of the upstream server is passed on as it came: status and reason phrase, all headers but those that
//!   concern one hop, and the whole body while it arrives. A body that is cut on the way is not complete for the client
//!   either.
//! - Payloads are passed on as they arrive. A frame of a gigabyte takes no more memory than one of a byte. A pair of
//!   connections has two threads and four buffers of fixed size.
//! - Fragments stay fragments. Pings, Pongs and Close frames are passed on, not answered. Frames to the upstream server
//!   are masked anew, each with its own key (section 5.3).
//! - Client and upstream server may agree on compression (permessage-deflate). Compressed messages are passed on as they
//!   are: nothing is inflated, and text in them is not validated.
//! - A peer that reads slowly slows down the other end. A peer that takes nothing for thirty seconds is dropped. The
//!   relay sends no Pings of its own.
//! - Every frame is checked. A peer that breaks a rule gets a Close frame with the code for it, after the last frames
//!   of the other end. The other end gets 1001 if it is the server, 1014 (bad gateway) if it is the client. The same
//!   codes report a peer that is gone without a Close frame. No Close frame can be sent inside a frame: then the
//!   connection just ends.
//!
//! [`opening`] does the two opening handshakes, [`refusal`] passes on a refusal, [`pair`] ends two connections together,
//! [`direction`] passes frames on.

mod direction;
mod opening;
mod pair;
mod refusal;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket relay")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9002")]
    bind: String,
    /// The address of the upstream server, which must speak ws://, not wss://
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
            thread::sleep(Duration::from_millis(100)); // descriptors and memory come back when a connection ends
        }
    }
}

fn spawn(stream: TcpStream, upstream: Arc<[SocketAddr]>) -> io::Result<()> {
    thread::Builder::new().spawn(move || relay(stream, &upstream)).map(drop)
}

fn relay(stream: TcpStream, upstream: &[SocketAddr]) {
    let peer = stream.peer_addr().map_or("unknown peer".into(), |address| address.to_string());
    match opening::open(stream, upstream) {
        Ok(opened) => match pair::run(opened) {
            Ok(()) => println!("relay: {peer} ended"),
            Err(error) => println!("relay: {peer}: {error}"),
        },
        Err(error) => println!("relay: {peer} was not connected: {error}"),
    }
}
