//! One publisher and thousands of receivers, on tokio.
//!
//! ```text
//! cargo run --release --features tokio --example broadcast -- --bind 127.0.0.1:9001 --every 1000 --size 1024
//! ```
//!
//! Each connection first gets its ID, then every message. On standard input, `list` prints the open connections, `tell
//! ID TEXT` sends a message to one of them, `kick ID [REASON]` closes one.
//!
//! - Each message is encoded once, as [`Prepared`]. All queues share the bytes of a message of 4 KiB or more.
//! - No connection waits for another. `feed` only queues a message; it is written while the connection's task waits in
//!   `read`.
//! - A receiver that is too slow is dropped when more than `--limit` bytes wait for it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use clap::Parser;
use sansocket::tokio::{Reader, Writer, accept_with};
use sansocket::{CloseCode, Config, Error, Prepared, SendError};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// The most messages that a task may lag behind. A task that lags further drops its connection.
const BACKLOG: usize = 64;

/// How long the administrator's messages wait for a peer that does not read.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Parser)]
#[command(about = "Sends every message to every connection")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
    /// Time between two messages, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Length of a message, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    size: usize,
    /// Bytes that may wait for one connection; a connection with more is dropped
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20)]
    limit: usize,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let Options { bind, every, size, limit } = Options::parse();
    let listener = TcpListener::bind(bind).await?;
    println!("broadcast: ws://{}/", listener.local_addr()?);

    let (news, _) = broadcast::channel(BACKLOG);
    let room = Arc::new(Room {
        news,
        limit,
        // `limit` is checked before each message, so `feed` never has to wait.
        config: Arc::new(Config::default().max_output_len(usize::MAX)),
        opened: AtomicU64::new(0),
        open: Mutex::default(),
    });
    tokio::spawn(publish(Arc::clone(&room), Duration::from_millis(every), size));
    tokio::spawn(administrate(Arc::clone(&room)));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&room)))),
            Err(error) => {
                // No descriptors or no memory: both come back when a connection ends.
                eprintln!("broadcast: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What the connections share.
struct Room {
    news: broadcast::Sender<Prepared>,
    limit: usize,
    config: Arc<Config>,
    opened: AtomicU64,
    open: Mutex<HashMap<u64, Writer<TcpStream>>>,
}

impl Room {
    /// The open connections by ID. With its writer, any task can send on a connection or close it.
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Writer<TcpStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encodes each message once, and gives it to all connections.
async fn publish(room: Arc<Room>, every: Duration, size: usize) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
        let mut news = format!("{number} {now} ");
        news.extend(std::iter::repeat_n('.', size.saturating_sub(news.len())));
        room.news.send(Prepared::from(news)).ok(); // an error: there is no connection
    }
}

/// Serves one connection from its opening handshake to its end.
async fn serve(stream: TcpStream, room: Arc<Room>) -> Result<(), Error> {
    let socket = accept_with(stream, Arc::clone(&room.config), |request| request.accept()).await?;
    let (reader, writer) = socket.split();
    let id = room.opened.fetch_add(1, Ordering::Relaxed);
    room.open().insert(id, writer.clone());
    let end = attend(id, &room, reader, &writer).await;
    room.open().remove(&id);
    match &end {
        Ok(end) => println!("{id}: {end}"),
        Err(error) => println!("{id}: {error}"),
    }
    end.map(drop)
}

/// Sends all messages until the connection ends. Gives the reason for the end.
async fn attend(
    id: u64,
    room: &Room,
    mut reader: Reader<TcpStream>,
    writer: &Writer<TcpStream>,
) -> Result<&'static str, Error> {
    let mut news = room.news.subscribe();
    writer.feed(&format!("you are {id}")).await?;
    loop {
        // Both futures are cancel safe: the one that `select!` drops loses nothing.
        tokio::select! {
            received = reader.read() => match received? {
                Some(_) => {} // messages of receivers are ignored
                None => return Ok("closed"),
            },
            message = news.recv() => match message {
                Ok(message) if writer.buffered_amount() <= room.limit => match writer.feed(&message).await {
                    Err(Error::Send(SendError::Closed)) => {} // `read` completes the closing handshake
                    fed => fed?,
                },
                _ => return Ok("too slow"), // too much waits for it, or the task has missed messages
            },
        }
    }
}

/// Executes the commands on standard input.
async fn administrate(room: Arc<Room>) -> io::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut words = line.splitn(3, ' ');
        let (command, id, text) = (words.next(), words.next(), words.next().unwrap_or_default().to_owned());
        let writer = id.and_then(|id| room.open().get(&id.parse().ok()?).cloned());
        match (command, writer) {
            (Some("list"), _) => println!("open: {:?}", room.open().keys()),
            (Some("tell"), Some(writer)) => {
                tokio::spawn(async move { timeout(PATIENCE, writer.send(&text)).await });
            }
            (Some("kick"), Some(writer)) => {
                tokio::spawn(async move {
                    timeout(PATIENCE, writer.close(CloseCode::POLICY_VIOLATION, &text)).await
                });
            }
            (Some("tell" | "kick"), None) => println!("no such connection"),
            _ => println!("list, tell ID TEXT or kick ID [REASON]"),
        }
    }
    Ok(())
}
