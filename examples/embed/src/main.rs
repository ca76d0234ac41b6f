//! The protocol without a shell: an echo server in one thread, on a readiness loop, for thousands of connections.
//!
//! ```text
//! cargo run --release -p embed
//! cargo run --release -p embed -- --deflate     # with compression
//! cargo run --release -p embed -- --threads 4   # four such servers on one port, on Linux
//! ```
//!
//! The program gives the core bytes, time, and a socket to write to. [`client`] is one connection; this file has the
//! sockets and the order of turns.
//!
//! An idle connection costs its slot in the slab and nothing else. One [`Storage`] is the memory for reading and
//! writing: it is lent to one connection per turn.

mod client;
#[path = "../../common/listeners.rs"]
mod listeners;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use client::{Client, Turn};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use sansocket::{Config, Deflate, Storage, Timestamp};
use slab::Slab;

/// The token of the listener. The token of a connection is its key in the slab.
const LISTENER: Token = Token(usize::MAX);

/// The precision of deadlines. All deadlines are checked in one pass, at most once per tick.
const TICK: Duration = Duration::from_secs(1);

/// How many connections are accepted before the others have their turn.
const ACCEPTS: usize = 64;

/// How many bytes one read asks for. Large, because all connections share one storage. A message of 128 KiB is read in
/// one piece and echoed from there.
const READ_LEN: usize = 129 << 10;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server on a readiness loop")]
struct Options {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: SocketAddr,
    /// How many threads, each with a listener and with connections of its own (more than one: on Linux)
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    threads: NonZeroUsize,
    /// Interval of the keepalive, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    keepalive: u64,
    /// Time limit for a peer that reads nothing, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    write_timeout: u64,
    /// Agree on compression (permessage-deflate) with clients that offer it, as they ask for it
    #[arg(long)]
    deflate: bool,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let config = Config::default()
        .read_len(READ_LEN)
        .keepalive(Some(Duration::from_secs(options.keepalive)))
        .write_timeout(Duration::from_secs(options.write_timeout))
        .deflate(options.deflate.then(compression));
    let (address, listeners) = listeners::bind(options.bind, options.threads.get())?;
    // Each thread has a copy of the settings: each connection counts as a user of them.
    let servers = listeners.into_iter().map(|listener| Server::new(listener, config.clone()));
    let servers = servers.collect::<io::Result<Vec<_>>>()?;
    println!("embed: ws://{address}/");
    listeners::run(servers, |mut server| server.run())
}

/// Allows clients everything that they may ask for. Short messages are compressed, too: they may be like earlier ones.
fn compression() -> Deflate {
    Deflate::default().takeover(true).peer_takeover(true).min_len(0)
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    /// When to accept connections, if some may be waiting. Readiness is reported once.
    next_accept: Option<Timestamp>,
    clients: Slab<Client>,
    /// The keys of clients whose turn comes: something happened, or they have more to read. The key of a client that
    /// has ended may be that of another client by then; one turn too many does no harm.
    listed: VecDeque<usize>,
    storage: Storage,
    config: Arc<Config>,
    origin: Instant,
    /// When deadlines were last checked, and when the next one comes.
    checked: Timestamp,
    next_deadline: Option<Timestamp>,
}

impl Server {
    /// The listener must not block.
    fn new(listener: net::TcpListener, config: Config) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            next_accept: None,
            clients: Slab::new(),
            listed: VecDeque::new(),
            storage: Storage::new(),
            config: Arc::new(config),
            origin: Instant::now(),
            checked: Timestamp::ORIGIN,
            next_deadline: None,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = self.now();
            for event in &events {
                match event.token() {
                    LISTENER => _ = self.next_accept.get_or_insert(now),
                    Token(key) => {
                        if let Some(client) = self.clients.get_mut(key) {
                            client.notice(event);
                            self.list(key);
                        }
                    }
                }
            }
            // A client that is unfinished after its turn waits for the next round. The clock is read for each: time limits begin
            // in a turn, and the turns before it may have taken long.
            for _ in 0..self.listed.len() {
                let Some(key) = self.listed.pop_front() else { break };
                let now = self.now();
                if let Some(client) = self.clients.get_mut(key) {
                    client.set_listed(false);
                    let turn = client.turn(&mut self.storage, &self.config, now);
                    self.settle(key, turn);
                }
            }
            let now = self.now();
            if self.deadline().is_some_and(|time| time <= now) {
                self.check_deadlines(now);
            }
            // Last, so that no event of this round reaches a new connection with the key of an old one.
            let now = self.now();
            if self.next_accept.is_some_and(|time| time <= now) {
                self.accept(now);
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.origin.elapsed().into()
    }

    /// When to check deadlines next.
    fn deadline(&self) -> Option<Timestamp> {
        self.next_deadline.map(|time| time.max(self.checked + TICK))
    }

    /// How long to wait for readiness. `None`: without a limit.
    fn patience(&self) -> Option<Duration> {
        if !self.listed.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = [self.deadline(), self.next_accept].into_iter().flatten().min();
        next.map(|time| time.duration_since(self.now()))
    }

    fn list(&mut self, key: usize) {
        if self.clients.get_mut(key).is_some_and(|client| !client.set_listed(true)) {
            self.listed.push_back(key);
        }
    }

    fn settle(&mut self, key: usize, turn: Turn) {
        match turn {
            Turn::Waits => {}
            Turn::Unfinished => self.list(key),
            Turn::Ended => {
                self.clients.remove(key);
                return;
            }
        }
        self.expect_deadline(self.clients.get(key).and_then(Client::deadline));
    }

    fn expect_deadline(&mut self, deadline: Option<Timestamp>) {
        self.next_deadline = [self.next_deadline, deadline].into_iter().flatten().min();
    }

    fn check_deadlines(&mut self, now: Timestamp) {
        self.checked = now;
        self.next_deadline = None;
        for key in 0..self.clients.capacity() {
            let Some(client) = self.clients.get_mut(key) else { continue };
            let deadline = client.deadline();
            if deadline.is_some_and(|time| time <= now) {
                let turn = client.meet_deadline(&mut self.storage, &self.config, now);
                self.settle(key, turn);
            } else {
                self.expect_deadline(deadline);
            }
        }
    }

    fn accept(&mut self, now: Timestamp) {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    let slot = self.clients.vacant_entry();
                    let key = slot.key();
                    let mut client = Client::new(socket, &self.config, now);
                    if client.register(self.poll.registry(), Token(key)).is_ok() {
                        let deadline = client.deadline();
                        slot.insert(client);
                        self.expect_deadline(deadline);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.next_accept = None;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // No descriptors or no memory: both come back when a connection ends.
                Err(_) => {
                    self.next_accept = Some(now + TICK);
                    return;
                }
            }
        }
    }
}
