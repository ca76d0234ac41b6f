//! The protocol without a shell: an echo server in one thread, on a readiness loop, with thousands of connections.
//!
//! ```text
//! cargo run --release --example embed
//! ```
//!
//! A loop like this one, in whatever program has it already, gives the core what it needs: bytes, time, and a place to
//! write to. What happens on one connection is in [`client`]; this file knows sockets and turns.
//!
//! A connection that is idle costs its slot here and nothing else: what is needed to read and to write is [`Lent`] to
//! whichever has something to do.

mod client;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use client::{Client, Lent, Turn};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use sansocket::Config;
use slab::Slab;

/// The token of the listener; those of the connections are their places in the slab.
const LISTENER: Token = Token(usize::MAX);

/// How exactly deadlines are kept. Coarse, so that ten thousand of them are looked at once a second and not one by one.
const TICK: Duration = Duration::from_secs(1);

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server on a readiness loop")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: SocketAddr,
}

fn main() -> io::Result<()> {
    let mut server = Server::bind(Options::parse().bind)?;
    println!("embed: ws://{}/", server.listener.local_addr()?);
    server.run()
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    /// Connections may be waiting to be accepted: readiness is told once.
    waiting: bool,
    clients: Slab<Client>,
    /// Those that had their turn and have more to read.
    unfinished: Vec<usize>,
    lent: Lent,
    config: Arc<Config>,
    origin: Instant,
    /// When deadlines were looked at, and when the next one comes.
    looked: Duration,
    next_deadline: Option<Duration>,
}

impl Server {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            waiting: false,
            clients: Slab::new(),
            unfinished: Vec::new(),
            lent: Lent::default(),
            config: Arc::default(),
            origin: Instant::now(),
            looked: Duration::ZERO,
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
                    LISTENER => self.waiting = true,
                    Token(key) => {
                        // None: it has ended earlier in this round.
                        if let Some(client) = self.clients.get_mut(key) {
                            client.notice(event);
                            self.turn(key, now);
                        }
                    }
                }
            }
            for key in std::mem::take(&mut self.unfinished) {
                self.turn(key, now);
            }
            // Silence counts only after a look at what has arrived.
            if self.deadline().is_some_and(|time| time <= now) {
                self.look_at_deadlines(now);
            }
            self.accept(now);
        }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// When deadlines are looked at next.
    fn deadline(&self) -> Option<Duration> {
        self.next_deadline.map(|time| time.max(self.looked + TICK))
    }

    /// How long there is nothing to do unless something arrives.
    fn patience(&self) -> Option<Duration> {
        if self.unfinished.is_empty() {
            self.deadline().map(|time| time.saturating_sub(self.now()))
        } else {
            Some(Duration::ZERO)
        }
    }

    fn turn(&mut self, key: usize, now: Duration) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let turn = client.turn(&mut self.lent, now);
        self.settle(key, turn);
    }

    fn settle(&mut self, key: usize, turn: Turn) {
        match turn {
            Turn::Waits => {}
            Turn::Unfinished => self.unfinished.push(key),
            Turn::Ended => {
                self.clients.remove(key);
                return;
            }
        }
        self.expect_deadline(self.clients.get(key).and_then(Client::deadline));
    }

    fn expect_deadline(&mut self, deadline: Option<Duration>) {
        self.next_deadline = [self.next_deadline, deadline].into_iter().flatten().min();
    }

    fn look_at_deadlines(&mut self, now: Duration) {
        self.looked = now;
        self.next_deadline = None;
        for key in 0..self.clients.capacity() {
            let Some(client) = self.clients.get_mut(key) else { continue };
            let deadline = client.deadline();
            if deadline.is_some_and(|time| time <= now) {
                let turn = client.meet_deadline(&mut self.lent, now);
                self.settle(key, turn);
            } else {
                self.expect_deadline(deadline);
            }
        }
    }

    fn accept(&mut self, now: Duration) {
        while self.waiting {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    let slot = self.clients.vacant_entry();
                    let key = slot.key();
                    let mut client = Client::new(socket, &self.config, now);
                    if client.register(self.poll.registry(), Token(key)).is_ok() {
                        slot.insert(client);
                        self.turn(key, now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.waiting = false,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Descriptors or memory are short, until a connection ends: tried again with the next look.
                Err(_) => {
                    self.next_deadline = Some(now);
                    return;
                }
            }
        }
    }
}
