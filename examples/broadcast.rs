//! One publisher, thousands of receivers, on tokio.
//!
//! ```text
//! cargo run --release --features tokio --example broadcast -- --bind 127.0.0.1:9001 --every 1000 --size 1024
//! ```
//!
//! Each connection is greeted with its ID and then gets every message. Type `list`, `tell ID TEXT` or `kick ID` to
//! reach a connection from elsewhere.
//!
//! - A message is encoded once, as [`Prepared`]; large ones are never copied, however many queues they stand in.
//! - Nobody waits for anybody: a message is *fed* to a connection, which only queues it, and whatever is queued is written
//!   while that connection's task waits in `read`. Who takes messages more slowly than they come has ever more of them queued,
//!   and is dropped when that is too much.

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

/// How many messages a task may be behind before it counts as too slow, whatever its peer does.
const BACKLOG: usize = 64;

/// How long the administrator's messages may wait for a peer that does not read.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Parser)]
#[command(about = "Sends every message to every connection")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: String,
    /// The time between two messages
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// The length of a message
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    size: usize,
    /// How much may wait for one connection before it is dropped
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
        // Ours is the stricter limit, so that feeding never waits.
        config: Arc::new(Config { max_output_len: usize::MAX, ..Config::default() }),
        opened: AtomicU64::new(0),
        open: Mutex::default(),
    });
    tokio::spawn(publish(Arc::clone(&room), Duration::from_millis(every), size));
    tokio::spawn(administrate(Arc::clone(&room)));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&room)))),
            Err(error) => {
                // Out of descriptors or memory: that ends when a connection does.
                eprintln!("broadcast: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What the connections share.
struct Room {
    news: broadcast::Sender<Arc<Prepared>>,
    limit: usize,
    config: Arc<Config>,
    opened: AtomicU64,
    open: Mutex<HashMap<u64, Writer<TcpStream>>>,
}

impl Room {
    /// The connections by their ID: with its writer, any task reaches any of them.
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Writer<TcpStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Encodes each message, once.
async fn publish(room: Arc<Room>, every: Duration, size: usize) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        ticks.tick().await;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros();
        let mut news = format!("{number} {now} ");
        news.extend(std::iter::repeat_n('.', size.saturating_sub(news.len())));
        room.news.send(Arc::new(Prepared::from(news))).ok(); // an error: nobody is there
    }
}

/// One connection, from its opening handshake to its end.
async fn serve(stream: TcpStream, room: Arc<Room>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
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

/// Sends all news until the connection ends, and says why it did.
async fn attend(
    id: u64,
    room: &Room,
    mut reader: Reader<TcpStream>,
    writer: &Writer<TcpStream>,
) -> Result<&'static str, Error> {
    let mut news = room.news.subscribe();
    writer.feed(&format!("you are {id}").into()).await?;
    loop {
        // Whichever of the two is dropped, nothing is lost: the next one goes on where it stopped.
        tokio::select! {
            received = reader.read() => match received? {
                Some(_) => {} // receivers have no say
                None => return Ok("closed"),
            },
            message = news.recv() => match message {
                Ok(message) if writer.buffered_amount() <= room.limit => match writer.feed_prepared(&message).await {
                    Err(Error::Send(SendError::Closed)) => {} // the closing handshake is the reader's
                    fed => fed?,
                },
                _ => return Ok("too slow"), // too much is waiting for it, or it has missed messages
            },
        }
    }
}

/// Follows the orders on standard input.
async fn administrate(room: Arc<Room>) -> io::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let mut words = line.splitn(3, ' ');
        let (order, id, text) = (words.next(), words.next(), words.next().unwrap_or_default().to_owned());
        let writer = id.and_then(|id| room.open().get(&id.parse().ok()?).cloned());
        match (order, writer) {
            (Some("list"), _) => println!("open: {:?}", room.open().keys()),
            (Some("tell"), Some(writer)) => {
                tokio::spawn(async move { timeout(PATIENCE, writer.send_text(&text)).await });
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
