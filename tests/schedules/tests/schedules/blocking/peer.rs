//! The other end, in a thread; and the threads of this end.

use std::time::Duration;

use model::clock;
use model::shuttle::thread::{self, JoinHandle};
use sansocket::blocking::{Reader, WebSocket, Writer};
use sansocket::{CloseCode, Config, Connection, Error, Event, Message, State};

use super::socket::{Socket, pair};
use crate::peer::{client, server};
use sansocket::blocking::Stream as _;

pub(crate) struct Peer {
    socket: Socket,
    connection: Connection,
    /// The messages that have arrived.
    pub(crate) received: Vec<String>,
}

impl Peer {
    pub(crate) fn new(socket: Socket, connection: Connection) -> Self {
        Self { socket, connection, received: Vec::new() }
    }

    /// Reads once, at most `most` bytes. False at the end of the stream.
    pub(crate) fn read(&mut self, most: usize) -> bool {
        let mut bytes = vec![0; most];
        let n = std::io::Read::read(&mut self.socket, &mut bytes).unwrap();
        self.connection.receive(&bytes[..n]);
        while let Some(event) = self.connection.next_event().unwrap() {
            if let Event::Text(text) = event {
                self.received.push(text.to_owned());
            }
        }
        n > 0
    }

    pub(crate) fn send(&mut self, message: &str) {
        self.connection.send(message).unwrap();
        self.write();
    }

    pub(crate) fn close(&mut self) {
        self.connection.close(CloseCode::NORMAL, "").unwrap();
        self.write();
    }

    fn write(&mut self) {
        self.connection.output().write_all_to(&mut self.socket).ok();
    }

    /// Reads to the end of the stream, answers, and ends the stream after the closing handshake. Gives the messages.
    pub(crate) fn run(mut self) -> Vec<String> {
        loop {
            self.write();
            if self.connection.state() == State::Closed {
                self.socket.shutdown_write().unwrap();
            }
            if !self.read(64) {
                return self.received;
            }
        }
    }

    /// Does nothing any more. The stream stays open until that time.
    pub(crate) fn sleep_until(self, time: Duration) {
        clock::block_until(time);
    }
}

pub(crate) fn open(config: Config, room: usize) -> (Reader<Socket>, Writer<Socket>, Peer) {
    let (socket, other) = pair(room);
    let (reader, writer) = WebSocket::from_parts(socket, server(config.clone())).unwrap().split();
    (reader, writer, Peer::new(other, client(config)))
}

pub(crate) fn message(name: &str, number: usize) -> String {
    format!("{name}{number}").repeat(20)
}

/// How something ended, and when.
pub(crate) type Outcome = (Result<(), Error>, Duration);

/// Sends two messages, each longer than what the stream holds.
pub(crate) fn write(writer: &Writer<Socket>, name: &'static str) -> JoinHandle<Outcome> {
    let writer = writer.clone();
    thread::spawn(move || {
        let sent = (0..2).try_for_each(|number| writer.send(&message(name, number)));
        (sent, clock::now())
    })
}

/// Reads to the end.
pub(crate) fn read(mut reader: Reader<Socket>) -> JoinHandle<(Vec<Message>, Outcome)> {
    thread::spawn(move || {
        let mut received = Vec::new();
        loop {
            match reader.read() {
                Ok(Some(message)) => received.push(message),
                Ok(None) => return (received, (Ok(()), clock::now())),
                Err(error) => return (received, (Err(error), clock::now())),
            }
        }
    })
}
