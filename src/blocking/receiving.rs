//! The wait loop: read, let the receiver look, until it has found something. Shared by the whole
//! [`WebSocket`](super::WebSocket) and the [`Reader`](super::Reader) of a split one.

use std::time::Duration;

use super::stream::Stream;
use super::timed::{Arrival, Timed, is_timeout, later};
use crate::connection::{By, Chunk, Event, Found, Receiver, Sender, ShutdownStep, State};
use crate::error::{Error, ProtocolError, ends_connection};
use crate::message::Message;
use crate::sync::Instant;
use crate::timestamp::Timestamp;
use crate::trace::{self, End, Trace};

/// What a read with a time limit has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimedRead {
    /// A message arrived in time.
    Message(Message),
    /// No message arrived in time. Nothing is lost: the next read goes on where this one stopped.
    TimedOut,
    /// The connection was closed by a closing handshake, or a read has given the error that ended it.
    Closed,
}

/// Where the sender is, and how its output is written.
pub(super) trait Link<S> {
    fn with<T>(&mut self, task: impl FnOnce(&mut Sender) -> T) -> T;

    fn trace(&self) -> &Trace;

    /// Writes what waits. Gives how long a read may wait before that is tried again.
    fn flush(&mut self, stream: &mut S) -> Result<Option<Duration>, Error>;

    /// Writes all that waits, up to the deadline.
    fn flush_until(&mut self, stream: &mut S, deadline: Instant) -> Result<(), Error>;

    /// The connection has ended: nobody waits for its stream any longer.
    fn release(&mut self) {}
}

#[derive(Debug)]
pub(super) struct Receiving<L, S> {
    pub(super) receiver: Receiver,
    pub(super) transport: Transport<L, S>,
    /// The origin of the connection's clock.
    pub(super) origin: Instant,
}

/// Everything but the receiver, which may be lent while this is used.
#[derive(Debug)]
pub(super) struct Transport<L, S> {
    pub(super) link: L,
    pub(super) timed: Timed<S>,
    /// Whether nothing more is read or written.
    pub(super) ended: bool,
    /// Whether the caller has got the error that ended the connection. It is given once, so that a loop that passes over
    /// errors ends.
    pub(super) told: bool,
}

/// What the wait loop has come to.
enum Waited {
    Found(Found),
    TimedOut,
    Closed,
}

impl<L: Link<S>, S: Stream> Receiving<L, S> {
    pub(super) fn new(mut link: L, timed: Timed<S>, receiver: Receiver, origin: Instant) -> Self {
        link.with(|sender| sender.restart_clock(Timestamp::ORIGIN));
        Self { receiver, transport: Transport { link, timed, ended: false, told: false }, origin }
    }

    pub(super) fn read(&mut self) -> Result<Option<Message>, Error> {
        loop {
            match self.read_until(None)? {
                TimedRead::Message(message) => return Ok(Some(message)),
                TimedRead::TimedOut => {}
                TimedRead::Closed => return Ok(None),
            }
        }
    }

    pub(super) fn read_until(&mut self, deadline: Option<Instant>) -> Result<TimedRead, Error> {
        let mut listened = false;
        loop {
            match self.wait(deadline, By::Message, &mut listened)? {
                Waited::Found(found) if found.is_data() => {
                    let message = self.receiver.take(found);
                    return self.transport.give(message).map(TimedRead::Message);
                }
                Waited::Found(_) => self.receiver.forget_found(),
                Waited::TimedOut => return Ok(TimedRead::TimedOut),
                Waited::Closed => return Ok(TimedRead::Closed),
            }
        }
    }

    pub(super) fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        match self.wait_for(By::Message)? {
            Some(found) => self.transport.give(self.receiver.lend_event(found)).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn read_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        match self.find_chunk()? {
            Some(found) => self.transport.give(self.receiver.lend_chunk(found)).map(Some),
            None => Ok(None),
        }
    }

    /// Waits for the next chunk, which the receiver keeps.
    pub(super) fn find_chunk(&mut self) -> Result<Option<Found>, Error> {
        loop {
            match self.wait_for(By::Chunk)? {
                Some(found) if !found.is_data() => self.receiver.forget_found(),
                found => return Ok(found),
            }
        }
    }

    /// Waits for the end of the connection. What arrives before it is validated and discarded. The error that ended the
    /// connection is given again.
    pub(super) fn read_to_close(&mut self) -> Result<(), Error> {
        self.transport.told = false;
        while let Some(found) = self.find_chunk()? {
            let discarded = self.receiver.discard_found(found);
            self.transport.give(discarded)?;
        }
        Ok(())
    }

    /// Waits without a time limit. `None`: the connection was closed.
    fn wait_for(&mut self, by: By) -> Result<Option<Found>, Error> {
        loop {
            match self.wait(None, by, &mut false)? {
                Waited::Found(found) => return Ok(Some(found)),
                Waited::TimedOut => {}
                Waited::Closed => return Ok(None),
            }
        }
    }

    /// [`wait_for_more`](Self::wait_for_more), up to the error that ends the connection.
    fn wait(&mut self, deadline: Option<Instant>, by: By, listened: &mut bool) -> Result<Waited, Error> {
        if self.transport.told {
            return Ok(Waited::Closed);
        }
        let waited = self.wait_for_more(deadline, by, listened);
        if let Err(error) = &waited {
            let Transport { link, told, .. } = &mut self.transport;
            let end = link.with(|sender| {
                *told = sender.state() == State::Closed;
                End::of(sender)
            });
            link.trace().failed(end, error);
        }
        waited
    }

    /// `listened` says whether this call of the caller has read, and stays with the caller: control frames without end do
    /// not delay the deadline.
    fn wait_for_more(
        &mut self,
        deadline: Option<Instant>,
        by: By,
        listened: &mut bool,
    ) -> Result<Waited, Error> {
        // When a timer of the sender is due, once that is known.
        let mut due: Option<Instant> = None;
        loop {
            let Self { receiver, transport, origin } = self;
            if let Some(found) = receiver.remembered(by) {
                return Ok(Waited::Found(found));
            }
            let looked = receiver.look(by);
            if let Ok(Some(found)) = looked {
                if found.is_data() && due.is_none_or(|due| Instant::now() < due) {
                    return Ok(Waited::Found(found)); // without a lock: the sender has nothing to know
                }
            }
            let now = origin.elapsed();
            let (found, passed, end, state, next) = transport.link.with(|sender| {
                let found = receiver.report(looked, sender);
                sender.tell_time(now);
                // Silence counts only after this end has listened.
                let passed = if *listened { trace::handle_timeout(sender, now) } else { None };
                if sender.state() == State::Closed
                    && found.is_ok_and(|found| found.is_some_and(Found::is_data))
                {
                    // A deadline has passed. The peer may send for ever.
                    receiver.end_of_stream(sender).ok();
                }
                (found, passed, End::of(sender), sender.state(), sender.next_timeout())
            });
            transport.link.trace().passed(passed);
            match found {
                Ok(Some(found)) => {
                    if state == State::Closed {
                        // The answer to a Close frame does not wait for the next call.
                        transport.flush().ok();
                        transport.link.trace().ended(end);
                    }
                    return Ok(Waited::Found(found));
                }
                Ok(None) if state == State::Closed => {
                    let ended = transport.link.with(|sender| receiver.end_of_stream(sender));
                    transport.end();
                    return Ok(ended.map(|()| Waited::Closed)?);
                }
                Ok(None) => {}
                Err(error) => {
                    transport.end();
                    return Err(error.into());
                }
            }
            if *listened && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(Waited::TimedOut);
            }
            let retry = match transport.flush() {
                Ok(retry) => retry.map(later),
                // A peer that is gone takes nothing more. What it sent before is still there: its Close frame.
                Err(Error::Io(error)) if !is_timeout(&error) => {
                    let read =
                        transport.timed.read(Some(Instant::now()), |stream| receiver.read_as_needed(stream));
                    let Ok(Arrival::Bytes) = read else {
                        if ends_connection(&error) {
                            transport.link.with(|sender| receiver.end_of_stream(sender)).ok();
                        }
                        return Err(error.into());
                    };
                    *listened = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            due = next.and_then(|next| origin.checked_add(next.duration_since(Timestamp::ORIGIN)));
            let until = [deadline, due, retry].into_iter().flatten().min();
            match transport.timed.read(until, |stream| receiver.read_as_needed(stream)) {
                Ok(Arrival::Bytes | Arrival::Silence) => {}
                Ok(Arrival::End) => {
                    // A fault is found again, and reported, at the next look.
                    transport.link.with(|sender| receiver.end_of_stream(sender)).ok();
                }
                Err(error) => {
                    if ends_connection(&error) {
                        transport.link.with(|sender| receiver.end_of_stream(sender)).ok();
                    }
                    return Err(error.into());
                }
            }
            *listened = true;
        }
    }
}

impl<L: Link<S>, S: Stream> Transport<L, S> {
    pub(super) fn flush(&mut self) -> Result<Option<Duration>, Error> {
        self.link.flush(&mut self.timed.stream)
    }

    /// Gives out what was found. If that is a fault, ends the connection.
    pub(super) fn give<T>(&mut self, found: Result<T, ProtocolError>) -> Result<T, Error> {
        found.map_err(|error| {
            self.link.with(|sender| sender.fail(error));
            self.end();
            self.told = true;
            error.into()
        })
    }

    /// Ends the transport, once, by the steps that the protocol gives, within the close timeout.
    fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let (end, steps, patience) = self
            .link
            .with(|sender| (End::of(sender), sender.shutdown_steps(), sender.config().close_timeout));
        self.link.trace().ended(end);
        let deadline = later(patience);
        for step in steps {
            let stream = &mut self.timed.stream;
            let done = match step {
                ShutdownStep::Write => self.link.flush_until(stream, deadline),
                ShutdownStep::ShutdownWrite => stream.shutdown_write().map_err(Error::from),
                ShutdownStep::Discard => {
                    self.timed.discard(deadline);
                    Ok(())
                }
            };
            if done.is_err() {
                break;
            }
        }
        self.link.release();
    }
}
