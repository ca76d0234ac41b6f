//! A chat server: one page, any number of rooms.
//!
//! ```text
//! cargo run --release -p chat
//! ```
//!
//! Then open <http://127.0.0.1:8080/>, and <http://127.0.0.1:8080/?room=garden> for another room. With `-- --deflate` long messages
//! are compressed: each is compressed once for all members of a room.
//!
//! | file | its job |
//! |---|---|
//! | `main.rs` | options, accepting connections, shutdown |
//! | `connection.rs` | one connection: the handshake, a thread that reads, a thread that writes |
//! | `room.rs`, `rooms.rs` | members, history, broadcasts, lists of users |
//! | `connections.rs` | all open connections by ID |
//! | `server.rs` | what the connections share |
//!
//! The library has the parts that another chat server can use:
//!
//! | file | its job |
//! |---|---|
//! | `limits.rs` | the number of connections, the rate of messages |
//! | `request.rs` | the room that a request asks for, and whether it may connect |
//! | `page.rs` | the page, the list of rooms |
//! | `id.rs` | the IDs of connections |
//! | `names.rs` | names that can be told apart |
//! | `wire.rs` | the messages |

mod connection;
mod connections;
mod room;
mod rooms;
mod server;

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use chat::limits::{self, Refuser, Slot, Slots};
use clap::Parser;
use sansocket::Deflate;
use server::Server;

/// How long the connections may take to close at shutdown.
const FAREWELL: Duration = Duration::from_secs(2);

#[derive(Debug, Parser)]
#[command(about = "A chat server")]
struct Options {
    /// The address to listen on; port 0 takes a free port, 0.0.0.0 lets other computers in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    bind: String,
    /// Most connections at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1024)]
    max_connections: usize,
    /// Messages of a room that a new member sees
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    history: usize,
    /// Another origin whose pages may connect, such as https://example.com (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// Interval of the keepalive, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    keepalive: u64,
    /// Compress long messages (permessage-deflate); a connection then takes up to 330 KB more
    #[arg(long)]
    deflate: bool,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(&options.bind).map_err(|error| cannot_listen(&options.bind, &error))?;
    let (ended, end) = mpsc::sync_channel(1);
    ctrlc::set_handler(move || ended.try_send(()).unwrap_or_default())?;

    let slots = Slots::new(options.max_connections);
    let keepalive = Duration::from_secs(options.keepalive);
    let config = limits::config(keepalive).deflate(options.deflate.then(Deflate::default));
    let server = Arc::new(Server::start(options.history, options.allow_origin, config)?);
    println!("chat: http://{}/", listener.local_addr()?);
    {
        let (server, slots) = (Arc::clone(&server), Arc::clone(&slots));
        let refuser = Refuser::start()?;
        thread::Builder::new().spawn(move || accept(&listener, &server, &slots, &refuser))?;
    }

    end.recv()?;
    slots.close();
    server.rooms.dismiss_all();
    slots.wait_until_free(FAREWELL);
    Ok(())
}

fn cannot_listen(address: &str, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "the address {address} is in use by another program; \
             choose another one with --bind, such as --bind 127.0.0.1:0 for a free port"
        ),
        _ => format!("cannot listen on {address} (set by --bind): {error}"),
    }
}

/// Accepts connections, each with a slot and a thread of its own.
fn accept(listener: &TcpListener, server: &Arc<Server>, slots: &Arc<Slots>, refuser: &Refuser) {
    for stream in listener.incoming() {
        let result = stream.and_then(|stream| match slots.take() {
            Some(slot) => spawn(stream, slot, Arc::clone(server)),
            None => {
                refuser.refuse(stream);
                Ok(())
            }
        });
        // No descriptors or no memory: both come back when a connection ends.
        if let Err(error) = result {
            eprintln!("chat: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Serves a connection in a new thread. When that ends, after a panic, too, the stream is closed, then the slot is
/// free.
fn spawn(stream: TcpStream, slot: Slot, server: Arc<Server>) -> io::Result<()> {
    limits::spawn(slot, connection::STACK, move || connection::run(stream, &server))
}
