//! Connections over blocking streams: `std::net` and threads.
//!
//! ```no_run
//! use std::net::TcpListener;
//!
//! use sansocket::blocking;
//!
//! for stream in TcpListener::bind("127.0.0.1:9001")?.incoming() {
//!     std::thread::spawn(move || -> Result<(), sansocket::Error> {
//!         let mut socket = blocking::accept(stream?)?;
//!         while let Some(message) = socket.read()? {
//!             socket.feed(&message)?; // queued; the next read that waits writes all queued messages
//!         }
//!         Ok(())
//!     });
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The shell applies the times of the [`Config`]: the deadlines of the opening and the closing handshake, the keepalive, and
//! the write timeout. Protocol logic is in the core.

mod byte_stream;
mod connecting;
mod net;
mod opening;
mod reaching;
mod receiving;
mod reconnecting;
mod split;
mod stream;
mod timed;
#[cfg(feature = "rustls")]
mod tls;

use std::time::Duration;

pub use byte_stream::{ByteReader, ByteStream, ByteWriter};
pub use connecting::{connect, connect_from, connect_with};
pub use net::NetStream;
pub use opening::{accept, accept_or_respond, accept_with, connect_over};
pub use receiving::TimedRead;
pub use reconnecting::Reconnecting;
pub use split::{Reader, ReuniteError, Writer};
pub use stream::{Shareable, Shared, Stream, WithoutTimeouts};

use crate::config::Config;
use crate::connection::{Chunk, CloseInfo, Connection, Event, Sender, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Outgoing};
use crate::sync::Instant;
use crate::trace::Trace;
use receiving::{Link, Receiving};
use timed::{Patience, Timed, later};

/// An open connection over a blocking stream.
///
/// - *Receiving*: [`read`](Self::read), [`read_timeout`](Self::read_timeout), [`read_event`](Self::read_event),
///   [`read_chunk`](Self::read_chunk). Pings are answered while one of these waits.
/// - *Sending at once*: [`send`](Self::send), [`ping`](Self::ping), [`pong`](Self::pong).
/// - *Gathering*: [`feed`](Self::feed) only queues. The next [`flush`](Self::flush), the next send, or the next read that
///   waits writes everything that is queued in one `writev`.
/// - *Ending*: [`close`](Self::close).
///
/// An event or a chunk borrows the whole `WebSocket` while it is alive. To send meanwhile, [`split`](Self::split) it: then it
/// borrows the [`Reader`], and the [`Writer`] is free.
///
/// After an error of a write, the rest of the output is still queued. An error of a read loses nothing that had arrived.
/// After [`Error::Protocol`] the connection is over. A peer that broke a rule has been sent the Close frame, if it took it
/// within [`Config::close_timeout`]. The error that ends a connection is
/// given once: the reads after it give `None`, so that a loop that passes over errors ends, too. [`close`](Self::close) gives
/// it again, and [`close_info`](Self::close_info) keeps it. Dropping a connection drops the stream, without a closing
/// handshake and without what was only fed.
#[derive(Debug)]
pub struct WebSocket<S> {
    receiving: Receiving<Owned, S>,
}

/// The sender of a connection that is not split.
#[derive(Debug)]
struct Owned {
    sender: Sender,
    patience: Patience,
    trace: Trace,
}

impl<S: Stream> Link<S> for Owned {
    fn with<T>(&mut self, task: impl FnOnce(&mut Sender) -> T) -> T {
        task(&mut self.sender)
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn flush(&mut self, stream: &mut S) -> Result<Option<Duration>, Error> {
        let written = self.patience.write_all(stream, self.sender.output(), |_| ());
        if written.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::TimedOut) {
            self.trace.write_timed_out();
        }
        written?;
        Ok(None)
    }

    fn flush_until(&mut self, stream: &mut S, deadline: Instant) -> Result<(), Error> {
        let patience = Patience { deadline: Some(deadline), ..self.patience };
        Ok(patience.write_all(stream, self.sender.output(), |_| ())?)
    }
}

impl<S: Stream> WebSocket<S> {
    /// A connection that is open already.
    ///
    /// # Errors
    ///
    /// Those of setting the stream's timeouts.
    pub fn from_parts(stream: S, connection: Connection) -> std::io::Result<Self> {
        let trace = Trace::adopted(connection.role(), || stream.peer());
        let timed = Timed::new(stream, connection.config())?;
        Ok(Self::opened(timed, connection).traced(trace))
    }

    fn opened(timed: Timed<S>, connection: Connection) -> Self {
        let Connection { receiver, sender } = connection;
        let patience = Patience::new(sender.config());
        let owned = Owned { sender, patience, trace: Trace::default() };
        Self { receiving: Receiving::new(owned, timed, receiver, Instant::now()) }
    }

    /// The connection, which is open, in its span.
    fn traced(mut self, trace: Trace) -> Self {
        trace.opened();
        self.receiving.transport.link.trace = trace;
        self
    }

    /// The stream without its timeouts, and the protocol with everything that has arrived and everything that waits to be
    /// written.
    pub fn into_parts(self) -> (S, Connection) {
        let Receiving { receiver, transport, .. } = self.receiving;
        let mut stream = transport.timed.stream;
        stream.set_read_timeout(None).ok();
        stream.set_write_timeout(None).ok();
        (stream, Connection { receiver, sender: transport.link.sender })
    }

    /// Waits for the next message. `None`: the connection was closed by a closing handshake, or a read has given the error that
    /// ended it.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] if the peer broke a rule or the connection was lost, [`Error::Io`]. An error that ends the connection
    /// is given once. Any other error of the stream comes again as often as the stream gives it.
    pub fn read(&mut self) -> Result<Option<Message>, Error> {
        self.receiving.read()
    }

    /// [`read`](Self::read) that waits no longer than `timeout` for the peer to send. Part of a message that arrived in that
    /// time is not lost. Queued output is written first; a peer that does not read can delay that by
    /// [`Config::write_timeout`]. A closing handshake that begins in that time is completed, within
    /// [`Config::close_timeout`].
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read). A timeout of the read is no error.
    pub fn read_timeout(&mut self, timeout: Duration) -> Result<TimedRead, Error> {
        self.receiving.read_until(Some(later(timeout)))
    }

    /// Waits for the next event, control frames included, and lends it without a copy. `None` after [`Event::Close`].
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        self.receiving.read_event()
    }

    /// Waits for the next part of a message: for messages that are too large to hold in memory. See
    /// [`Receiver::next_chunk`](crate::Receiver::next_chunk).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        self.receiving.read_chunk()
    }

    /// Sends a message or a fragment, and everything queued before it. [`Outgoing`] says what can be sent. A server's large
    /// borrowed payload is written without a copy.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] if the message cannot be sent, see [`Sender::send`]. [`Error::Io`] as [`flush`](Self::flush).
    pub fn send<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        let message = message.into();
        let transport = &mut self.receiving.transport;
        match transport.link.sender.send_and_write(message, &mut transport.timed.stream) {
            Err(Error::Send(SendError::OutputFull)) => self.feed(message)?,
            // The message is in the output; `flush` has more patience.
            Err(Error::Io(error)) if timed::is_timeout(&error) => {}
            sent => sent?,
        }
        self.flush()
    }

    /// Queues a message or a fragment, to be written with everything else that is queued. Writes first if there is no room.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.queue(|sender| sender.send(message))
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: `TimedOut` if the peer reads nothing for [`Config::write_timeout`]. What was not written is still
    /// queued.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.receiving.transport.flush().map(drop)
    }

    /// Sends a Ping with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        let origin = self.receiving.origin;
        self.queue(|sender| sender.ping(payload).inspect(|()| sender.tell_time(origin.elapsed())))?;
        self.flush()
    }

    /// Sends an unsolicited Pong with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|sender| sender.pong(payload))?;
        self.flush()
    }

    /// Closes the connection: sends a Close frame, waits for the peer's for up to [`Config::close_timeout`], and discards
    /// messages that arrive before it. If the peer has begun to close, this completes the closing handshake.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent. [`Error::Protocol`]: with
    /// [`ConnectionLost`](crate::ProtocolError::ConnectionLost) if the peer did not answer in time, or with the fault in
    /// a discarded message. [`Error::Io`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if self.state() == State::Open {
            self.receiving.transport.link.sender.close(code, reason)?;
        }
        self.receiving.read_to_close()
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        self.sender().state()
    }

    /// How the connection ended or is ending. `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.sender().close_info()
    }

    /// How many bytes are queued and not written yet.
    pub fn buffered_amount(&self) -> usize {
        self.sender().buffered_amount()
    }

    /// The last measured round trip from a Ping to its Pong, see [`Sender::latency`]. It ends when a read of this end finds the
    /// Pong, so some thread should always read.
    pub fn latency(&self) -> Option<Duration> {
        self.sender().latency()
    }

    /// The subprotocol in use.
    pub fn subprotocol(&self) -> Option<&str> {
        self.sender().subprotocol()
    }

    /// What was agreed on about compression (RFC 7692): `None` if messages are not compressed.
    #[cfg(feature = "deflate")]
    pub fn negotiated(&self) -> Option<crate::Negotiated> {
        self.sender().negotiated()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        self.sender().config()
    }

    /// The stream, for its addresses and options. Reading from it or writing to it breaks the connection.
    pub fn stream(&self) -> &S {
        &self.receiving.transport.timed.stream
    }

    fn sender(&self) -> &Sender {
        &self.receiving.transport.link.sender
    }

    /// Queues what `send` sends. Writes first if there is no room for it.
    fn queue<R>(&mut self, mut send: impl FnMut(&mut Sender) -> Result<R, SendError>) -> Result<R, Error> {
        match send(&mut self.receiving.transport.link.sender) {
            Err(SendError::OutputFull) => self.flush()?,
            sent => return Ok(sent?),
        }
        Ok(send(&mut self.receiving.transport.link.sender)?)
    }
}

impl<S: Shareable> WebSocket<S> {
    /// Parts reading from writing. The [`Reader`] stays with one thread. The [`Writer`] is cloned to all threads that send,
    /// ping or close while the reader waits.
    ///
    /// ```no_run
    /// use sansocket::{Error, Event, blocking};
    ///
    /// # fn echo(socket: blocking::WebSocket<std::net::TcpStream>) -> Result<(), Error> {
    /// let (mut reader, writer) = socket.split();
    /// while let Some(event) = reader.read_event()? {
    ///     if let Event::Text(text) = event {
    ///         writer.send(text)?; // the event borrows the reader only
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(self) -> (Reader<S>, Writer<S>) {
        let Receiving { receiver, transport, .. } = self.receiving;
        let Owned { sender, trace, .. } = transport.link;
        split::split(transport.timed.map(S::share), Connection { receiver, sender }, trace)
    }
}
