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
//!             socket.feed(&message)?; // queued, and written with all others before the next read that waits
//!         }
//!         Ok(())
//!     });
//! }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The shell knows of the protocol only which method of [`Connection`] to call next. It keeps time: the handshake's
//! deadline, the keepalive, the deadline of the closing handshake and the patience with a peer that does not read are
//! those of the [`Config`].

mod opening;
mod receiving;
mod split;
mod stream;

use std::time::{Duration, Instant};

pub use opening::{accept, accept_with, connect, connect_over, connect_with, serve};
pub use receiving::Waited;
pub use split::{Reader, Writer};
pub use stream::{Stream, Untimed};

use crate::buffer::Buffer;
use crate::config::Config;
use crate::connection::{CloseInfo, Connection, Event, Fin, Piece, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Prepared};
use receiving::{Link, Receiving, Transport};
use stream::{Timed, later, write_limit};

/// An open connection over a blocking stream.
///
/// - *Receiving*: [`read`](Self::read), [`read_timeout`](Self::read_timeout), [`read_event`](Self::read_event),
///   [`read_piece`](Self::read_piece). Pings are answered while one of these waits.
/// - *Sending at once*: [`send`](Self::send), [`send_text`](Self::send_text), [`send_binary`](Self::send_binary),
///   [`send_prepared`](Self::send_prepared), [`send_text_fragment`](Self::send_text_fragment), [`ping`](Self::ping).
/// - *Gathering*: [`feed`](Self::feed) only queues; what is queued is written by [`flush`](Self::flush), by the next
///   send, or by the next read that has to wait, all in one `writev`.
/// - *Ending*: [`close`](Self::close).
///
/// Errors of a write leave the rest of the output queued; errors of a read lose nothing that had arrived. After
/// [`Error::Protocol`] the connection is over, and its Close frame has been written. Dropping a connection drops the
/// stream, without a closing handshake and without what was only fed.
#[derive(Debug)]
pub struct WebSocket<S> {
    receiving: Receiving<Owned, S>,
}

#[derive(Debug)]
struct Owned(Connection);

impl Link for Owned {
    fn with<T>(&mut self, task: impl FnOnce(&mut Connection) -> T) -> T {
        task(&mut self.0)
    }

    fn flush(&mut self, stream: &mut impl Stream) -> Result<Option<Duration>, Error> {
        self.0.output().write_all_to(stream)?;
        Ok(None)
    }

    fn flush_all(&mut self, stream: &mut impl Stream, deadline: Instant) -> Result<(), Error> {
        let output = self.0.output();
        while !output.is_empty() && Instant::now() < deadline {
            output.write_to(stream)?;
        }
        Ok(stream.flush()?)
    }
}

impl<S: Stream> WebSocket<S> {
    /// A connection whose opening handshake happened elsewhere; `input` holds what was read behind it.
    ///
    /// # Errors
    ///
    /// Those of setting the stream's timeouts.
    pub fn from_parts(mut stream: S, connection: Connection, input: Buffer) -> std::io::Result<Self> {
        stream.set_write_timeout(write_limit(connection.config().write_timeout))?;
        stream.opened()?;
        Ok(Self { receiving: Receiving::new(Owned(connection), Timed::new(stream)?, input) })
    }

    /// The stream, the protocol with what waits to be written, and what was read and not looked at.
    pub fn into_parts(self) -> (S, Connection, Buffer) {
        let Receiving { transport: Transport { link: Owned(connection), mut timed, .. }, input, .. } =
            self.receiving;
        timed.stream.set_read_timeout(None).ok();
        (timed.stream, connection, input)
    }

    /// Waits for the next message. `None`: the connection was closed, cleanly.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the peer broke a rule or the connection was lost, [`Error::Io`].
    pub fn read(&mut self) -> Result<Option<Message>, Error> {
        self.receiving.read()
    }

    /// [`read`](Self::read) that waits no longer than `timeout`. Part of a message that arrived in that time is not lost.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); that the time has passed is not an error.
    pub fn read_timeout(&mut self, timeout: Duration) -> Result<Waited<Message>, Error> {
        self.receiving.read_until(Some(later(timeout)))
    }

    /// Waits for the next event, control frames included, and lends it without a copy. `None` after
    /// [`Event::Close`].
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        self.receiving.read_event()
    }

    /// Waits for the next part of a message: for messages that are larger than memory should hold. See
    /// [`Connection::next_piece`].
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_piece(&mut self) -> Result<Option<Piece<'_>>, Error> {
        self.receiving.read_piece()
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] where it cannot be sent ([`Connection::send`] says when), [`Error::Io`].
    pub fn send(&mut self, message: &Message) -> Result<(), Error> {
        self.feed(message)?;
        self.flush()
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.queue(|connection| connection.send_text(text))?;
        self.flush()
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_binary(&mut self, data: &[u8]) -> Result<(), Error> {
        self.queue(|connection| connection.send_binary(data))?;
        self.flush()
    }

    /// Sends a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.queue(|connection| connection.send_prepared(prepared))?;
        self.flush()
    }

    /// Sends the next fragment of a text message. See [`Connection::send_text_fragment`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_text_fragment(&mut self, text: &str, fin: Fin) -> Result<(), Error> {
        self.queue(|connection| connection.send_text_fragment(text, fin))?;
        self.flush()
    }

    /// Sends the next fragment of a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_binary_fragment(&mut self, data: &[u8], fin: Fin) -> Result<(), Error> {
        self.queue(|connection| connection.send_binary_fragment(data, fin))?;
        self.flush()
    }

    /// Queues a message, to be written with whatever else is queued. Where there is no room for it, writes first.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed(&mut self, message: &Message) -> Result<(), Error> {
        self.queue(|connection| connection.send(message))
    }

    /// [`feed`](Self::feed) for a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.queue(|connection| connection.send_prepared(prepared))
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: `WouldBlock` or `TimedOut` when the peer does not read for
    /// [`Config::write_timeout`]. What was not written is still queued.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.receiving.transport.flush().map(drop)
    }

    /// Sends a Ping with up to 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.queue(|connection| connection.ping(payload))?;
        self.flush()
    }

    /// Closes the connection: sends a Close frame, waits for the peer's up to [`Config::close_timeout`], and discards
    /// messages that arrive before it. Where the peer has begun to close, this completes it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent; [`Error::Protocol`] with
    /// [`ConnectionLost`](crate::ProtocolError::ConnectionLost) when the peer did not answer in time; [`Error::Io`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if self.state() == State::Open {
            self.queue(|connection| connection.close(code, reason))?;
        }
        self.receiving.read_to_close()
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        self.receiving.transport.link.0.state()
    }

    /// How the connection ended, or is ending: `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.receiving.transport.link.0.close_info()
    }

    /// How many bytes are queued and not yet written.
    pub fn buffered_amount(&self) -> usize {
        self.receiving.transport.link.0.buffered_amount()
    }

    /// The subprotocol in use.
    pub fn subprotocol(&self) -> Option<&str> {
        self.receiving.transport.link.0.subprotocol()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        self.receiving.transport.link.0.config()
    }

    /// The stream: for its addresses and options. Whoever reads from it or writes to it breaks the connection.
    pub fn stream(&self) -> &S {
        &self.receiving.transport.timed.stream
    }

    /// Queues what `send` sends; where there is no room for it, writes first.
    fn queue(&mut self, send: impl Fn(&mut Connection) -> Result<(), SendError>) -> Result<(), Error> {
        let sent = send(&mut self.receiving.transport.link.0);
        if sent != Err(SendError::OutputFull) {
            return Ok(sent?);
        }
        self.flush()?;
        Ok(send(&mut self.receiving.transport.link.0)?)
    }
}

impl WebSocket<std::net::TcpStream> {
    /// Parts reading from writing: the [`Reader`] stays with one thread, the [`Writer`] is cloned to as many as want to
    /// send, ping or close while it waits.
    pub fn split(self) -> (Reader, Writer) {
        let Receiving { transport: Transport { link: Owned(connection), timed, .. }, input, .. } =
            self.receiving;
        split::split(timed, connection, input)
    }
}
