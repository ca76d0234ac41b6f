//! The protocol without a shell: an echo server in one thread, on a readiness loop, with thousands of connections.
//!
//! ```text
//! cargo run --release -p embed
//! ```
//!
//! A loop like this one, in whatever program has it already, gives the core what it needs: bytes, time, and a place to
//! write to. What happens on one connection is in [`client`]; this file knows sockets and turns.
//!
//! A connection that is idle costs its slot here and nothing else: what is needed to read and to write is [`Lent`] to
//! whichever has something to do.

mod client;
mod lent;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use client::{Client, Turn};
use lent::Lent;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use sansocket::Config;
use slab::Slab;

/// The token of the listener; those of the connections are their places in the slab.
const LISTENER: Token = Token(usize::MAX);

/// How exactly deadlines are kept. Coarse, so that ten thousand of them are looked at once a second and not one by one.
const TICK: Duration = Duration::from_secs(1);

/// How many connections are accepted before the others have their turn.
const ACCEPTS: usize = 64;

#[derive(Debug, Parser)]
#[command(about = "A WebSocket echo server on a readiness loop")]
struct Options {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    bind: SocketAddr,
    /// How many seconds apart the server looks whether a connection is alive
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    keepalive: u64,
    /// How many seconds the server waits for a peer that takes nothing of what is written to it
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    write_timeout: u64,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let config = Config {
        keepalive: Some(Duration::from_secs(options.keepalive)),
        write_timeout: Duration::from_secs(options.write_timeout),
        ..Config::default()
    };
    let mut server = Server::bind(options.bind, config)?;
    println!("embed: ws://{}/", server.listener.local_addr()?);
    server.run()
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    /// When connections are accepted, if some may be waiting: readiness is told once.
    next_accept: Option<Duration>,
    clients: Slab<Client>,
    /// Those whose turn comes, each once: something happened, or they have more to read. The place of one that has ended
    /// may be another's by then, for whom a turn too many does no harm.
    listed: VecDeque<usize>,
    lent: Lent,
    config: Arc<Config>,
    origin: Instant,
    /// When deadlines were looked at, and when the next one comes.
    looked: Duration,
    next_deadline: Option<Duration>,
}

impl Server {
    fn bind(address: SocketAddr, config: Config) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            next_accept: None,
            clients: Slab::new(),
            listed: VecDeque::new(),
            lent: Lent::default(),
            config: Arc::new(config),
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
                    LISTENER => _ = self.next_accept.get_or_insert(now),
                    Token(key) => {
                        if let Some(client) = self.clients.get_mut(key) {
                            client.notice(event);
                            self.list(key);
                        }
                    }
                }
            }
            // Whoever is unfinished after it waits for the next round.
            for _ in 0..self.listed.len() {
                let Some(key) = self.listed.pop_front() else { break };
                if let Some(client) = self.clients.get_mut(key) {
                    client.is_listed = false;
                    let turn = client.turn(&mut self.lent, now);
                    self.settle(key, turn);
                }
            }
            if self.deadline().is_some_and(|time| time <= now) {
                self.look_at_deadlines(now);
            }
            // Last, so that no event of this round is taken for one of a connection that has the place of another.
            if self.next_accept.is_some_and(|time| time <= now) {
                self.accept(now);
            }
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
        if !self.listed.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = [self.deadline(), self.next_accept].into_iter().flatten().min();
        next.map(|time| time.saturating_sub(self.now()))
    }

    fn list(&mut self, key: usize) {
        let is_new = |client: &mut Client| !mem::replace(&mut client.is_listed, true);
        if self.clients.get_mut(key).is_some_and(is_new) {
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
                // Descriptors or memory are short, until a connection ends.
                Err(_) => {
                    self.next_accept = Some(now + TICK);
                    return;
                }
            }
        }
    }
}
