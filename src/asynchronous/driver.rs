//! The polling of a connection, by one task or by several.
//!
//! Reading, writing and every deadline may be polled from any task, in any order. Two rules make that work. Streams and
//! timers are given one waker, which wakes all tasks ([`Tasks`]). And each poll sets the one timer to the earliest of all
//! deadlines.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::storage::{fall_asleep, lend_output, take_output, wake_up};
use super::tasks::{For, Tasks};
use super::transport::{TURN, Transport, poll_discard, poll_receive, poll_write_all};
use crate::connection::{By, Found, Receiver, Sender, ShutdownStep, State};
use crate::error::{Error, ProtocolError, SendError, ends_connection};
use crate::frame::CloseCode;
use crate::message::Message;
use crate::timestamp::Timestamp;
use crate::trace::{self, End, Trace};

pub(super) struct Driver<T> {
    pub(super) transport: T,
    pub(super) sender: Sender,
    pub(super) trace: Trace,
    tasks: Arc<Tasks>,
    /// Something was written and the stream has not been flushed since.
    unflushed: bool,
    stalled: Option<Stall>,
    ending: Ending,
    /// The reader waits and has given its memory away. A writer borrows what it needs.
    asleep: bool,
    /// The stream of messages has given an error, its last item.
    exhausted: bool,
    /// How many reads may follow before other tasks of the thread have their turn.
    turn: u32,
}

/// The stream takes nothing of what waits.
#[derive(Clone, Copy)]
struct Stall {
    since: Timestamp,
    /// Whether the stream has been tried again since. A stream need not report a little room. Found only at the write limit,
    /// that room would look like a peer that reads.
    tried_again: bool,
}

/// How far the transport is on its way to its end.
#[derive(Clone, Copy)]
enum Ending {
    NotYet,
    /// How many of the steps have been taken, and until when all of them may take.
    Steps {
        done: u8,
        deadline: Timestamp,
    },
    Ended,
}

impl<T: Transport> Driver<T> {
    pub(super) fn new(transport: T, mut sender: Sender) -> Self {
        sender.restart_clock(transport.now());
        Self {
            transport,
            sender,
            trace: Trace::default(),
            tasks: Arc::default(),
            unflushed: false,
            stalled: None,
            ending: Ending::NotYet,
            asleep: false,
            exhausted: false,
            turn: TURN,
        }
    }

    /// Writes what waits. Gives a peer up that reads nothing for the write timeout.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        let task = cx.waker();
        let (waker, is_new) = self.tasks.register(For::Writing, task);
        let cx = &mut Context::from_waker(&waker);
        loop {
            if let Poll::Ready(written) = self.poll_write(cx, is_new.then_some(task)) {
                if is_new {
                    self.tasks.forget(For::Writing, task);
                }
                return Poll::Ready(written);
            }
            // A deadline of the reader is the reader's to meet.
            let now = self.transport.now();
            if self.deadlines().any(|time| time <= now) {
                self.tasks.wake(For::Reading, None);
            }
            let next = self.deadlines().filter(|time| *time > now).min();
            ready!(self.poll_timer(cx, next));
        }
    }

    fn is_flushed(&mut self) -> bool {
        self.sender.output().is_empty() && !self.unflushed
    }

    /// All deadlines: of the protocol's timers, of a peer that does not read, of the end of the transport.
    fn deadlines(&self) -> impl Iterator<Item = Timestamp> + use<T> {
        let ending = match self.ending {
            Ending::Steps { deadline, .. } => Some(deadline),
            Ending::NotYet | Ending::Ended => None,
        };
        [self.sender.next_timeout(), self.next_try(), self.write_limit(), ending].into_iter().flatten()
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, time: Option<Timestamp>) -> Poll<()> {
        time.map_or(Poll::Pending, |time| self.transport.poll_until(cx, time))
    }

    /// Writes what waits, without a deadline other than the write timeout. Wakes the other tasks that wait for that.
    fn poll_write(&mut self, cx: &mut Context<'_>, except: Option<&Waker>) -> Poll<Result<(), Error>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        self.unflushed = true;
        let (waiting, passed_on) = (self.sender.output().len(), self.transport.passed_on());
        let written = poll_write_all(&mut self.transport, cx, self.sender.output());
        let passes_on = self.transport.passed_on() > passed_on;
        if passes_on && self.stalled.is_some() {
            self.sender.output().note_moved();
        }
        if written.is_pending() {
            if passes_on || self.sender.buffered_amount() < waiting {
                self.stalled = None;
            }
            let stalled = self.poll_stalled();
            // After the end of the transport there is no reader that would end this wait.
            if stalled.is_pending() && matches!(self.ending, Ending::Ended) {
                return Poll::Ready(Err(ProtocolError::ConnectionLost.into()));
            }
            return stalled;
        }
        self.stalled = None;
        self.tasks.wake(For::Writing, except);
        if matches!(self.ending, Ending::Steps { .. }) {
            self.tasks.wake(For::Reading, None);
        }
        ready!(written)?;
        self.unflushed = false;
        if self.asleep {
            take_output(self.sender.output());
        }
        Poll::Ready(Ok(()))
    }

    /// The stream takes nothing more for now. A peer that reads nothing for the write timeout is given up.
    fn poll_stalled(&mut self) -> Poll<Result<(), Error>> {
        let now = self.transport.now();
        let tries_again = self.next_try().is_some_and(|time| time <= now);
        match &mut self.stalled {
            Some(stall) => stall.tried_again |= tries_again,
            None => self.stalled = Some(Stall { since: now, tried_again: false }),
        }
        if self.write_limit().is_some_and(|limit| now < limit) {
            return Poll::Pending;
        }
        if self.sender.state() != State::Closed {
            self.trace.write_timed_out();
        }
        self.sender.lose();
        self.trace.ended(End::of(&self.sender));
        self.tasks.wake(For::Reading, None);
        Poll::Ready(Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    /// When a stream that takes nothing is tried again, unless it has been or the transport is ending.
    fn next_try(&self) -> Option<Timestamp> {
        let stall = self.stalled.filter(|stall| !stall.tried_again)?;
        let is_open = matches!(self.ending, Ending::NotYet);
        is_open.then(|| stall.since + self.sender.config().write_timeout / 20)
    }

    /// When a stream that takes nothing is given up.
    fn write_limit(&self) -> Option<Timestamp> {
        self.stalled.map(|stall| stall.since + self.sender.config().write_timeout)
    }

    /// Queues what `send` sends. If there is no room for it, writes first.
    #[inline]
    pub(super) fn poll_queue<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut send: impl FnMut(&mut Sender) -> Result<R, SendError>,
    ) -> Poll<Result<R, Error>> {
        loop {
            if self.asleep {
                self.lend_output();
            }
            match send(&mut self.sender) {
                Err(SendError::OutputFull) => ready!(self.poll_flush(cx))?,
                sent => return Poll::Ready(sent.map_err(Error::from)),
            }
        }
    }

    /// Gives a connection whose reader sleeps the memory that it needs to write.
    #[cold]
    fn lend_output(&mut self) {
        if self.sender.output().is_empty() {
            lend_output(self.sender.output());
        }
    }

    /// Starts the closing handshake. The reader has a new deadline then, which runs from now on.
    pub(super) fn start_closing(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.sender.close(code, reason)?;
        self.sender.handle_timeout(self.transport.now());
        self.tasks.wake(For::Reading, None);
        Ok(())
    }

    /// A Ping that was queued, or a Pong that has come, has the present time.
    pub(super) fn tell_time(&mut self) {
        if self.sender.needs_time() {
            self.sender.tell_time(self.transport.now());
        }
    }

    /// Waits for the next event or chunk. `None` after a closing handshake.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        receiver: &mut Receiver,
        by: By,
    ) -> Poll<Result<Option<Found>, Error>> {
        let found = ready!(self.poll_find(cx, receiver, by));
        if let Err(error) = &found {
            self.trace.failed(End::of(&self.sender), error);
        }
        Poll::Ready(found)
    }

    fn poll_find(
        &mut self,
        cx: &mut Context<'_>,
        receiver: &mut Receiver,
        by: By,
    ) -> Poll<Result<Option<Found>, Error>> {
        let task = cx.waker();
        let mut registered = None;
        let mut listened = false;
        loop {
            // Without storage nothing can have arrived.
            let found = if receiver.has_storage() || self.sender.state() == State::Closed {
                receiver.find(&mut self.sender, by)
            } else {
                wake_up(receiver, &mut self.sender);
                Ok(None)
            };
            self.asleep = false;
            // Silence counts only after this end has listened.
            if listened {
                let passed = trace::handle_timeout(&mut self.sender, self.transport.now());
                self.trace.passed(passed);
            }
            self.tell_time();
            if let Ok(Some(found)) = found {
                if self.sender.state() == State::Closed {
                    // The answer to a Close frame does not wait for the next call, if it need not.
                    let _ = self.poll_flush(cx);
                    self.trace.ended(End::of(&self.sender));
                }
                return Poll::Ready(Ok(Some(found)));
            }
            if self.sender.state() == State::Closed {
                self.trace.ended(End::of(&self.sender));
                ready!(self.poll_end(cx));
                return Poll::Ready(
                    receiver.end_of_stream(&mut self.sender).map(|()| None).map_err(Error::from),
                );
            }
            let (waker, is_new) = registered.get_or_insert_with(|| self.tasks.register(For::Reading, task));
            let cx = &mut Context::from_waker(waker);
            // Reading never depends on writing, and a peer that is gone may have sent something before.
            let flushed = self.poll_write(cx, None);
            let received = poll_receive(&mut self.transport, cx, receiver);
            if received.is_ready() {
                self.tasks.wake(For::Reading, is_new.then_some(task));
            }
            match received {
                // A fault is found again, and reported, at the next look.
                Poll::Ready(Ok(0)) => receiver.end_of_stream(&mut self.sender).unwrap_or_default(),
                Poll::Ready(Ok(_)) => ready!(self.poll_turn(task)),
                Poll::Ready(Err(error)) => {
                    if ends_connection(&error) {
                        receiver.end_of_stream(&mut self.sender).ok();
                    }
                    return Poll::Ready(Err(error.into()));
                }
                Poll::Pending => {
                    if let Poll::Ready(Err(error)) = flushed {
                        if matches!(&error, Error::Io(error) if ends_connection(error)) {
                            receiver.end_of_stream(&mut self.sender).ok();
                        }
                        return Poll::Ready(Err(error));
                    }
                    let next = self.deadlines().min();
                    if self.poll_timer(cx, next).is_pending() {
                        self.asleep = fall_asleep(receiver, &mut self.sender);
                        return Poll::Pending;
                    }
                }
            }
            listened = true;
        }
    }

    /// Yields now and then to a stream that always has something to read.
    fn poll_turn(&mut self, task: &Waker) -> Poll<()> {
        if self.turn > 0 {
            self.turn -= 1;
            return Poll::Ready(());
        }
        self.turn = TURN;
        task.wake_by_ref();
        Poll::Pending
    }

    /// [`poll_next`](Self::poll_next) past control frames.
    pub(super) fn poll_next_data(
        &mut self,
        cx: &mut Context<'_>,
        receiver: &mut Receiver,
        by: By,
    ) -> Poll<Result<Option<Found>, Error>> {
        loop {
            match ready!(self.poll_next(cx, receiver, by))? {
                Some(found) if !found.is_data() => receiver.forget_found(),
                found => return Poll::Ready(Ok(found)),
            }
        }
    }

    /// Waits for the next message.
    #[inline]
    pub(super) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        receiver: &mut Receiver,
    ) -> Poll<Result<Option<Message>, Error>> {
        match receiver.take_whole_message(&mut self.sender) {
            Some(Ok(message)) => return Poll::Ready(Ok(Some(message))),
            Some(Err(error)) => self.sender.fail(error),
            None => {}
        }
        self.poll_message_otherwise(cx, receiver)
    }

    /// The general path of [`poll_message`](Self::poll_message), out of line.
    #[inline(never)]
    fn poll_message_otherwise(
        &mut self,
        cx: &mut Context<'_>,
        receiver: &mut Receiver,
    ) -> Poll<Result<Option<Message>, Error>> {
        while let Some(found) = ready!(self.poll_next_data(cx, receiver, By::Message))? {
            match receiver.take(found) {
                Ok(message) => return Poll::Ready(Ok(Some(message))),
                // `poll_next` tells the peer, then gives this error.
                Err(error) => self.sender.fail(error),
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Waits for the next item of the stream of messages. An error is the last item.
    pub(super) fn poll_item(
        &mut self,
        cx: &mut Context<'_>,
        receiver: &mut Receiver,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.exhausted {
            return Poll::Ready(None);
        }
        let item = ready!(self.poll_message(cx, receiver));
        self.exhausted = item.is_err();
        Poll::Ready(item.transpose())
    }

    /// Waits for the end of the connection. What arrives before it is validated and discarded.
    pub(super) fn poll_closed(
        &mut self,
        cx: &mut Context<'_>,
        receiver: &mut Receiver,
    ) -> Poll<Result<(), Error>> {
        while let Some(found) = ready!(self.poll_next_data(cx, receiver, By::Chunk))? {
            // If this wait is dropped, a read gets no message without its beginning.
            if let Err(error) = receiver.discard_found(found) {
                self.sender.fail(error);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Fails with a fault that was found when data was lent, and ends the transport. Gives that fault.
    pub(super) fn poll_fail(&mut self, cx: &mut Context<'_>, error: ProtocolError) -> Poll<Error> {
        self.sender.fail(error);
        self.trace.ended(End::of(&self.sender));
        self.poll_end(cx).map(|()| error.into())
    }

    /// Ends the transport by the steps that the protocol gives, within the close timeout.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let task = cx.waker();
        let (waker, is_new) = self.tasks.register(For::Reading, task);
        let cx = &mut Context::from_waker(&waker);
        let steps = self.sender.shutdown_steps();
        loop {
            let (done, deadline) = match self.ending {
                Ending::NotYet => (0, self.transport.now() + self.sender.config().close_timeout),
                Ending::Steps { done, deadline } => (done, deadline),
                Ending::Ended => return Poll::Ready(()),
            };
            self.ending = Ending::Steps { done, deadline };
            let is_late = self.transport.now() >= deadline;
            let left = steps.get(usize::from(done)..).unwrap_or_default();
            if let ([ShutdownStep::Discard, ShutdownStep::ShutdownWrite], true) = (left, is_late) {
                // The peer keeps the transport open, so this end closes it.
                _ = self.transport.poll_shutdown(cx);
            }
            let Some(step) = left.first().filter(|_| !is_late) else {
                self.ending = Ending::Ended;
                self.tasks.wake(For::Writing, None);
                self.tasks.wake(For::Reading, is_new.then_some(task));
                continue;
            };
            let taken = match step {
                ShutdownStep::Write => self.poll_write(cx, None),
                ShutdownStep::ShutdownWrite => self.transport.poll_shutdown(cx).map_err(Error::from),
                ShutdownStep::Discard => poll_discard(&mut self.transport, cx).map_err(Error::from),
            };
            match taken {
                Poll::Ready(Ok(())) => self.ending = Ending::Steps { done: done + 1, deadline },
                Poll::Ready(Err(_)) => self.ending = Ending::Steps { done: u8::MAX, deadline },
                Poll::Pending => {
                    let next = self.deadlines().min();
                    ready!(self.poll_timer(cx, next));
                }
            }
        }
    }
}
