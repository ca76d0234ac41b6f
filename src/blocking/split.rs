//! Reading in one thread, writing in any.
//!
//! The reader owns the receiver and decodes without a lock. The sender is behind a mutex that no thread holds while it waits
//! for the peer: a writer first takes the output away. (The reader writes what is queued under the mutex. It begins no
//! write after a millisecond, and each write waits for about a millisecond at most.) One thread writes at a time; the
//! others find their bytes written when it is their turn.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::receiving::{Link, Receiving, TimedRead, Transport};
use super::stream::{Shareable, Stream};
use super::timed::{LONGEST_WRITE, Moved, Patience, Progress, Timed, is_timeout, later};
use super::{Owned, WebSocket};
use crate::connection::{Chunk, CloseInfo, Connection, Event, Sender, State, Storage};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Outgoing};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard};
use crate::trace::{End, Trace};

/// How long the reader goes on writing, and how long each of its writes waits. The rest stays queued.
const READERS_PATIENCE: Duration = Duration::from_millis(1);

/// How often the reader tries to write what did not go out, and a writer looks whether its deadline has passed.
const RETRY: Duration = Duration::from_millis(50);

pub(super) fn split<S: Shareable>(
    timed: Timed<S::Handle>,
    connection: Connection,
    trace: Trace,
) -> (Reader<S>, Writer<S>) {
    let Connection { receiver, sender } = connection;
    let patience = Patience::new(sender.config());
    let handle = timed.stream.clone();
    let origin = Instant::now();
    let protocol = Mutex::new(Protocol { sender, writing: false, unflushed: false, failed: None });
    let core = Arc::new(Core { handle, patience, origin, protocol, changed: Condvar::new(), trace });
    let link = Half { core: Arc::clone(&core) };
    (Reader { receiving: Receiving::new(link, timed, receiver, origin) }, Writer { core })
}

/// What the halves share.
struct Core<S: Shareable> {
    handle: S::Handle,
    patience: Patience,
    /// The origin of the connection's clock.
    origin: Instant,
    protocol: Mutex<Protocol>,
    /// A write has ended.
    changed: Condvar,
    trace: Trace,
}

struct Protocol {
    sender: Sender,
    /// A thread has taken output away and is writing it.
    writing: bool,
    /// The stream has taken output that it has not passed on yet.
    unflushed: bool,
    /// A write failed; how much of it has arrived is unknown.
    failed: Option<io::ErrorKind>,
}

impl<S: Shareable> Core<S> {
    fn lock(&self) -> MutexGuard<'_, Protocol> {
        // A panicking thread leaves it whole: no step of the protocol panics half-way.
        self.protocol.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything that is queued now has been written, by this thread or another, or until the deadline.
    fn flush(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let mut protocol = self.lock();
        let end = protocol.sender.output().end();
        while !protocol.sender.output().is_written(end) {
            if let Some(kind) = protocol.failed {
                return Err(io::Error::from(kind).into());
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
            if protocol.writing {
                let waited = self.changed.wait_timeout(protocol, RETRY);
                protocol = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else {
                protocol.writing = true;
                drop(protocol);
                let turn = Turn(self);
                self.write(deadline)?;
                drop(turn);
                protocol = self.lock();
            }
        }
        Ok(())
    }

    /// Writes what is queued. The mutex is free meanwhile.
    fn write(&self, deadline: Option<Instant>) -> Result<(), Error> {
        let mut taken = self.lock().sender.output().take();
        let patience = Patience { deadline, ..self.patience };
        let written = patience.write_all(&mut self.handle.clone(), &mut taken, |moved| match moved {
            Moved::PassedOn => self.lock().sender.output().note_moved(),
            Moved::Written(n) => self.lock().sender.output().confirm(n),
        });
        let mut protocol = self.lock();
        match written {
            Ok(()) => {
                let mut storage = Storage::new();
                taken.reclaim(&mut storage);
                protocol.sender.output().reuse(&mut storage);
                Ok(())
            }
            Err(error) => {
                protocol.failed = Some(error.kind());
                // A peer that does not read is given up. One that is gone may have sent something before.
                if is_timeout(&error) {
                    protocol.sender.lose();
                    let end = End::of(&protocol.sender);
                    S::shutdown_both(&self.handle);
                    drop(protocol);
                    // A deadline means that the transport is ending.
                    if deadline.is_none() {
                        self.trace.write_timed_out();
                    }
                    self.trace.ended(end);
                }
                Err(error.into())
            }
        }
    }
}

/// This thread writes. The next one may when this ends, even if the stream panics.
struct Turn<'a, S: Shareable>(&'a Core<S>);

impl<S: Shareable> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        let mut protocol = self.0.lock();
        protocol.writing = false;
        if std::thread::panicking() {
            protocol.failed = Some(io::ErrorKind::Other);
        }
        self.0.changed.notify_all();
    }
}

/// The receiving half of a connection. It keeps the timers and answers Pings while it reads, so some thread should read.
pub struct Reader<S: Shareable = TcpStream> {
    pub(super) receiving: Receiving<Half<S>, S::Handle>,
}

impl<S: Shareable> Reader<S> {
    /// Waits for the next message, as [`WebSocket::read`]. `None`: the connection is over.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read(&mut self) -> Result<Option<Message>, Error> {
        self.receiving.read()
    }

    /// [`read`](Self::read) that waits no longer than `timeout`. Queued output does not delay it.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read_timeout(&mut self, timeout: Duration) -> Result<TimedRead, Error> {
        self.receiving.read_until(Some(later(timeout)))
    }

    /// Waits for the next event and lends it. See [`WebSocket::read_event`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        self.receiving.read_event()
    }

    /// Waits for the next part of a message. See [`WebSocket::read_chunk`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub fn read_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.receiving.read_chunk()
    }

    /// Closes the connection and waits for the peer, as [`WebSocket::close`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match self.writer().start_closing(code, reason) {
            Ok(()) | Err(Error::Send(SendError::Closed)) => self.receiving.read_to_close(),
            Err(error) => Err(error),
        }
    }

    /// How the connection ended or is ending. `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.core().lock().sender.close_info()
    }

    /// Another writer for this connection.
    pub fn writer(&self) -> Writer<S> {
        Writer { core: Arc::clone(self.core()) }
    }

    /// The stream, for its addresses and options.
    pub fn stream(&self) -> &S {
        S::get(&self.receiving.transport.timed.stream)
    }

    /// Joins the halves of one connection.
    ///
    /// # Errors
    ///
    /// Both halves, if they are of two connections, or if there are other writers.
    #[expect(clippy::result_large_err, reason = "the halves go back to the caller")]
    pub fn reunite(self, writer: Writer<S>) -> Result<WebSocket<S>, ReuniteError<S>> {
        if !Arc::ptr_eq(self.core(), &writer.core) {
            return Err(ReuniteError(self, writer));
        }
        let Receiving { receiver, transport, origin } = self.receiving;
        let Transport { link, timed, ended, told } = transport;
        drop(link);
        let core = match Arc::try_unwrap(writer.core) {
            Ok(core) => core,
            Err(core) => {
                let link = Half { core: Arc::clone(&core) };
                let receiving =
                    Receiving { receiver, transport: Transport { link, timed, ended, told }, origin };
                return Err(ReuniteError(Self { receiving }, Writer { core }));
            }
        };
        let Core { handle, patience, protocol, trace, .. } = core;
        drop(handle);
        let Protocol { mut sender, failed, .. } =
            protocol.into_inner().unwrap_or_else(PoisonError::into_inner);
        if failed.is_some() {
            // Nothing can follow a message that was written in part.
            sender.lose();
            sender.output().give_up();
        }
        match timed.try_map(S::unshare) {
            Ok(timed) => {
                let transport = Transport { link: Owned { sender, patience, trace }, timed, ended, told };
                Ok(WebSocket { receiving: Receiving { receiver, transport, origin } })
            }
            Err(timed) => {
                let (reader, writer) = split(timed, Connection { receiver, sender }, trace);
                Err(ReuniteError(reader, writer))
            }
        }
    }

    fn core(&self) -> &Arc<Core<S>> {
        &self.receiving.transport.link.core
    }
}

/// The sending half of a connection: any number of clones, in any threads.
///
/// The transport stays open as long as there is a half, unless the closing handshake or [`abort`](Self::abort) ends it.
///
/// Messages of several threads are not mixed. Only one thread at a time may send a message in fragments; others get
/// [`MessageUnderWay`](SendError::MessageUnderWay) meanwhile.
pub struct Writer<S: Shareable = TcpStream> {
    core: Arc<Core<S>>,
}

impl<S: Shareable> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<S: Shareable> Writer<S> {
    /// Sends a message or a fragment. Returns when it has been written.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`]. An [`Error::Io`] ends the connection.
    pub fn send<'a>(&self, message: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        self.feed(message)?;
        self.flush()
    }

    /// Queues a message or a fragment. It goes out with the next [`flush`](Self::flush) or send of any thread, or when the
    /// reader next begins to wait. If there is no room for it, waits until there is.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::feed`].
    pub fn feed<'a>(&self, message: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.queue(|sender| sender.send(message))
    }

    /// Returns when everything that is queued now has been written.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], which ends the connection.
    pub fn flush(&self) -> Result<(), Error> {
        self.core.flush(None)
    }

    /// Sends a Ping with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        let origin = self.core.origin;
        self.queue(|sender| sender.ping(payload).inspect(|()| sender.tell_time(origin.elapsed())))?;
        self.flush()
    }

    /// Sends an unsolicited Pong with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|sender| sender.pong(payload))?;
        self.flush()
    }

    /// Sends a Close frame. The reader sees the peer's answer, or that there is none within
    /// [`Config::close_timeout`](crate::Config::close_timeout).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent, and if the connection is closing already. [`Error::Io`].
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_closing(code, reason)?;
        self.flush()
    }

    pub(super) fn start_closing(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let mut protocol = self.core.lock();
        protocol.sender.close(code, reason)?;
        // The close deadline runs from now on, although the reader notices it only when it next looks.
        protocol.sender.handle_timeout(self.core.origin.elapsed());
        Ok(())
    }

    /// Ends the transport without a closing handshake. Reads and writes that wait in any thread return at once.
    pub fn abort(&self) {
        S::shutdown_both(&self.core.handle);
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        self.core.lock().sender.state()
    }

    /// How many bytes are queued and not written yet.
    pub fn buffered_amount(&self) -> usize {
        self.core.lock().sender.buffered_amount()
    }

    /// The last measured round trip from a Ping to its Pong, see [`WebSocket::latency`].
    pub fn latency(&self) -> Option<Duration> {
        self.core.lock().sender.latency()
    }

    /// The stream, for its addresses and options.
    pub fn stream(&self) -> &S {
        S::get(&self.core.handle)
    }

    /// Queues what `send` sends. If there is no room for it, waits until what was queued before has been written.
    pub(super) fn queue<R>(
        &self,
        mut send: impl FnMut(&mut Sender) -> Result<R, SendError>,
    ) -> Result<R, Error> {
        loop {
            let sent = send(&mut self.core.lock().sender);
            match sent {
                Err(SendError::OutputFull) => self.core.flush(None)?,
                sent => return Ok(sent?),
            }
        }
    }
}

/// The halves cannot be joined: they are of two connections, or there are other writers.
pub struct ReuniteError<S: Shareable>(pub Reader<S>, pub Writer<S>);

impl<S: Shareable> std::fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<S: Shareable> std::fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the halves are of two connections, or there are other writers")
    }
}

impl<S: Shareable> std::error::Error for ReuniteError<S> {}

impl<S: Shareable> std::fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("connection", &self.core().lock().sender).finish_non_exhaustive()
    }
}

impl<S: Shareable> std::fmt::Debug for Writer<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("connection", &self.core.lock().sender).finish_non_exhaustive()
    }
}

/// The reader's way to the sender.
pub(super) struct Half<S: Shareable> {
    core: Arc<Core<S>>,
}

impl<S: Shareable> Link<S::Handle> for Half<S> {
    fn with<T>(&mut self, task: impl FnOnce(&mut Sender) -> T) -> T {
        task(&mut self.core.lock().sender)
    }

    fn trace(&self) -> &Trace {
        &self.core.trace
    }

    /// "Reading never depends on writing": what the stream does not take at once waits.
    fn flush(&mut self, stream: &mut S::Handle) -> Result<Option<Duration>, Error> {
        let mut protocol = self.core.lock();
        // Another thread may start the close deadline. The reader notices it within a tenth of it.
        let idle = (protocol.sender.config().close_timeout / 10).max(RETRY);
        if protocol.sender.output().is_empty() && !protocol.unflushed {
            return Ok(Some(idle));
        }
        if protocol.writing || protocol.failed.is_some() {
            return Ok(Some(RETRY));
        }
        stream.set_write_timeout(Some(READERS_PATIENCE))?;
        let end = Instant::now() + READERS_PATIENCE;
        let result = loop {
            match protocol.sender.output().write_at_most(LONGEST_WRITE, stream) {
                Ok(1..) if Instant::now() < end => {}
                result => break result,
            }
        };
        let result = result.and_then(|_| stream.flush());
        stream.set_write_timeout(Some(self.core.patience.tick))?;
        protocol.unflushed = result.is_err();
        match result {
            Ok(_) if protocol.sender.output().is_empty() => Ok(Some(idle)),
            // The stream takes more.
            Ok(_) => Ok(Some(Duration::ZERO)),
            Err(error) if is_timeout(&error) => {
                if Progress::is_in(&error) {
                    protocol.sender.output().note_moved();
                }
                Ok(Some(RETRY))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing more is read at the end, so this may wait: for the message that another thread is writing, and for the Close
    /// frame behind it.
    fn flush_until(&mut self, _: &mut S::Handle, deadline: Instant) -> Result<(), Error> {
        self.core.flush(Some(deadline))
    }

    fn release(&mut self) {
        S::shutdown_both(&self.core.handle);
    }
}
