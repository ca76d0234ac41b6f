//! The load: one thread, many connections, prepared bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Outcome;
use crate::running::Running;
use crate::traffic::{Batch, Traffic};

/// A server that is silent for this long has lost a message.
const PATIENCE: Duration = Duration::from_secs(10);

/// The length of a read in bytes.
const READ: usize = 256 << 10;

pub struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    room: Vec<u8>,
}

/// The result of a turn.
#[derive(Default)]
pub struct Exchanged {
    pub messages: u64,
    pub elapsed: Duration,
    /// The time of each batch, from the first write to the last read.
    pub latencies: Vec<Duration>,
}

struct Connection {
    stream: TcpStream,
    /// The number of batches before, and how many bytes of this one have been sent and have come back.
    batch: usize,
    sent: usize,
    received: usize,
    begun: Instant,
}

impl Load {
    pub fn connect(server: &Running, connections: usize) -> Outcome<Self> {
        let poll = Poll::new()?;
        let mut all = Vec::new();
        for (index, stream) in server.connect(connections)?.into_iter().enumerate() {
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            all.push(Connection { stream, batch: index, sent: 0, received: 0, begun: Instant::now() });
        }
        Ok(Self { poll, events: Events::with_capacity(1024), connections: all, room: vec![0; READ] })
    }

    /// Sends batches on every connection for at least `duration`. At the end all of them have come back.
    pub fn run(&mut self, traffic: &Traffic, duration: Duration) -> Outcome<Exchanged> {
        let mut exchanged = Exchanged::default();
        let start = Instant::now();
        for connection in &mut self.connections {
            connection.begin(traffic)?;
        }
        let mut busy = self.connections.len();
        while busy > 0 {
            match self.poll.poll(&mut self.events, Some(PATIENCE)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            if self.events.is_empty() {
                return Err(format!("nothing comes back on {busy} connections").into());
            }
            for event in &self.events {
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                if event.is_writable() {
                    connection.write(traffic)?;
                }
                if event.is_readable() && connection.read(traffic, &mut self.room)? {
                    exchanged.latencies.push(connection.begun.elapsed());
                    connection.batch += 1;
                    if start.elapsed() < duration {
                        connection.begin(traffic)?;
                    } else {
                        busy -= 1;
                    }
                }
            }
        }
        exchanged.elapsed = start.elapsed();
        exchanged.messages = (exchanged.latencies.len() * traffic.messages_a_batch) as u64;
        Ok(exchanged)
    }
}

impl Connection {
    fn begin(&mut self, traffic: &Traffic) -> io::Result<()> {
        self.begun = Instant::now();
        (self.sent, self.received) = (0, 0);
        self.write(traffic)
    }

    fn write(&mut self, traffic: &Traffic) -> io::Result<()> {
        let Batch { sent, .. } = traffic.batch(self.batch);
        while self.sent < sent.len() {
            match self.stream.write(&sent[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads. Returns whether the batch is back.
    fn read(&mut self, traffic: &Traffic, room: &mut [u8]) -> Outcome<bool> {
        let Batch { expected, .. } = traffic.batch(self.batch);
        loop {
            let n = match self.stream.read(room) {
                Ok(0) => return Err("the server has ended the connection".into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if expected.get(self.received..self.received + n) != Some(&room[..n]) {
                return Err("what came back is not what was sent".into());
            }
            self.received += n;
            if self.received == expected.len() {
                return Ok(true);
            }
            // A read that does not fill the room has emptied the socket.
            if n < room.len() {
                return Ok(false);
            }
        }
    }
}
