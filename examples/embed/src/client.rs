//! One connection: its opening handshake, its messages, its end.

use std::io::{self, ErrorKind, Read};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Event as Readiness;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use sansocket::handshake::server::{Handshake, Incoming, Response};
use sansocket::handshake::{Opening, Step};
use sansocket::{
    Config, Connection, Error, Event, HandshakeError, Output, ShutdownStep, State, Storage, Timestamp,
};

/// How many bytes of answers are gathered before they are written.
const GATHERED: usize = 64 << 10;

/// A message of this length or more is written at once, without a copy. A system call then costs less than the copy.
const LONG: usize = 32 << 10;

/// How many bytes one connection may read before the others have their turn. Enough to read most long messages in one
/// turn.
const TURN: usize = 1 << 20;

/// How a turn ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The socket has nothing to read, or takes no more bytes.
    Waits,
    /// There is more to do.
    Unfinished,
    Ended,
}

/// A slot for one connection. Every idle connection costs this much, so the fields are packed: 256 bytes.
pub(crate) struct Client {
    stream: Stream,
    stage: Stage,
    /// When this server gives up a peer that does not complete the handshake, does not read, or does not end its
    /// stream.
    limit: Option<Timestamp>,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(cfg!(debug_assertions) || size_of::<Client>() <= 256);

#[allow(
    clippy::large_enum_variant,
    reason = "most connections are open, and a box would be one more allocation for each"
)]
enum Stage {
    Opening(Box<Opening>),
    Open(Connection),
    /// There is no connection.
    Ended,
}

impl Client {
    pub(crate) fn new(socket: TcpStream, config: &Arc<Config>, now: Timestamp) -> Self {
        let opening = Opening::from(Handshake::new(Arc::clone(config)));
        Self {
            stream: Stream { socket, is_listed: false, readable: false, ended: false, shut_down: 0 },
            stage: Stage::Opening(Box::new(opening)),
            limit: Some(now + config.handshake_timeout),
        }
    }

    /// Registers for both kinds of readiness. Mio reports each change of readiness once.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let socket = &mut self.stream.socket;
        socket.set_nodelay(true)?;
        registry.register(socket, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Notes whether the client is in the server's list of turns. Gives whether it was before.
    pub(crate) fn set_listed(&mut self, is_listed: bool) -> bool {
        mem::replace(&mut self.stream.is_listed, is_listed)
    }

    pub(crate) fn notice(&mut self, readiness: &Readiness) {
        self.stream.ended |= readiness.is_read_closed() || readiness.is_error();
        self.stream.readable |= readiness.is_readable() || self.stream.ended;
    }

    /// When to call [`meet_deadline`](Self::meet_deadline).
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let timer = match &self.stage {
            Stage::Open(connection) => connection.next_timeout(),
            Stage::Opening(_) | Stage::Ended => None,
        };
        [timer, self.limit].into_iter().flatten().min()
    }

    pub(crate) fn meet_deadline(&mut self, storage: &mut Storage, config: &Config, now: Timestamp) -> Turn {
        // Read first: bytes that have arrived count, even if their readiness is not reported yet.
        self.stream.readable = true;
        let turn = self.turn(storage, config, now);
        if turn == Turn::Ended || self.limit.is_some_and(|limit| limit <= now) {
            return Turn::Ended;
        }
        if let Stage::Open(connection) = &mut self.stage {
            connection.handle_timeout(now);
        }
        self.turn(storage, config, now)
    }

    /// Reads and answers what has arrived, then writes the answers. `storage` is the memory for this turn.
    pub(crate) fn turn(&mut self, storage: &mut Storage, config: &Config, now: Timestamp) -> Turn {
        match &mut self.stage {
            Stage::Opening(opening) => opening.reuse(storage),
            Stage::Open(connection) => connection.reuse(storage),
            Stage::Ended => {}
        }
        // After an error of the stream, or more answers than may wait, the connection is dropped.
        let turn = self.take_turn(config, now).unwrap_or(Turn::Ended);
        match &mut self.stage {
            Stage::Opening(opening) => opening.reclaim(storage),
            Stage::Open(connection) => connection.reclaim(storage),
            Stage::Ended => {}
        }
        turn
    }

    fn take_turn(&mut self, config: &Config, now: Timestamp) -> Result<Turn, Error> {
        if let Stage::Opening(opening) = &mut self.stage {
            if let Some(turn) = open(opening, &mut self.stream, &mut self.limit, config, now)? {
                return Ok(turn);
            }
        }
        self.stage = match mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Opening(opening) => {
                let (mut connection, _) = opening.finish()?;
                connection.handle_timeout(now); // starts the timers
                self.limit = None;
                Stage::Open(connection)
            }
            stage => stage,
        };
        self.serve(now)
    }

    /// A turn of an open connection.
    fn serve(&mut self, now: Timestamp) -> Result<Turn, Error> {
        // The server does not read from a peer that does not read.
        if !self.write(now)? {
            return Ok(Turn::Waits);
        }
        let Stage::Open(connection) = &mut self.stage else { return Ok(Turn::Ended) };
        let mut taken = 0;
        echo(connection, &mut self.stream.socket)?; // what arrived behind the request
        while connection.state() != State::Closed && connection.buffered_amount() < GATHERED && taken < TURN {
            match self.stream.read(connection.unfilled())? {
                None => break,
                // The answers are still written. `close_info` has the reason for the end.
                Some(0) => connection.end_of_stream().unwrap_or_default(),
                Some(n) => {
                    connection.filled(n);
                    taken += n;
                    echo(connection, &mut self.stream.socket)?;
                }
            }
        }
        let is_closed = connection.state() == State::Closed;
        match self.write(now)? {
            true if is_closed => self.shut_down(now),
            true => Ok(self.stream.turn()),
            false => Ok(Turn::Waits),
        }
    }

    /// Writes the output of an open connection. False: the socket does not take all of it.
    fn write(&mut self, now: Timestamp) -> io::Result<bool> {
        let Stage::Open(connection) = &mut self.stage else { return Ok(true) };
        let patience = connection.config().write_timeout;
        while !connection.output().is_empty() {
            if !self.stream.write(connection.output())? {
                self.limit.get_or_insert(now + patience);
                return Ok(false);
            }
            self.limit = None;
        }
        Ok(true)
    }

    /// Ends the transport of a connection that is closed.
    fn shut_down(&mut self, now: Timestamp) -> Result<Turn, Error> {
        let Stage::Open(connection) = &mut self.stage else { return Ok(Turn::Ended) };
        while let Some(step) = connection.shutdown_steps().get(usize::from(self.stream.shut_down)) {
            match step {
                ShutdownStep::Write => {} // done by `serve`
                ShutdownStep::ShutdownWrite => {
                    self.stream.socket.shutdown(Shutdown::Write)?;
                    self.limit = Some(now + connection.config().close_timeout);
                }
                ShutdownStep::Discard => match self.stream.read(&mut [0; 16 << 10])? {
                    Some(0) => {}
                    _ => return Ok(self.stream.turn()),
                },
            }
            self.stream.shut_down += 1;
        }
        Ok(Turn::Ended)
    }
}

/// Takes the steps of the opening handshake, up to one that has to wait. `None`: the handshake is done.
fn open(
    opening: &mut Opening,
    stream: &mut Stream,
    limit: &mut Option<Timestamp>,
    config: &Config,
    now: Timestamp,
) -> Result<Option<Turn>, Error> {
    loop {
        match opening.step() {
            Step::Write if !stream.write(opening.output())? => return Ok(Some(Turn::Waits)),
            Step::Write => {}
            Step::Read => match stream.read(opening.unfilled())? {
                None => return Ok(Some(stream.turn())),
                Some(0) => opening.end_of_stream(),
                Some(n) => opening.filled(n),
            },
            Step::Respond => {
                let response = opening.incoming().map(respond).ok_or(HandshakeError::NoRequest)?;
                opening.respond(response)?;
            }
            Step::ShutdownWrite => {
                stream.socket.shutdown(Shutdown::Write)?;
                opening.write_shut_down();
                *limit = Some(now + config.close_timeout);
            }
            Step::Discard => match stream.read(opening.unfilled())? {
                Some(0) => opening.end_of_stream(),
                read => {
                    opening.filled(read.unwrap_or(0));
                    return Ok(Some(stream.turn()));
                }
            },
            Step::Done => return Ok(None),
        }
    }
}

/// Decides about a request: accepts it, perhaps with a subprotocol, or rejects it.
fn respond(incoming: &Incoming) -> Response {
    match incoming {
        Incoming::Upgrade(request) => match request.subprotocols().find(|name| *name == "echo") {
            Some(echo) => request.accept().subprotocol(echo),
            None => request.accept(),
        },
        other => other.http().upgrade_required(),
    }
}

/// Queues the answers to all messages that have arrived, and writes those to long messages.
fn echo(connection: &mut Connection, socket: &mut TcpStream) -> Result<(), Error> {
    let (receiver, sender) = connection.split_mut();
    loop {
        let sent = match receiver.next_event(sender) {
            Ok(Some(Event::Text(text))) if text.len() >= LONG => sender.send_and_write(text, socket),
            Ok(Some(Event::Binary(data))) if data.len() >= LONG => sender.send_and_write(data, socket),
            Ok(Some(Event::Text(text))) => Ok(sender.send(text)?),
            Ok(Some(Event::Binary(data))) => Ok(sender.send(data)?),
            Ok(Some(_)) => Ok(()), // Pings and the closing handshake are answered already
            // After a protocol error the Close frame that reports it is in the output.
            Ok(None) | Err(_) => return Ok(()),
        };
        match sent {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {} // the rest is in the output
            sent => sent?,
        }
    }
}

/// A socket and its state, in 8 bytes.
struct Stream {
    socket: TcpStream,
    is_listed: bool,
    /// Whether there may be something to read. Readiness is reported once: it holds until the socket is empty.
    readable: bool,
    /// The end of the peer's stream has been reported. It comes behind bytes that are not read yet.
    ended: bool,
    /// How many of the connection's shutdown steps have been taken.
    shut_down: u8,
}

impl Stream {
    /// How a turn ends when nothing more is read in it.
    fn turn(&self) -> Turn {
        if self.readable { Turn::Unfinished } else { Turn::Waits }
    }

    /// Reads once. `None`: there is nothing to read now.
    fn read(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        if !self.readable {
            return Ok(None);
        }
        match self.socket.read(room) {
            Ok(n) => {
                // A read that leaves room has emptied the socket, unless the end of the stream comes next. (Windows
                // reports readiness again only after `WouldBlock`.)
                self.ended |= n == 0;
                self.readable = n == room.len() || self.ended || cfg!(windows);
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

    /// Writes once. False: the socket takes nothing now.
    fn write(&mut self, output: &mut Output) -> io::Result<bool> {
        match output.write_to(&mut self.socket) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
