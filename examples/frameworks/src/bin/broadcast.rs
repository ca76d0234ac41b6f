//! A route of an axum server where each text message of a client goes to all other clients.
//!
//! ```text
//! cargo run --release -p frameworks --bin broadcast -- --bind 127.0.0.1:9001
//! ```
//!
//! Try it with two clients: `cargo run --release -p client -- ws://127.0.0.1:9001/ws`.
//!
//! - Each message is encoded once, as [`Prepared`].
//! - No client waits for another. `feed` only queues a message; it is written while the client's task waits in `read`.
//! - A client that is too slow is dropped: when more than [`LIMIT`] bytes wait for it, or when its task lags behind.
//! - Ctrl-C ends the server: it takes no more requests, closes all connections with code 1001, and waits for each of them
//!   at most [`GRACE`].
//!
//! `axum::serve` has no time limit for the head of a request. A server without a proxy before it accepts connections as
//! `hyper_upgrade` beside this program does.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use axum::serve::ListenerExt;
use clap::Parser;
use sansocket::axum::{WebSocket, WebSocketUpgrade};
use sansocket::{CloseCode, Config, Error, Limits, Message, Prepared, SendError};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::time::{sleep, timeout};

/// The most messages that a task may lag behind.
const BACKLOG: usize = 256;

/// The most bytes that may wait for one client.
const LIMIT: usize = 1 << 20;

/// How long a client may take to end its connection or its request.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug, Parser)]
#[command(about = "Sends each text message to all other clients, with axum")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(Options::parse().bind).await?;
    println!("broadcast: http://{}/", listener.local_addr()?);
    let room = Arc::new(Room::new());
    let end = Arc::clone(&room);
    ctrlc::set_handler(move || _ = end.end.send_replace(true)).map_err(io::Error::other)?;

    let routes = Router::new().route("/ws", any(join)).with_state(Arc::clone(&room));
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    let server = axum::serve(listener, routes).with_graceful_shutdown(ended(room.end.subscribe()));
    let too_late = async {
        ended(room.end.subscribe()).await;
        sleep(GRACE).await;
    };
    tokio::select! {
        outcome = server.into_future() => outcome?,
        () = too_late => {} // a request is incomplete
    }
    room.end.closed().await; // axum does not wait for the tasks of the clients; each holds a receiver of `end`
    Ok(())
}

/// What the clients share.
struct Room {
    /// Each message, behind the ID of the client that it comes from.
    news: broadcast::Sender<(u64, Prepared)>,
    /// Whether the server ends.
    end: watch::Sender<bool>,
    config: Arc<Config>,
    joined: AtomicU64,
}

impl Room {
    fn new() -> Self {
        // `LIMIT` is checked before each message, so `feed` never has to wait.
        let limits = Limits::default().max_message_len(64 << 10);
        let config = Config::default().limits(limits).max_output_len(usize::MAX);
        Self {
            news: broadcast::Sender::new(BACKLOG),
            end: watch::Sender::new(false),
            config: Arc::new(config),
            joined: AtomicU64::new(0),
        }
    }
}

async fn ended(mut end: watch::Receiver<bool>) {
    end.wait_for(|end| *end).await.ok();
}

/// The route.
async fn join(State(room): State<Arc<Room>>, upgrade: WebSocketUpgrade) -> Response {
    let end = room.end.subscribe();
    upgrade.config(Arc::clone(&room.config)).on_upgrade(|socket| serve(room, end, socket))
}

/// Serves one client to the end of its connection.
async fn serve(room: Arc<Room>, end: watch::Receiver<bool>, socket: WebSocket) {
    let id = room.joined.fetch_add(1, Ordering::Relaxed);
    println!("{id}: joined");
    match attend(id, &room, end, socket).await {
        Ok(reason) => println!("{id}: {reason}"),
        Err(error) => println!("{id}: {error}"),
    }
}

/// Passes messages on until the connection ends. Gives the reason for the end.
async fn attend(
    id: u64,
    room: &Room,
    end: watch::Receiver<bool>,
    mut socket: WebSocket,
) -> Result<&'static str, Error> {
    let mut news = room.news.subscribe();
    let mut end = pin!(ended(end));
    loop {
        // All futures are cancel safe: those that `select!` drops lose nothing.
        tokio::select! {
            message = socket.read() => match message? {
                Some(Message::Text(text)) => _ = room.news.send((id, Prepared::from(text))),
                Some(Message::Binary(_)) => return close(socket, CloseCode::UNSUPPORTED, "text only").await,
                None => return Ok("closed"),
            },
            message = news.recv() => match message {
                Ok((from, _)) if from == id => {}
                Ok((_, message)) if socket.buffered_amount() <= LIMIT => match socket.feed(&message).await {
                    Err(Error::Send(SendError::Closed)) => {} // `read` completes the closing handshake
                    fed => fed?,
                },
                _ => return Ok("too slow"), // too much waits for it, or the task has missed messages
            },
            () = &mut end => return close(socket, CloseCode::GOING_AWAY, "the server ends").await,
        }
    }
}

async fn close(mut socket: WebSocket, code: CloseCode, reason: &'static str) -> Result<&'static str, Error> {
    match timeout(GRACE, socket.close(code, reason)).await {
        Ok(closed) => closed.map(|()| reason),
        Err(_) => Ok("no answer to the Close frame"),
    }
}
