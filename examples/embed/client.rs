//! One connection: its opening handshake, its messages, its end.

use std::io::{self, ErrorKind, Read};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event as Readiness;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use sansocket::handshake::server::{Handshake, Incoming, Response};
use sansocket::{Buffer, Config, Connection, Error, Event, State};

/// How much is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// How many reads one connection may have before the others have their turn.
const READS: usize = 8;

/// How many idle buffers are kept.
const KEPT: usize = 16;

/// How long the peer's end of a stream is awaited.
const ENDING: Duration = Duration::from_secs(5);

/// What a connection needs only while it has something to do.
#[derive(Default)]
pub(crate) struct Lent {
    #[expect(clippy::vec_box, reason = "they come from connections in their boxes, and go back so")]
    inputs: Vec<Box<Buffer>>,
    output: Vec<u8>,
}

impl Lent {
    fn keep(&mut self, input: Box<Buffer>) {
        if self.inputs.len() < KEPT {
            self.inputs.push(input);
        }
    }
}

/// How a turn ended.
pub(crate) enum Turn {
    /// The socket has nothing more to give, or takes nothing more.
    Waits,
    /// There is more to do.
    Unfinished,
    Ended,
}

/// How much of the output the socket took.
#[derive(PartialEq, Eq)]
enum Written {
    All,
    Part,
}

pub(crate) struct Client {
    socket: TcpStream,
    stage: Stage,
    /// Part of a message, or of the opening handshake, that waits for the rest.
    input: Option<Box<Buffer>>,
    /// When the patience ends with a peer that does not open, does not read, or does not end.
    limit: Option<Duration>,
    /// Readiness is told once: it holds until the socket says otherwise.
    readable: bool,
    /// The peer's end of the stream has come, behind what is still to be read.
    ended: bool,
}

#[expect(clippy::large_enum_variant, reason = "most are open, and have nothing on the heap")]
enum Stage {
    Opening(Box<Handshake>),
    Open(Connection),
    /// Everything has been said. A socket closed with unread bytes in it is reset, and a reset takes with it what the
    /// peer has not read: so the peer's end is awaited.
    Ending,
}

impl Client {
    pub(crate) fn new(socket: TcpStream, config: &Arc<Config>, now: Duration) -> Self {
        Self {
            socket,
            stage: Stage::Opening(Box::new(Handshake::new(Arc::clone(config)))),
            input: None,
            limit: Some(now + config.handshake_timeout),
            // The request may have come with the connection.
            readable: true,
            ended: false,
        }
    }

    /// For both kinds of readiness, once and for all: they are told when they change.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.socket.set_nodelay(true)?;
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(crate) fn notice(&mut self, readiness: &Readiness) {
        self.ended |= readiness.is_read_closed() || readiness.is_error();
        self.readable |= readiness.is_readable() || self.ended;
    }

    /// When [`meet_deadline`](Self::meet_deadline) is to be called, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let timer = match &self.stage {
            Stage::Open(connection) => connection.next_timeout(),
            Stage::Opening(_) | Stage::Ending => None,
        };
        [timer, self.limit].into_iter().flatten().min()
    }

    pub(crate) fn meet_deadline(&mut self, lent: &mut Lent, now: Duration) -> Turn {
        if self.limit.is_some_and(|limit| limit <= now) {
            return Turn::Ended;
        }
        if let Stage::Open(connection) = &mut self.stage {
            connection.handle_timeout(now);
        }
        self.turn(lent, now)
    }

    /// Reads and answers what has arrived, then writes all the answers at once.
    pub(crate) fn turn(&mut self, lent: &mut Lent, now: Duration) -> Turn {
        let mut input = self.input.take().or_else(|| lent.inputs.pop()).unwrap_or_default();
        if let Stage::Open(connection) = &mut self.stage {
            connection.output().reuse(mem::take(&mut lent.output));
        }
        let turn = self.take_turn(&mut input, now).unwrap_or(Turn::Ended);
        if let Stage::Open(connection) = &mut self.stage {
            lent.output = connection.output().reclaim();
        }
        if matches!(turn, Turn::Ended) {
            input.clear();
        }
        if input.is_idle() {
            lent.keep(input);
        } else {
            self.input = Some(input);
        }
        turn
    }

    /// An error is the end: the peer has gone, or got more than it takes.
    fn take_turn(&mut self, input: &mut Buffer, now: Duration) -> Result<Turn, Error> {
        // A peer that does not read is not read from.
        if self.write(now)? == Written::Part {
            return Ok(Turn::Waits);
        }
        for _ in 0..READS {
            if !self.readable || self.gathered() >= GATHERED {
                break;
            }
            match self.read(input)? {
                None => break,
                Some(0) => match &mut self.stage {
                    // The rest can still be written. What the end means is in `close_info`, for those who ask.
                    Stage::Open(connection) => connection.receive_eof().unwrap_or_default(),
                    Stage::Opening(_) | Stage::Ending => return Ok(Turn::Ended),
                },
                Some(_) => self.receive(input, now)?,
            }
        }
        Ok(match self.write(now)? {
            Written::All if self.readable => Turn::Unfinished,
            Written::All | Written::Part => Turn::Waits,
        })
    }

    /// Reads once. `None` when there is nothing to read for now.
    fn read(&mut self, input: &mut Buffer) -> io::Result<Option<usize>> {
        let room = input.spare();
        match self.socket.read(room) {
            Ok(n) => {
                // A read that leaves room has emptied the socket, unless the end of the stream is next.
                self.readable = n == room.len() || self.ended;
                input.commit(n);
                Ok(Some(n))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn receive(&mut self, input: &mut Buffer, now: Duration) -> Result<(), Error> {
        if let Stage::Opening(handshake) = &mut self.stage {
            let opened = match handshake.receive(input) {
                Ok(None) => return Ok(()),
                Ok(Some(incoming)) => handshake.respond(answer(&incoming))?,
                Err(_) => None,
            };
            let Some(mut connection) = opened else {
                handshake.output().write_all_to(&mut self.socket)?;
                return Ok(self.end(now)?);
            };
            connection.handle_timeout(now);
            self.stage = Stage::Open(connection);
            self.limit = None;
        }
        match &mut self.stage {
            Stage::Open(connection) => match echo(connection, input) {
                // The Close frame that says so is in the output.
                Err(Error::Protocol(_)) => Ok(()),
                result => result,
            },
            Stage::Opening(_) | Stage::Ending => {
                input.clear();
                Ok(())
            }
        }
    }

    /// How much waits to be written.
    fn gathered(&self) -> usize {
        match &self.stage {
            Stage::Open(connection) => connection.buffered_amount(),
            Stage::Opening(_) | Stage::Ending => 0,
        }
    }

    fn write(&mut self, now: Duration) -> io::Result<Written> {
        let Stage::Open(connection) = &mut self.stage else { return Ok(Written::All) };
        while !connection.output().is_empty() {
            match connection.output().write_to(&mut self.socket) {
                Ok(_) => self.limit = None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let patience = connection.config().write_timeout;
                    self.limit.get_or_insert(now + patience);
                    return Ok(Written::Part);
                }
                Err(error) => return Err(error),
            }
        }
        if connection.state() == State::Closed {
            self.end(now)?;
        }
        Ok(Written::All)
    }

    /// Nothing more will be written.
    fn end(&mut self, now: Duration) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)?;
        self.stage = Stage::Ending;
        self.limit = Some(now + ENDING);
        Ok(())
    }
}

/// Before a connection is open: who may have one, and with which subprotocol.
fn answer(incoming: &Incoming) -> Response {
    match incoming {
        Incoming::Upgrade(request) => match request.subprotocols().find(|name| *name == "echo") {
            Some(echo) => request.accept().subprotocol(echo),
            None => request.accept(),
        },
        Incoming::Http(request) => request.upgrade_required(),
    }
}

/// What this server is there for.
fn echo(connection: &mut Connection, input: &mut Buffer) -> Result<(), Error> {
    while let Some(event) = connection.next_event(input)? {
        match event {
            Event::Text(text) => connection.send_text(text)?,
            Event::Binary(data) => connection.send_binary(data)?,
            _ => {} // Pings and the closing handshake are answered already
        }
    }
    Ok(())
}
