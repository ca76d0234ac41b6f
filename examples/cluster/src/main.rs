//! The chat on several servers, which are one chat over Redis.
//!
//! ```text
//! cargo run --release -p cluster -- --bind 127.0.0.1:8081 --redis redis://127.0.0.1/
//! cargo run --release -p cluster -- --bind 127.0.0.1:8082 --redis redis://127.0.0.1/
//! ```
//!
//! Then open <http://127.0.0.1:8081/> and <http://127.0.0.1:8082/>. Without `--redis` it is one server, in memory.
//! `docs/scaling.md` has the files for a load balancer, systemd and Kubernetes.
//!
//! ```text
//! a window ──▶ its task ──▶ Store::say ──▶ memory, or Redis: XADD ──▶ told: Said, Refused
//!                                            │
//! all windows ◀── their tasks ◀── the room's Log ◀── memory, or Redis: XREAD
//! ```
//!
//! A window is a position in the log of its room. What is behind the position when it joins is history, or what it has
//! missed; what is appended later is live. So all windows see the same order, and a slow one delays nobody.
//!
//! | file | its job |
//! |---|---|
//! | `main.rs` | options, accepting connections, draining |
//! | `connection.rs` | one connection, from its handshake to its end |
//! | `window.rs` | what a window says and is told |
//! | `room.rs`, `rooms.rs` | the rooms with windows here |
//! | `log.rs` | the messages of a room |
//! | `people.rs` | who is in a room, here and elsewhere |
//! | `store.rs` | **where rooms live**: in memory or in Redis. No other file knows which |
//! | `redis/` | rooms in Redis: keys, connection, publishing, following, presence |
//! | `page.rs`, `page/resume.js` | the page, and what it has more than that of `examples/chat`; probes |
//! | `wire.rs` | what the messages have more than those of `examples/chat` |
//! | `server.rs`, `metrics.rs` | what the connections share |

mod connection;
mod log;
mod metrics;
mod page;
mod people;
mod redis;
mod room;
mod rooms;
mod server;
mod store;
mod window;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{io, process};

use chat::limits::{Refuser, Slots};
use chat::options::Common;
use clap::Parser;
use server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// How long the windows may take to close, after they have been told.
const FAREWELL: Duration = Duration::from_secs(8);

#[derive(Debug, Parser)]
#[command(about = "A chat server, one of several")]
struct Options {
    #[command(flatten)]
    common: Common,
    /// Where rooms live, such as redis://127.0.0.1/; without it in memory
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Most connections at a time
    #[arg(long, value_name = "COUNT", default_value_t = 16_384)]
    max_connections: usize,
    /// Time between SIGTERM and the end of connections, in milliseconds: for the load balancer to see that /ready is 503
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    drain: u64,
    /// Answer /metrics
    #[arg(long)]
    metrics: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let common = &options.common;
    let listener = TcpListener::bind(&common.bind).await.map_err(|error| common.cannot_listen(&error))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let slots = Slots::new(options.max_connections);
    let server = Server::start(&options)?;
    println!("cluster: http://{}/", listener.local_addr()?);
    tokio::spawn(accept(listener, Arc::clone(&server), Arc::clone(&slots), Refuser::start()?));

    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        process::exit(1); // the second signal
    });
    server.drain();
    tokio::time::sleep(Duration::from_millis(options.drain)).await;
    server.dismiss();
    server.wait_for_windows(FAREWELL).await;
    server.rooms.store().leave().await;
    Ok(())
}

/// Accepts connections, each with a slot and a task of its own. It goes on while the server drains: `/live` and `/ready`
/// are answered to the end, and [`Server`] refuses windows.
async fn accept(listener: TcpListener, server: Arc<Server>, slots: Arc<Slots>, refuser: Refuser) {
    loop {
        let accepted = listener.accept().await;
        let result = accepted.and_then(|(stream, _)| match slots.take() {
            Some(slot) => {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    connection::run(stream, &server).await;
                    drop(slot);
                });
                Ok(())
            }
            None => refuse(stream, &refuser),
        });
        // No descriptors or no memory: both come back when a connection ends.
        if let Err(error) = result {
            eprintln!("cluster: {error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn refuse(stream: TcpStream, refuser: &Refuser) -> io::Result<()> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    refuser.refuse(stream);
    Ok(())
}
