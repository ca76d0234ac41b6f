//! Connections over streams that are polled: what the shells for `tokio` and for `futures-io` have in common, which is
//! everything but the names of the traits.
//!
//! Where to begin: [`sansocket::tokio`](crate::tokio), [`sansocket::futures_io`](crate::futures_io).
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any point, and the connection goes on as if it had not been: what has been
//! received stays in the buffer, what has been queued stays queued. In particular:
//!
//! - A `read` that is dropped loses nothing; the next one goes on where it stopped.
//! - A `send` or `feed` queues its message as a whole or not at all. Dropped while it waits for room, it has queued
//!   nothing; dropped while it writes, the message goes out with whatever is written next.
//! - A `close` that is dropped has queued its Close frame if it was polled at all; reading on writes it and completes the
//!   closing handshake.

mod binding;
mod driver;
mod io;
mod opening;
mod split;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub(crate) use binding::bind;
use driver::{Advance, Driver};
use io::Input;
pub use io::Io;
pub(crate) use opening::{accept, connect, serve};
pub use split::{Reader, Writer};

use crate::buffer::Buffer;
use crate::config::Config;
use crate::connection::{CloseInfo, Connection, Event, Fin, Found, Piece, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Prepared};

/// A [`Sink`](futures_sink::Sink) with more than this much waiting asks for a flush before it takes more.
const HIGH_WATER: usize = 64 << 10;

/// An open connection over a stream that is polled.
///
/// - *Receiving*: [`read`](Self::read), [`read_event`](Self::read_event), [`read_piece`](Self::read_piece). Pings are
///   answered and timers kept while one of these waits. For a time limit put the runtime's own around the future.
/// - *Sending at once*: [`send`](Self::send), [`send_text`](Self::send_text), [`send_binary`](Self::send_binary),
///   [`send_prepared`](Self::send_prepared), [`send_text_fragment`](Self::send_text_fragment), [`ping`](Self::ping).
/// - *Gathering*: [`feed`](Self::feed) only queues; what is queued is written by [`flush`](Self::flush), by the next
///   send, or by the next read that has to wait, all in one `writev`.
/// - *Ending*: [`close`](Self::close).
///
/// It is also a [`Stream`](futures_core::Stream) and a [`Sink`](futures_sink::Sink) of [`Message`].
///
/// While nothing is under way, the connection holds no buffers: they are lent to it, by thread, when the stream has
/// something. Dropping it drops the stream, without a closing handshake and without what was only fed.
///
/// All futures are [cancel safe](self#cancel-safety).
pub struct WebSocket<I> {
    /// In a box, as a task that was handed a value keeps room for it twice.
    inner: Box<Inner<I>>,
}

struct Inner<I> {
    driver: Driver<I>,
    input: Input,
}

impl<I: Io> WebSocket<I> {
    /// A connection whose opening handshake happened elsewhere; `input` holds what was read behind it.
    pub fn from_parts(io: I, connection: Connection, input: Buffer) -> Self {
        Self { inner: Box::new(Inner { driver: Driver::new(io, connection), input: Input::new(input) }) }
    }

    /// The stream, the protocol with what waits to be written, and what was read and not looked at.
    pub fn into_parts(self) -> (I, Connection, Buffer) {
        let Inner { driver, input } = *self.inner;
        (driver.io, driver.connection, input.into_buffer())
    }

    /// Waits for the next message. `None`: the connection was closed, cleanly.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] when the peer broke a rule or the connection was lost, [`Error::Io`].
    pub async fn read(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// Waits for the next event, control frames included, and lends it without a copy. `None` after [`Event::Close`].
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let Some(found) = self.next(Connection::advance).await? else { return Ok(None) };
        let Inner { driver, input } = &mut *self.inner;
        match driver.connection.lend(input.buffer(), found) {
            Ok(event) => Ok(Some(event)),
            Err(error) => {
                poll_fn(|cx| driver.poll_end(cx)).await;
                Err(error.into())
            }
        }
    }

    /// Waits for the next part of a message: for messages that are larger than memory should hold. See
    /// [`Connection::next_piece`].
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn read_piece(&mut self) -> Result<Option<Piece<'_>>, Error> {
        let Some(found) = self.next(Connection::advance_piece).await? else { return Ok(None) };
        let Inner { driver, input } = &mut *self.inner;
        match driver.connection.lend_piece(input.buffer(), found) {
            Ok(piece) => Ok(Some(piece)),
            Err(error) => {
                poll_fn(|cx| driver.poll_end(cx)).await;
                Err(error.into())
            }
        }
    }

    /// Sends a message; returns when it has been written. A peer that reads nothing for [`Config::write_timeout`] is given
    /// up: [`Error::Io`] with `TimedOut`, and the connection is closed.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] where it cannot be sent ([`Connection::send`] says when), [`Error::Io`].
    pub async fn send(&mut self, message: &Message) -> Result<(), Error> {
        self.send_by(|connection| connection.send(message)).await
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.send_by(|connection| connection.send_text(text)).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_binary(&mut self, data: &[u8]) -> Result<(), Error> {
        self.send_by(|connection| connection.send_binary(data)).await
    }

    /// Sends a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        self.send_by(|connection| connection.send_prepared(prepared)).await
    }

    /// Sends the next fragment of a text message. See [`Connection::send_text_fragment`].
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_text_fragment(&mut self, text: &str, fin: Fin) -> Result<(), Error> {
        self.send_by(|connection| connection.send_text_fragment(text, fin)).await
    }

    /// Sends the next fragment of a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_binary_fragment(&mut self, data: &[u8], fin: Fin) -> Result<(), Error> {
        self.send_by(|connection| connection.send_binary_fragment(data, fin)).await
    }

    /// Queues a message, to be written with whatever else is queued. Waits only where there is no room for it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed(&mut self, message: &Message) -> Result<(), Error> {
        poll_fn(|cx| self.inner.driver.poll_queue(cx, |connection| connection.send(message))).await
    }

    /// [`feed`](Self::feed) for a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed_prepared(&mut self, prepared: &Prepared) -> Result<(), Error> {
        poll_fn(|cx| self.inner.driver.poll_queue(cx, |connection| connection.send_prepared(prepared))).await
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. What was not written is still queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.inner.driver.poll_flush(cx)).await
    }

    /// Sends a Ping with up to 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_by(|connection| connection.ping(payload)).await
    }

    /// Closes the connection: sends a Close frame, waits for the peer's up to [`Config::close_timeout`], and discards
    /// messages that arrive before it. Where the peer has begun to close, this completes it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent; [`Error::Protocol`] with
    /// [`ConnectionLost`](crate::ProtocolError::ConnectionLost) when the peer did not answer in time; [`Error::Io`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        if self.state() == State::Open {
            self.inner.driver.connection.close(code, reason)?;
        }
        while self.next(Connection::advance_piece).await?.is_some() {}
        Ok(())
    }

    /// Parts reading from writing, for different tasks: the [`Reader`] stays with one, the [`Writer`] is cloned to as many
    /// as want to send, ping or close while it waits.
    pub fn split(self) -> (Reader<I>, Writer<I>) {
        let Inner { driver, input } = *self.inner;
        split::split(driver, input)
    }

    /// The stream with its clock: for its addresses and options. Whoever reads from it or writes to it breaks the
    /// connection.
    pub fn io(&self) -> &I {
        &self.inner.driver.io
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        self.inner.driver.connection.state()
    }

    /// How the connection ended, or is ending: `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.inner.driver.connection.close_info()
    }

    /// How many bytes are queued and not yet written.
    pub fn buffered_amount(&self) -> usize {
        self.inner.driver.connection.buffered_amount()
    }

    /// The subprotocol in use.
    pub fn subprotocol(&self) -> Option<&str> {
        self.inner.driver.connection.subprotocol()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        self.inner.driver.connection.config()
    }

    async fn next(&mut self, advance: Advance) -> Result<Option<Found>, Error> {
        let Inner { driver, input } = &mut *self.inner;
        poll_fn(|cx| driver.poll_next(cx, input, advance)).await
    }

    async fn send_by(
        &mut self,
        send: impl Fn(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        poll_fn(|cx| self.inner.driver.poll_queue(cx, &send)).await?;
        self.flush().await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let Inner { driver, input } = &mut *self.inner;
        driver.poll_message(cx, input)
    }
}

impl<I> std::fmt::Debug for WebSocket<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("connection", &self.inner.driver.connection).finish_non_exhaustive()
    }
}

impl<I: Io + Unpin> futures_core::Stream for WebSocket<I> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Inner { driver, input } = &mut *self.get_mut().inner;
        driver.poll_item(cx, input)
    }
}

impl<I: Io + Unpin> futures_sink::Sink<Message> for WebSocket<I> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let driver = &mut self.get_mut().inner.driver;
        // Low enough that the next message fits, as far as that can be known before it is seen.
        let high = HIGH_WATER.min(driver.connection.config().max_output_len / 2);
        if driver.connection.buffered_amount() > high { driver.poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(self.get_mut().inner.driver.connection.send(&message)?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().inner.driver.poll_flush(cx)
    }

    /// [`close`](WebSocket::close) with [`CloseCode::NORMAL`].
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Inner { driver, input } = &mut *self.get_mut().inner;
        if driver.connection.state() == State::Open {
            driver.connection.close(CloseCode::NORMAL, "")?;
        }
        while ready!(driver.poll_next(cx, input, Connection::advance_piece))?.is_some() {}
        Poll::Ready(Ok(()))
    }
}
