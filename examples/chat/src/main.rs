//! A chat server: one page, any number of rooms.
//!
//! ```text
//! cargo run --release -p chat
//! ```
//!
//! then open <http://127.0.0.1:8080/>, and <http://127.0.0.1:8080/?room=garden> for another room.
//!
//! | file | its job |
//! |---|---|
//! | `main.rs` | options, taking connections, the end |
//! | `connection.rs` | one connection: the handshake, a thread that reads, a thread that writes |
//! | `room.rs`, `rooms.rs` | members, history, broadcasts, lists of users |
//! | `connections.rs` | all connections by their ID |
//! | `server.rs` | what the connections share |
//!
//! The library has what another chat server can share:
//!
//! | file | its job |
//! |---|---|
//! | `limits.rs` | how many connections, and how many messages of each |
//! | `request.rs` | what a request asks for, and who may |
//! | `page.rs` | the page |
//! | `id.rs` | the IDs of connections |
//! | `wire.rs` | the messages |

mod connection;
mod connections;
mod room;
mod rooms;
mod server;

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use chat::limits::{self, Refuser, Slot, Slots};
use clap::Parser;
use server::Server;

/// How long the connections may take to close when the server ends.
const FAREWELL: Duration = Duration::from_secs(2);

#[derive(Debug, Parser)]
#[command(about = "A chat server")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    bind: String,
    /// The most connections at a time
    #[arg(long, value_name = "COUNT", default_value_t = 1024)]
    max_connections: usize,
    /// How many messages of a room whoever joins it gets to see
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    history: usize,
    /// Another site whose pages may connect, such as https://example.com (repeatable)
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// How many seconds apart the server looks whether a connection is alive
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    keepalive: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let listener = TcpListener::bind(&options.bind)?;
    let (ended, end) = mpsc::sync_channel(1);
    ctrlc::set_handler(move || ended.try_send(()).unwrap_or_default())?;

    let slots = Slots::new(options.max_connections);
    let keepalive = Duration::from_secs(options.keepalive);
    let server = Arc::new(Server::start(options.history, options.allow_origin, keepalive)?);
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

/// Takes connections, each into a slot and a thread of its own.
fn accept(listener: &TcpListener, server: &Arc<Server>, slots: &Arc<Slots>, refuser: &Refuser) {
    for stream in listener.incoming() {
        let result = stream.and_then(|stream| match slots.take() {
            Some(slot) => spawn(stream, slot, Arc::clone(server)),
            None => {
                refuser.refuse(stream);
                Ok(())
            }
        });
        // What is short here is descriptors or memory, and stays so until some connection ends: trying again at once
        // would only burn time.
        if let Err(error) = result {
            eprintln!("chat: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Whatever happens in the thread, a panic included, it ends with the stream closed and then the slot free.
fn spawn(stream: TcpStream, slot: Slot, server: Arc<Server>) -> io::Result<()> {
    limits::spawn(slot, connection::STACK, move || connection::run(stream, &server))
}
