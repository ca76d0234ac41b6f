//! The polling, all of it: what the whole connection and the halves of a split one have in common.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use super::io::{Input, Io, TURN, lend_output, poll_drain, poll_read, poll_write_all, take_output};
use crate::buffer::Buffer;
use crate::connection::{Connection, Found, State};
use crate::error::{Error, ProtocolError, SendError, ends_connection};
use crate::message::Message;

/// How the connection looks for the next thing: by events or by pieces.
pub(super) type Advance = fn(&mut Connection, &mut Buffer) -> Result<Option<Found>, ProtocolError>;

pub(super) struct Driver<I> {
    pub(super) io: I,
    pub(super) connection: Connection,
    /// Who waits, where that may be several tasks.
    shared: Option<Box<Shared>>,
    /// Something was written that the stream has not been asked to hand on.
    unflushed: bool,
    /// Since when the stream has taken nothing of what waits.
    stalled: Option<Duration>,
    ending: Ending,
    /// The reader waits and has given the buffers away; what a writer needs it borrows.
    asleep: bool,
    /// An error was the last item of the stream of messages.
    exhausted: bool,
    /// How many reads may follow one another before the other tasks of the thread have their turn.
    turn: u32,
}

/// The tasks that wait.
#[derive(Default)]
struct Shared {
    /// For the stream to take more.
    writers: Arc<Waiters>,
    /// For a time.
    timer: Arc<Waiters>,
    /// For something to arrive.
    reader: Option<Waker>,
}

/// How far the transport is on its way to its end.
#[derive(Clone, Copy)]
enum Ending {
    NotYet,
    /// The rest is being written, up to this time.
    Writing(Duration),
    /// The peer's end is awaited.
    Draining(Duration),
    /// Told the peer, after it told us.
    ShuttingDown,
    Ended,
}

impl<I: Io> Driver<I> {
    pub(super) fn new(io: I, mut connection: Connection) -> Self {
        connection.restart_clock(io.now());
        Self {
            io,
            connection,
            shared: None,
            unflushed: false,
            stalled: None,
            ending: Ending::NotYet,
            asleep: false,
            exhausted: false,
            turn: TURN,
        }
    }

    /// From here on several tasks poll.
    pub(super) fn share(mut self) -> Self {
        self.shared = Some(Box::default());
        self
    }

    /// Writes what waits, and waits for that as long as a peer may take that does not read.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if let Poll::Ready(written) = self.poll_flush_untimed(cx) {
                return Poll::Ready(written);
            }
            // What is due already is the reader's business.
            let now = self.io.now();
            let due = self.due().filter(|time| *time > now).min();
            ready!(self.poll_timer(cx, due));
        }
    }

    /// The times at which something is due: a timer of the protocol, the end of the patience with a peer that does not read.
    fn due(&self) -> impl Iterator<Item = Duration> + use<I> {
        [self.connection.next_timeout(), self.write_limit()].into_iter().flatten()
    }

    /// Waits for a time. There is one timer for all who wait, and whoever polls last has set it to the next that counts.
    fn poll_timer(&mut self, cx: &mut Context<'_>, due: Option<Duration>) -> Poll<()> {
        let Some(time) = due else { return Poll::Pending };
        let Some(shared) = &self.shared else { return self.io.poll_until(cx, time) };
        shared.timer.add(cx.waker());
        let waker = Waker::from(Arc::clone(&shared.timer));
        self.io.poll_until(&mut Context::from_waker(&waker), time)
    }

    fn poll_flush_untimed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.connection.output().is_empty() && !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        match self.poll_write_shared(cx) {
            // Nobody is there any more who would keep this wait short.
            Poll::Pending if matches!(self.ending, Ending::Ended) => {
                Poll::Ready(Err(ProtocolError::ConnectionLost.into()))
            }
            written => written,
        }
    }

    fn poll_write_shared(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(shared) = &self.shared else { return self.poll_write(cx) };
        // A stream remembers one waker for writing. This one wakes all who wait.
        let writers = Arc::clone(&shared.writers);
        let added = writers.add(cx.waker());
        let written = self.poll_write(&mut Context::from_waker(&Waker::from(Arc::clone(&writers))));
        if written.is_ready() {
            // Where it was known before, another future of the same task may wait behind it.
            writers.wake_all_but(added.then_some(cx.waker()));
        }
        written
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.unflushed = true;
        let waiting = self.connection.output().len();
        let written = match poll_write_all(&mut self.io, cx, self.connection.output()) {
            Poll::Ready(Ok(())) => self.io.poll_flush(cx),
            written => written,
        };
        if written.is_pending() {
            return self.poll_stalled(self.connection.buffered_amount() < waiting);
        }
        self.stalled = None;
        ready!(written)?;
        self.unflushed = false;
        if self.asleep {
            take_output(self.connection.output());
        }
        Poll::Ready(Ok(()))
    }

    /// The stream takes nothing more. A peer that reads nothing for so long is given up.
    fn poll_stalled(&mut self, has_moved: bool) -> Poll<Result<(), Error>> {
        let now = self.io.now();
        if has_moved || self.stalled.is_none() {
            self.stalled = Some(now);
        }
        if self.write_limit().is_some_and(|limit| now < limit) {
            return Poll::Pending;
        }
        self.connection.receive_eof().ok();
        Poll::Ready(Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    /// Until when the stream has to take something, if it does not.
    fn write_limit(&self) -> Option<Duration> {
        self.stalled.map(|since| since.saturating_add(self.connection.config().write_timeout))
    }

    /// Queues what `send` sends; where there is no room for it, writes first.
    pub(super) fn poll_queue(
        &mut self,
        cx: &mut Context<'_>,
        send: impl Fn(&mut Connection) -> Result<(), SendError>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if self.asleep && self.connection.output().is_empty() {
                lend_output(self.connection.output());
            }
            let sent = send(&mut self.connection);
            if sent != Err(SendError::OutputFull) {
                return Poll::Ready(sent.map_err(Error::from));
            }
            ready!(self.poll_flush(cx))?;
        }
    }

    /// The next thing that has arrived; `None` after a clean end.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input,
        advance: Advance,
    ) -> Poll<Result<Option<Found>, Error>> {
        let mut listened = false;
        loop {
            let buffer = input.wake_up(&mut self.connection);
            self.asleep = false;
            let found = advance(&mut self.connection, buffer);
            // Silence counts only after a look at what has arrived.
            if listened {
                self.connection.handle_timeout(self.io.now());
            }
            match found {
                Ok(Some(found)) => {
                    if self.connection.state() == State::Closed {
                        // The answer to a Close frame does not wait for a next call, if it need not.
                        let _ = self.poll_flush(cx);
                    }
                    return Poll::Ready(Ok(Some(found)));
                }
                Ok(None) | Err(_) if self.connection.state() == State::Closed => {
                    ready!(self.poll_end(cx));
                    return Poll::Ready(self.connection.receive_eof().map(|()| None).map_err(Error::from));
                }
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
            // Whether the stream takes it or not: reading never depends on writing, and a peer that is gone may have sent
            // something before.
            let flushed = self.poll_flush_untimed(cx);
            match poll_read(&mut self.io, cx, buffer) {
                // What it makes of that is found above.
                Poll::Ready(Ok(0)) => self.connection.receive_eof().unwrap_or_default(),
                Poll::Ready(Ok(_)) => ready!(self.poll_turn(cx)),
                Poll::Ready(Err(error)) => {
                    if ends_connection(&error) {
                        self.connection.receive_eof().ok();
                    }
                    return Poll::Ready(Err(error.into()));
                }
                Poll::Pending => {
                    if let Poll::Ready(Err(error)) = flushed {
                        return Poll::Ready(Err(error));
                    }
                    if let Some(shared) = &mut self.shared {
                        shared.reader = Some(cx.waker().clone());
                    }
                    let due = self.due().min();
                    if self.poll_timer(cx, due).is_pending() {
                        input.fall_asleep(self.connection.output());
                        self.asleep = input.is_asleep();
                        return Poll::Pending;
                    }
                }
            }
            listened = true;
        }
    }

    /// Yields now and then, for streams that always have something to read.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.turn > 0 {
            self.turn -= 1;
            return Poll::Ready(());
        }
        self.turn = TURN;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The next message, owned.
    pub(super) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input,
    ) -> Poll<Result<Option<Message>, Error>> {
        while let Some(found) = ready!(self.poll_next(cx, input, Connection::advance_message))? {
            // A fault in it is met again by `poll_next`, which tells the peer before it tells us.
            if let Ok(message) = self.connection.take(input.buffer(), found) {
                return Poll::Ready(Ok(Some(message)));
            }
        }
        Poll::Ready(Ok(None))
    }

    /// The next item of the stream of messages. An error is the last: a loop that passes over errors has an end.
    pub(super) fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut Input,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.exhausted {
            return Poll::Ready(None);
        }
        let item = ready!(self.poll_message(cx, input));
        self.exhausted = item.is_err();
        Poll::Ready(item.transpose())
    }

    /// Ends the transport, so that what was written arrives.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.ending = match self.ending {
                Ending::NotYet if self.connection.receive_eof() == Err(ProtocolError::ConnectionLost) => {
                    Ending::Ended
                }
                Ending::NotYet => {
                    let patience = self.connection.config().close_timeout;
                    Ending::Writing(self.io.now().saturating_add(patience))
                }
                Ending::Writing(deadline) => {
                    let ends = self.connection.ends_transport();
                    let written = match self.poll_flush(cx) {
                        Poll::Ready(Ok(())) if ends => self.io.poll_shutdown(cx).map_err(Error::from),
                        written => written,
                    };
                    match written {
                        Poll::Ready(Ok(())) => Ending::Draining(deadline),
                        Poll::Ready(Err(_)) => Ending::Ended,
                        Poll::Pending => {
                            ready!(self.io.poll_until(cx, deadline));
                            Ending::Ended
                        }
                    }
                }
                Ending::Draining(deadline) => {
                    ready!(poll_drain(&mut self.io, cx, deadline));
                    Ending::ShuttingDown
                }
                Ending::ShuttingDown => {
                    let _ = self.io.poll_shutdown(cx);
                    Ending::Ended
                }
                Ending::Ended => {
                    if let Some(shared) = &self.shared {
                        shared.writers.wake_all_but(None);
                    }
                    return Poll::Ready(());
                }
            };
        }
    }

    /// Lets the reader look at the timers again.
    pub(super) fn wake_reader(&mut self) {
        if let Some(reader) = self.shared.as_mut().and_then(|shared| shared.reader.take()) {
            reader.wake();
        }
    }
}

/// Tasks that wait for the same thing.
#[derive(Default)]
struct Waiters(Mutex<Vec<Waker>>);

impl Waiters {
    /// Whether it was not known yet.
    fn add(&self, waker: &Waker) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !waiting.iter().any(|known| known.will_wake(waker));
        if is_new {
            waiting.push(waker.clone());
        }
        is_new
    }

    /// Wakes all, but for one who is awake.
    fn wake_all_but(&self, awake: Option<&Waker>) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let others = waiting.into_iter().filter(|waker| !awake.is_some_and(|awake| waker.will_wake(awake)));
        others.for_each(Waker::wake);
    }
}

impl Wake for Waiters {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().for_each(Waker::wake);
    }
}
