//! The waiting half of a connection: read, let the protocol look, until it has found something. Shared by the whole
//! [`WebSocket`](super::WebSocket) and the [`Reader`](super::Reader) of a split one.

use std::time::{Duration, Instant};

use super::stream::{Arrival, Stream, Timed, is_timeout, later};
use crate::buffer::Buffer;
use crate::connection::{Connection, Event, Found, Piece, State};
use crate::error::{Error, ProtocolError, ends_connection};
use crate::message::Message;

/// What a read with a time limit has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited<T> {
    /// Something arrived in time.
    Received(T),
    /// Nothing did. The connection is as it was, and the next read goes on where this one stopped.
    Elapsed,
    /// The connection is closed, cleanly.
    Closed,
}

/// Where the connection is, and how its output is written.
pub(super) trait Link {
    fn with<T>(&mut self, task: impl FnOnce(&mut Connection) -> T) -> T;

    /// Writes what waits, and says how long a read may wait before that is to be tried again.
    fn flush(&mut self, stream: &mut impl Stream) -> Result<Option<Duration>, Error>;

    /// Returns when all that waits is written. Begins no write after the deadline.
    fn flush_all(&mut self, stream: &mut impl Stream, deadline: Instant) -> Result<(), Error>;
}

#[derive(Debug)]
pub(super) struct Receiving<L, S> {
    pub(super) transport: Transport<L, S>,
    pub(super) input: Buffer,
    /// The origin of the connection's clock.
    origin: Instant,
}

/// All but what was read, so that this can be lent while the rest goes on.
#[derive(Debug)]
pub(super) struct Transport<L, S> {
    pub(super) link: L,
    pub(super) timed: Timed<S>,
    /// Nothing more is read or written.
    ended: bool,
}

/// How the connection looks for the next thing: by events, by messages or by pieces.
type Advance = fn(&mut Connection, &mut Buffer) -> Result<Option<Found>, ProtocolError>;

impl<L: Link, S: Stream> Receiving<L, S> {
    pub(super) fn new(mut link: L, timed: Timed<S>, input: Buffer) -> Self {
        // The clock starts here, and with it the timers: an older connection has had another.
        link.with(|connection| connection.restart_clock(Duration::ZERO));
        Self { transport: Transport { link, timed, ended: false }, input, origin: Instant::now() }
    }

    pub(super) fn read(&mut self) -> Result<Option<Message>, Error> {
        loop {
            match self.read_until(None)? {
                Waited::Received(message) => return Ok(Some(message)),
                Waited::Elapsed => {}
                Waited::Closed => return Ok(None),
            }
        }
    }

    pub(super) fn read_until(&mut self, deadline: Option<Instant>) -> Result<Waited<Message>, Error> {
        match self.next(deadline, Connection::advance_message)? {
            Waited::Received(found) => {
                let Self { transport, input, .. } = self;
                let message = transport.link.with(|connection| connection.take(input, found));
                transport.end_at(message).map(Waited::Received)
            }
            Waited::Elapsed => Ok(Waited::Elapsed),
            Waited::Closed => Ok(Waited::Closed),
        }
    }

    pub(super) fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let Some(found) = self.next_found(Connection::advance)? else { return Ok(None) };
        let Self { transport, input, .. } = self;
        let event = transport.link.with(|connection| connection.lend(input, found));
        transport.end_at(event).map(Some)
    }

    pub(super) fn read_piece(&mut self) -> Result<Option<Piece<'_>>, Error> {
        let Some(found) = self.next_found(Connection::advance_piece)? else { return Ok(None) };
        let Self { transport, input, .. } = self;
        let piece = transport.link.with(|connection| connection.lend_piece(input, found));
        transport.end_at(piece).map(Some)
    }

    /// Waits for the end, and discards what arrives before it.
    pub(super) fn read_to_close(&mut self) -> Result<(), Error> {
        while self.next_found(Connection::advance_piece)?.is_some() {}
        Ok(())
    }

    fn next_found(&mut self, advance: Advance) -> Result<Option<Found>, Error> {
        loop {
            match self.next(None, advance)? {
                Waited::Received(found) => return Ok(Some(found)),
                Waited::Elapsed => {}
                Waited::Closed => return Ok(None),
            }
        }
    }

    fn next(&mut self, deadline: Option<Instant>, advance: Advance) -> Result<Waited<Found>, Error> {
        let mut listened = false;
        loop {
            let now = self.origin.elapsed();
            let Self { transport, input, .. } = self;
            let (found, state, due) = transport.link.with(|connection| {
                let found = advance(connection, input);
                // Silence counts only after a look at what has arrived.
                if listened {
                    connection.handle_timeout(now);
                }
                (found, connection.state(), connection.next_timeout())
            });
            match transport.end_at(found)? {
                Some(found) => {
                    if state == State::Closed {
                        // The answer to a Close frame does not wait for a next call.
                        transport.flush().ok();
                    }
                    return Ok(Waited::Received(found));
                }
                None if state == State::Closed => {
                    let clean = transport.link.with(|connection| connection.receive_eof());
                    transport.end(clean.err());
                    clean?;
                    return Ok(Waited::Closed);
                }
                None => {}
            }
            if listened && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(Waited::Elapsed);
            }
            let retry = match transport.flush() {
                Ok(retry) => retry.map(later),
                // A peer that is gone takes nothing more, but what it had sent is still there: its Close frame.
                Err(Error::Io(error)) if !is_timeout(&error) => {
                    let Ok(Arrival::Bytes) = transport.timed.read(input, Some(Instant::now())) else {
                        return Err(error.into());
                    };
                    listened = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let due = due.and_then(|due| self.origin.checked_add(due));
            match transport.timed.read(input, [deadline, due, retry].into_iter().flatten().min()) {
                Ok(Arrival::Bytes | Arrival::Silence) => {}
                Ok(Arrival::End) => transport.link.with(|connection| connection.receive_eof())?,
                Err(error) => {
                    if ends_connection(&error) {
                        transport.link.with(|connection| connection.receive_eof()).ok();
                    }
                    return Err(error.into());
                }
            }
            listened = true;
        }
    }
}

impl<L: Link, S: Stream> Transport<L, S> {
    pub(super) fn flush(&mut self) -> Result<Option<Duration>, Error> {
        self.link.flush(&mut self.timed.stream)
    }

    /// Ends the transport when the protocol is at its end, and passes on why.
    fn end_at<T>(&mut self, result: Result<T, ProtocolError>) -> Result<T, Error> {
        result.map_err(|error| {
            self.end(Some(error));
            error.into()
        })
    }

    /// Ends the transport, once.
    fn end(&mut self, fault: Option<ProtocolError>) {
        if fault == Some(ProtocolError::ConnectionLost) || std::mem::replace(&mut self.ended, true) {
            return;
        }
        let limit = self.link.with(|connection| connection.config().write_timeout);
        self.link.flush_all(&mut self.timed.stream, later(limit)).ok();
        let (ends, patience) =
            self.link.with(|connection| (connection.ends_transport(), connection.config().close_timeout));
        if ends {
            self.timed.stream.shutdown_write().ok();
        }
        self.timed.linger(patience);
        if !ends {
            self.timed.stream.shutdown_write().ok();
        }
    }
}
