//! Connections over streams that are polled: everything that the shells for `tokio` and `smol` share.
//!
//! Begin at [`sansocket::tokio`](crate::tokio) or [`sansocket::smol`](crate::smol). For another runtime, implement [`Transport`],
//! and open connections with [`connect_over`] and [`accept_with`].
//!
//! # Cancel safety
//!
//! Every future here may be dropped at any point, and the connection goes on. What has been received and what has been
//! queued stays.
//!
//! - A dropped `read` loses nothing. The next one goes on where it stopped.
//! - A `send` or `feed` queues its whole message or nothing of it. If it is dropped while it waits for room, it has queued
//!   nothing. If it is dropped while it writes, the message goes out with the next write.
//! - A dropped `close` that was polled has queued its Close frame, unless a message of the `Sink` still waits for room. The
//!   next read writes the frame and completes the closing handshake.
//!
//! # Several tasks
//!
//! A connection may be polled from several tasks in any order: as the halves of [`split`](WebSocket::split), or whole, behind
//! a lock or `futures_util::StreamExt::split`. No task takes the wake-up of another.

mod binding;
mod byte_stream;
mod driver;
mod net;
mod opening;
mod reaching;
mod reconnecting;
mod socket;
mod split;
mod storage;
mod tasks;
#[cfg(feature = "rustls")]
mod tls;
mod transport;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub(crate) use binding::{async_write, bind};
pub use byte_stream::ByteStream;
use driver::Driver;
pub use net::NetStream;
pub use opening::{accept_or_respond, accept_with, connect_over};
pub(crate) use opening::{connect, pass};
pub(crate) use reaching::reach;
pub use reconnecting::{Dial, Reconnecting};
pub use socket::Socket;
pub use split::{Reader, ReuniteError, Writer};
pub use transport::Transport;

use crate::config::Config;
use crate::connection::{By, Chunk, CloseInfo, Connection, Event, Receiver, Sender, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Outgoing};
use crate::trace::Trace;

/// An open connection over a stream that is polled.
///
/// - *Receiving*: [`read`](Self::read), [`read_event`](Self::read_event), [`read_chunk`](Self::read_chunk). Pings are
///   answered and timers kept while one of these waits. For a time limit, wrap the future in the runtime's own timeout.
/// - *Sending at once*: [`send`](Self::send), [`ping`](Self::ping), [`pong`](Self::pong).
/// - *Gathering*: [`feed`](Self::feed) only queues. The next [`flush`](Self::flush), the next send, or the next read that
///   waits writes everything that is queued in one `writev`. To pass on what other tasks have, `select!` over `read` and a
///   channel, and `feed` what the channel gives; [`buffered_amount`](Self::buffered_amount) tells which peers are slow.
/// - *Ending*: [`close`](Self::close).
///
/// It is also a [`Stream`](futures_core::Stream) and a [`Sink`](futures_sink::Sink) of [`Message`].
///
/// An event or a chunk borrows the whole `WebSocket` while it is alive. To send meanwhile, [`split`](Self::split) it: then it
/// borrows the [`Reader`], and the [`Writer`] is free.
///
/// While nothing is under way, the connection holds no buffers. It takes them from a stock of the thread when bytes arrive.
/// Dropping the connection drops the stream, without a closing handshake and without what was only fed.
///
/// All futures are [cancel safe](self#cancel-safety).
pub struct WebSocket<T> {
    /// Boxed: an async function holds an argument twice, as the argument and in its own state.
    inner: Box<Inner<T>>,
}

struct Inner<T> {
    driver: Driver<T>,
    receiver: Receiver,
    slot: Slot,
}

impl<T: Transport> WebSocket<T> {
    /// A connection that is open already.
    pub fn from_parts(transport: T, connection: Connection) -> Self {
        let trace = Trace::adopted(connection.role(), || transport.peer());
        Self::opened(transport, connection).traced(trace)
    }

    pub(crate) fn opened(transport: T, connection: Connection) -> Self {
        let Connection { receiver, sender } = connection;
        let driver = Driver::new(transport, sender);
        Self { inner: Box::new(Inner { driver, receiver, slot: Slot::default() }) }
    }

    /// The connection, which is open, in its span.
    pub(crate) fn traced(mut self, trace: Trace) -> Self {
        trace.opened();
        self.inner.driver.trace = trace;
        self
    }

    /// The stream, and the protocol with everything that has arrived and everything that waits to be written. A message that
    /// the `Sink` has taken is queued, even beyond [`Config::max_output_len`].
    pub fn into_parts(self) -> (T::Stream, Connection) {
        let Inner { mut driver, receiver, slot } = *self.inner;
        slot.queue(&mut driver);
        (driver.transport.into_stream(), Connection { receiver, sender: driver.sender })
    }

    /// Waits for the next message. `None`: the connection was closed by a closing handshake.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] if the peer broke a rule or the connection was lost, [`Error::Io`].
    pub fn read(&mut self) -> impl Future<Output = Result<Option<Message>, Error>> {
        // Not an async function: its future would be twice as long.
        let Inner { driver, receiver, .. } = &mut *self.inner;
        poll_fn(|cx| driver.poll_message(cx, receiver))
    }

    /// Waits for the next event, control frames included, and lends it without a copy. `None` after [`Event::Close`].
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let Inner { driver, receiver, .. } = &mut *self.inner;
        let found = poll_fn(|cx| driver.poll_next(cx, receiver, By::Message)).await?;
        let Some(found) = found else { return Ok(None) };
        match receiver.lend_event(found) {
            Ok(event) => Ok(Some(event)),
            Err(error) => Err(poll_fn(|cx| driver.poll_fail(cx, error)).await),
        }
    }

    /// Waits for the next part of a message: for messages that are too large to hold in memory. See
    /// [`Receiver::next_chunk`](crate::Receiver::next_chunk).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn read_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        let Inner { driver, receiver, .. } = &mut *self.inner;
        let found = poll_fn(|cx| driver.poll_next_data(cx, receiver, By::Chunk)).await?;
        let Some(found) = found else { return Ok(None) };
        match receiver.lend_chunk(found) {
            Ok(chunk) => Ok(Some(chunk)),
            Err(error) => Err(poll_fn(|cx| driver.poll_fail(cx, error)).await),
        }
    }

    /// Sends a message or a fragment, and everything queued before it. [`Outgoing`] says what can be sent. Returns when it
    /// has been written. A peer that reads nothing for [`Config::write_timeout`] is given up, and the connection is closed.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] if the message cannot be sent, see [`Sender::send`]. [`Error::Io`]: `TimedOut` for a peer that was
    /// given up, or those of the stream.
    pub async fn send<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.send_by(|sender| sender.send(message)).await
    }

    /// Queues a message or a fragment, to be written with everything else that is queued. Waits only if there is no room.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn feed<'a>(&mut self, message: impl Into<Outgoing<'a>>) -> impl Future<Output = Result<(), Error>> {
        let (message, inner) = (message.into(), &mut *self.inner);
        poll_fn(move |cx| inner.poll_queue(cx, |sender| sender.send(message)))
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] as [`send`](Self::send). What was not written is still queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let Inner { driver, slot, .. } = &mut *self.inner;
        poll_fn(|cx| slot.poll_flush(cx, driver)).await
    }

    /// Sends a Ping with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| self.inner.poll_queue(cx, |sender| sender.ping(payload))).await?;
        self.inner.driver.tell_time();
        self.flush().await
    }

    /// Sends an unsolicited Pong with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send_by(|sender| sender.pong(payload)).await
    }

    /// Closes the connection: sends a Close frame, waits for the peer's for up to [`Config::close_timeout`], and discards
    /// messages that arrive before it. If the peer has begun to close, this completes the closing handshake.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent. [`Error::Protocol`]: with
    /// [`ConnectionLost`](crate::ProtocolError::ConnectionLost) if the peer did not answer in time, or with the fault in
    /// a discarded message. [`Error::Io`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        poll_fn(|cx| self.inner.poll_close(cx, code, reason)).await
    }

    /// Parts reading from writing, for different tasks. The [`Reader`] stays with one task. The [`Writer`] is cloned to all
    /// tasks that send, ping or close while the reader waits.
    pub fn split(self) -> (Reader<T>, Writer<T>) {
        let Inner { driver, receiver, slot } = *self.inner;
        split::split(driver, receiver, slot)
    }

    /// The stream, for its addresses and options. Reading from it or writing to it breaks the connection.
    pub fn stream(&self) -> &T::Stream {
        self.inner.driver.transport.stream()
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
    /// Pong, so some task should always read.
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

    fn sender(&self) -> &Sender {
        &self.inner.driver.sender
    }

    async fn send_by(&mut self, send: impl Fn(&mut Sender) -> Result<(), SendError>) -> Result<(), Error> {
        poll_fn(|cx| self.inner.poll_queue(cx, &send)).await?;
        self.flush().await
    }
}

impl<T: Transport> Inner<T> {
    /// Queues what `send` sends, behind a message that the [`Sink`](futures_sink::Sink) has taken.
    #[inline]
    fn poll_queue(
        &mut self,
        cx: &mut Context<'_>,
        send: impl Fn(&mut Sender) -> Result<(), SendError>,
    ) -> Poll<Result<(), Error>> {
        if self.slot.0.is_some() {
            ready!(self.slot.poll_queued(cx, &mut self.driver))?;
        }
        self.driver.poll_queue(cx, send)
    }

    /// Starts the closing handshake unless that has been done, and waits for its end.
    fn poll_close(&mut self, cx: &mut Context<'_>, code: CloseCode, reason: &str) -> Poll<Result<(), Error>> {
        if self.driver.sender.state() == State::Open {
            ready!(self.slot.poll_queued(cx, &mut self.driver))?;
            self.driver.start_closing(code, reason)?;
            // Where nothing is awaited, since the close timeout is zero, the Close frame goes out all the same.
            _ = self.driver.poll_flush(cx);
        }
        self.driver.poll_closed(cx, &mut self.receiver)
    }
}

impl<T> std::fmt::Debug for WebSocket<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").field("connection", &self.inner.driver.sender).finish_non_exhaustive()
    }
}

impl<T: Transport + Unpin> futures_core::Stream for WebSocket<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Inner { driver, receiver, .. } = &mut *self.get_mut().inner;
        driver.poll_item(cx, receiver)
    }
}

impl<T: Transport + Unpin> futures_sink::Sink<Message> for WebSocket<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Inner { driver, slot, .. } = &mut *self.get_mut().inner;
        slot.poll_ready(cx, driver)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let Inner { driver, slot, .. } = &mut *self.get_mut().inner;
        slot.start_send(driver, message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Inner { driver, slot, .. } = &mut *self.get_mut().inner;
        slot.poll_flush(cx, driver)
    }

    /// [`close`](WebSocket::close) with [`CloseCode::NORMAL`].
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().inner.poll_close(cx, CloseCode::NORMAL, "")
    }
}

/// A message that a [`Sink`](futures_sink::Sink) has taken while the output has no room for it. A sink that is ready takes one
/// message of any length up to the limit.
#[derive(Default)]
struct Slot(Option<Box<Message>>);

impl Slot {
    fn poll_ready<T: Transport>(
        &mut self,
        cx: &mut Context<'_>,
        driver: &mut Driver<T>,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_queued(cx, driver))?;
        let is_above = driver.sender.buffered_amount() > driver.sender.config().high_water();
        if is_above { driver.poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn start_send<T: Transport>(&mut self, driver: &mut Driver<T>, message: Message) -> Result<(), Error> {
        match driver.sender.send(&message) {
            Err(SendError::OutputFull) if self.0.is_none() => self.0 = Some(Box::new(message)),
            sent => sent?,
        }
        Ok(())
    }

    fn poll_flush<T: Transport>(
        &mut self,
        cx: &mut Context<'_>,
        driver: &mut Driver<T>,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_queued(cx, driver))?;
        driver.poll_flush(cx)
    }

    /// Queues the message that waits for room, beyond the limit of the output.
    fn queue<T: Transport>(self, driver: &mut Driver<T>) {
        if let Some(message) = self.0 {
            // An error means that a closed connection sends no message, whether there is room or not.
            driver.sender.send_beyond_limit(&message).ok();
        }
    }

    /// Queues the message that waits for room.
    fn poll_queued<T: Transport>(
        &mut self,
        cx: &mut Context<'_>,
        driver: &mut Driver<T>,
    ) -> Poll<Result<(), Error>> {
        if let Some(message) = &self.0 {
            let queued = ready!(driver.poll_queue(cx, |sender| sender.send(&**message)));
            self.0 = None;
            queued?;
        }
        Poll::Ready(Ok(()))
    }
}
