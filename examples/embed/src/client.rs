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
use sansocket::{Buffer, Config, Connection, Error, Event, Output, State};

use super::lent::Lent;

/// How much is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// From this length on a message is written by itself: a call of the system then costs less than a copy.
const LONG: usize = 32 << 10;

/// How many bytes one connection may read before the others have their turn: so many that a long message is put together
/// in one go, while it is in the caches and others are not.
const TURN: usize = 1 << 20;

/// How long the peer may take to read a refusal, and to end the stream.
const ENDING: Duration = Duration::from_secs(5);

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
    /// Its turn comes: it stands in the server's list.
    pub(crate) is_listed: bool,
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

enum Stage {
    Opening(Box<Handshake>),
    /// The answer is an HTTP response, and the last thing that is said.
    Refused(Output),
    Open(Connection),
    /// Everything has been said. A socket closed with unread bytes in it is reset, and a reset takes with it what the
    /// peer has not read: so the peer's end is awaited.
    Ending,
}

impl Client {
    pub(crate) fn new(socket: TcpStream, config: &Arc<Config>, now: Duration) -> Self {
        Self {
            is_listed: false,
            socket,
            stage: Stage::Opening(Box::new(Handshake::new(Arc::clone(config)))),
            input: None,
            limit: Some(now + config.handshake_timeout),
            readable: false,
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
            Stage::Opening(_) | Stage::Refused(_) | Stage::Ending => None,
        };
        [timer, self.limit].into_iter().flatten().min()
    }

    pub(crate) fn meet_deadline(&mut self, lent: &mut Lent, now: Duration) -> Turn {
        // Silence counts only after a look: that something has arrived may still be on its way here.
        self.readable = true;
        let turn = self.turn(lent, now);
        if matches!(turn, Turn::Ended) || self.limit.is_some_and(|limit| limit <= now) {
            return Turn::Ended;
        }
        if let Stage::Open(connection) = &mut self.stage {
            connection.handle_timeout(now);
        }
        self.turn(lent, now)
    }

    /// Reads and answers what has arrived, then writes all the answers at once.
    pub(crate) fn turn(&mut self, lent: &mut Lent, now: Duration) -> Turn {
        let mut input = self.input.take().unwrap_or_else(|| lent.input());
        if let Some(output) = self.empty_output() {
            output.reuse(lent.output());
        }
        let turn = self.take_turn(&mut input, now).unwrap_or(Turn::Ended);
        if let Some(output) = self.empty_output() {
            lent.keep_output(output.reclaim());
        }
        if matches!(turn, Turn::Ended) {
            input.clear();
        }
        if input.is_idle() {
            lent.keep_input(input);
        } else {
            self.input = Some(input);
        }
        turn
    }

    /// The output that takes storage before a turn and gives it back after one.
    fn empty_output(&mut self) -> Option<&mut Output> {
        match &mut self.stage {
            Stage::Open(connection) => Some(connection.output()).filter(|output| output.is_empty()),
            Stage::Opening(_) | Stage::Refused(_) | Stage::Ending => None,
        }
    }

    /// An error is the end: the peer has gone, or got more than it takes.
    fn take_turn(&mut self, input: &mut Buffer, now: Duration) -> Result<Turn, Error> {
        // A peer that does not read is not read from.
        if self.write(now)? == Written::Part {
            return Ok(Turn::Waits);
        }
        let (mut taken, mut at_end) = (0, false);
        while self.readable && taken < TURN && self.gathered() < GATHERED {
            match self.read(input)? {
                None => break,
                Some(0) => {
                    if let Stage::Open(connection) = &mut self.stage {
                        // The rest can still be written. What the end means is in `close_info`, for those who ask.
                        connection.receive_eof().unwrap_or_default();
                    }
                    at_end = true;
                    break;
                }
                Some(n) => {
                    taken += n;
                    self.receive(input, now)?;
                }
            }
        }
        Ok(match self.write(now)? {
            Written::Part => Turn::Waits,
            Written::All if at_end => Turn::Ended,
            Written::All if self.readable => Turn::Unfinished,
            Written::All => Turn::Waits,
        })
    }

    /// Reads once. `None` when there is nothing to read for now.
    fn read(&mut self, input: &mut Buffer) -> io::Result<Option<usize>> {
        let room = input.spare();
        match self.socket.read(room) {
            Ok(n) => {
                // A read that leaves room has emptied the socket, unless the end of the stream is next. (Windows tells
                // of readiness again only after `WouldBlock`.)
                self.ended |= n == 0;
                self.readable = n == room.len() || self.ended || cfg!(windows);
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
                self.stage = Stage::Refused(mem::take(handshake.output()));
                input.clear();
                return Ok(());
            };
            connection.handle_timeout(now);
            self.stage = Stage::Open(connection);
            self.limit = None;
        }
        match &mut self.stage {
            Stage::Open(connection) => match echo(connection, input, &mut self.socket) {
                // The Close frame that says so is in the output.
                Err(Error::Protocol(_)) => Ok(()),
                result => result,
            },
            Stage::Opening(_) | Stage::Refused(_) | Stage::Ending => {
                input.clear();
                Ok(())
            }
        }
    }

    /// How much waits to be written.
    fn gathered(&self) -> usize {
        match &self.stage {
            Stage::Open(connection) => connection.buffered_amount(),
            Stage::Opening(_) | Stage::Refused(_) | Stage::Ending => 0,
        }
    }

    fn write(&mut self, now: Duration) -> io::Result<Written> {
        let (output, patience, is_last) = match &mut self.stage {
            Stage::Open(connection) => {
                let (patience, is_last) =
                    (connection.config().write_timeout, connection.state() == State::Closed);
                (connection.output(), patience, is_last)
            }
            Stage::Refused(output) => (output, ENDING, true),
            Stage::Opening(_) | Stage::Ending => return Ok(Written::All),
        };
        while !output.is_empty() {
            match output.write_to(&mut self.socket) {
                Ok(_) => self.limit = None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.limit.get_or_insert(now.saturating_add(patience));
                    return Ok(Written::Part);
                }
                Err(error) => return Err(error),
            }
        }
        if is_last {
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
fn echo(connection: &mut Connection, input: &mut Buffer, socket: &mut TcpStream) -> Result<(), Error> {
    while let Some(event) = connection.next_event(input)? {
        let sent = match event {
            // A long one goes out from where it lies.
            Event::Text(text) if text.len() >= LONG => connection.send_text_through(text, socket),
            Event::Binary(data) if data.len() >= LONG => connection.send_binary_through(data, socket),
            Event::Text(text) => Ok(connection.send_text(text)?),
            Event::Binary(data) => Ok(connection.send_binary(data)?),
            _ => Ok(()), // Pings and the closing handshake are answered already
        };
        match sent {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            sent => sent?,
        }
    }
    Ok(())
}
