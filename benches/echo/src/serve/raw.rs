//! The least possible work: one thread and a readiness loop that reads and writes back.

use std::io::{self, ErrorKind, Read, Write};
use std::net;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::Outcome;

const LISTENER: Token = Token(usize::MAX);

/// The length of a read in bytes.
const READ: usize = 64 << 10;

struct Connection {
    stream: TcpStream,
    /// The bytes that the socket has not taken yet.
    waiting: Vec<u8>,
}

pub fn run(listener: net::TcpListener) -> Outcome<()> {
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut room = vec![0; READ];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections)?;
            } else if let Some(slot) = connections.get_mut(event.token().0) {
                let ended = slot.as_mut().is_some_and(|connection| connection.turn(&mut room).is_err());
                if ended {
                    *slot = None;
                }
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, connections: &mut Vec<Option<Connection>>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let free = connections.iter().position(Option::is_none);
        let place = free.unwrap_or(connections.len());
        poll.registry().register(&mut stream, Token(place), Interest::READABLE | Interest::WRITABLE)?;
        let connection = Some(Connection { stream, waiting: Vec::new() });
        match free {
            Some(place) => connections[place] = connection,
            None => connections.push(connection),
        }
    }
}

impl Connection {
    /// Reads and writes back until the socket would block. An error ends the connection.
    fn turn(&mut self, room: &mut [u8]) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if !self.write(&waiting)? {
            return Ok(());
        }
        loop {
            match self.stream.read(room) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    // A read that does not fill the room has emptied the socket.
                    if !self.write(&room[..n])? || n < room.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes. Returns whether the socket took everything; otherwise the rest waits.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.waiting = bytes.to_vec();
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
