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
//! | `options.rs` | the options that all servers of the chat have |
//! | `wire.rs` | the messages |

mod connection;
mod connections;
mod room;
mod rooms;
mod server;

use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use chat::limits::{self, Refuser, Slot, Slots};
use chat::options::Common;
use clap::Parser;
use sansocket::Deflate;
use server::Server;

/// How long the connections may take to close at shutdown.
const FAREWELL: Duration = Duration::from_secs(2);

#[derive(Debug, Parser)]
#[command(about = "A chat server")]
struct Options {
    #[command(flatten)]
    common: Common,
    /// Most connections at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1024)]
    max_connections: usize,
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
    let common = options.common;
    let listener = TcpListener::bind(&common.bind).map_err(|error| common.cannot_listen(&error))?;
    let (ended, end) = mpsc::sync_channel(1);
    ctrlc::set_handler(move || ended.try_send(()).unwrap_or_default())?;

    let slots = Slots::new(options.max_connections);
    let config = limits::config(common.keepalive()).deflate(options.deflate.then(Deflate::default));
    let server = Arc::new(Server::start(common.history, common.allow_origin, config)?);
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
