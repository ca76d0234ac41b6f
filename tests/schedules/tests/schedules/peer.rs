//! The other end of the stream: a client or server that the scenario moves, without timers of its own.

use std::future::poll_fn;
use std::io::IoSlice;
use std::time::Duration;

use model::clock;
use sansocket::frame::{MaskKey, MaskKeySource};
use sansocket::{CloseCode, Config, Connection, Event, State};

use crate::wire::End;

struct Key;

impl MaskKeySource for Key {
    fn next_key(&mut self) -> MaskKey {
        MaskKey([1, 2, 3, 4])
    }
}

/// A connection without keepalive.
pub(crate) fn server(config: Config) -> Connection {
    Connection::server(config)
}

/// A client with a fixed masking key.
pub(crate) fn client(config: Config) -> Connection {
    Connection::client_with_keys(config, Key)
}

/// Limits for tests: no keepalive, and times that differ.
pub(crate) fn config() -> Config {
    Config::default()
        .keepalive(None)
        .write_timeout(Duration::from_secs(30))
        .close_timeout(Duration::from_secs(5))
}

pub(crate) struct Peer {
    end: End,
    connection: Connection,
    /// The messages that have arrived.
    pub(crate) received: Vec<String>,
    /// Pings that have arrived, and when.
    pub(crate) pinged: Vec<Duration>,
}

impl Peer {
    pub(crate) fn new(end: End, connection: Connection) -> Self {
        Self { end, connection, received: Vec::new(), pinged: Vec::new() }
    }

    /// Reads once, at most `most` bytes. False at the end of the stream.
    pub(crate) async fn read(&mut self, most: usize) -> bool {
        let mut bytes = vec![0; most];
        let n = poll_fn(|cx| self.end.read(cx, &mut bytes)).await.unwrap();
        self.connection.receive(&bytes[..n]);
        while let Some(event) = self.connection.next_event().unwrap() {
            match event {
                Event::Text(text) => self.received.push(text.to_owned()),
                Event::Ping(_) => self.pinged.push(clock::now()),
                _ => {}
            }
        }
        n > 0
    }

    /// Reads at most `most` bytes in each interval, until that time, or until the Close frame comes.
    pub(crate) async fn read_slowly(&mut self, most: usize, interval: Duration, until: Duration) {
        while clock::now() < until && self.connection.state() == State::Open && self.read(most).await {
            clock::sleep_until(clock::now() + interval).await;
        }
    }

    pub(crate) async fn send(&mut self, message: &str) {
        self.connection.send(message).unwrap();
        self.write().await;
    }

    pub(crate) async fn close(&mut self) {
        self.connection.close(CloseCode::NORMAL, "").unwrap();
        self.write().await;
    }

    /// Writes what waits. A stream that is broken takes it all.
    pub(crate) async fn write(&mut self) {
        while !self.connection.output().is_empty() {
            let output = self.connection.output();
            let slices = [IoSlice::new(output.chunk())];
            match poll_fn(|cx| self.end.write(cx, &slices)).await {
                Ok(n) => self.connection.output().advance(n),
                Err(_) => return,
            }
        }
    }

    /// Reads to the end of the stream, answers Pings and the Close frame, and ends the stream when that is its part.
    pub(crate) async fn run(mut self) -> Self {
        loop {
            self.write().await;
            if self.connection.state() == State::Closed {
                self.end.end();
            }
            if !self.read(64).await {
                return self;
            }
        }
    }

    /// Does nothing any more. The stream stays open until that time.
    pub(crate) async fn sleep_until(self, time: Duration) {
        clock::sleep_until(time).await;
        drop(self);
    }
}
