//! Reading in one task, writing in any.
//!
//! Both halves poll the same driver. It is behind a mutex that is held while it is polled, and never across a wait.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::driver::Driver;
use super::transport::Transport;
use super::{Inner, Slot, WebSocket};
use crate::connection::{By, Chunk, CloseInfo, Event, Receiver, Sender, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Outgoing};
use crate::sync::{Mutex, MutexGuard};

type Shared<T> = Arc<Mutex<Driver<T>>>;

pub(super) fn split<T: Transport>(
    driver: Driver<T>,
    receiver: Receiver,
    slot: Slot,
) -> (Reader<T>, Writer<T>) {
    let shared = Arc::new(Mutex::new(driver));
    (Reader { shared: Arc::clone(&shared), receiver }, Writer { shared, slot })
}

fn lock<T>(shared: &Mutex<Driver<T>>) -> MutexGuard<'_, Driver<T>> {
    // A panicking task leaves it whole: no step of the protocol panics half-way.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The receiving half of a connection. It keeps the timers and answers Pings while it reads, so some task should read.
pub struct Reader<T> {
    shared: Shared<T>,
    receiver: Receiver,
}

impl<T: Transport> Reader<T> {
    /// Waits for the next message. `None`: the connection was closed by a closing handshake.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub async fn read(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| lock(&self.shared).poll_message(cx, &mut self.receiver)).await
    }

    /// Waits for the next event and lends it.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub async fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let Self { shared, receiver } = self;
        let found = poll_fn(|cx| lock(shared).poll_next(cx, receiver, By::Message)).await?;
        let Some(found) = found else { return Ok(None) };
        match receiver.lend_event(found) {
            Ok(event) => Ok(Some(event)),
            Err(error) => Err(poll_fn(|cx| lock(shared).poll_fail(cx, error)).await),
        }
    }

    /// Waits for the next part of a message.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`].
    pub async fn read_chunk(&mut self) -> Result<Option<Chunk<'_>>, Error> {
        let Self { shared, receiver } = self;
        let found = poll_fn(|cx| lock(shared).poll_next_data(cx, receiver, By::Chunk)).await?;
        let Some(found) = found else { return Ok(None) };
        match receiver.lend_chunk(found) {
            Ok(chunk) => Ok(Some(chunk)),
            Err(error) => Err(poll_fn(|cx| lock(shared).poll_fail(cx, error)).await),
        }
    }

    /// Closes the connection and waits for the peer, as [`WebSocket::close`].
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        poll_fn(|cx| {
            let mut driver = lock(&self.shared);
            if driver.sender.state() == State::Open {
                driver.start_closing(code, reason)?;
                _ = driver.poll_flush(cx); // as `WebSocket::close`
            }
            driver.poll_closed(cx, &mut self.receiver)
        })
        .await
    }

    /// How the connection ended or is ending. `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        lock(&self.shared).sender.close_info()
    }

    /// Another writer for this connection.
    pub fn writer(&self) -> Writer<T> {
        Writer { shared: Arc::clone(&self.shared), slot: Slot::default() }
    }

    /// Shows the stream to `look`, for its addresses and options.
    pub fn with_stream<R>(&self, look: impl FnOnce(&T::Stream) -> R) -> R {
        look(lock(&self.shared).transport.stream())
    }

    /// Joins the halves of one connection.
    ///
    /// # Errors
    ///
    /// Both halves, if they are of two connections, or if there are other writers.
    #[allow(clippy::result_large_err, reason = "it gives the halves back")]
    pub fn reunite(self, writer: Writer<T>) -> Result<WebSocket<T>, ReuniteError<T>> {
        let Writer { shared, slot } = writer;
        if !Arc::ptr_eq(&self.shared, &shared) {
            return Err(ReuniteError(self, Writer { shared, slot }));
        }
        let Self { shared: of_reader, receiver } = self;
        drop(of_reader);
        match Arc::try_unwrap(shared) {
            Ok(driver) => {
                let driver = driver.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(WebSocket { inner: Box::new(Inner { driver, receiver, slot }) })
            }
            Err(shared) => {
                let reader = Self { shared: Arc::clone(&shared), receiver };
                Err(ReuniteError(reader, Writer { shared, slot }))
            }
        }
    }
}

/// The halves cannot be joined: they are of two connections, or there are other writers.
pub struct ReuniteError<T>(pub Reader<T>, pub Writer<T>);

impl<T> std::fmt::Debug for ReuniteError<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<T> std::fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the halves are of two connections, or there are other writers")
    }
}

impl<T> std::error::Error for ReuniteError<T> {}

impl<T: Transport> futures_core::Stream for Reader<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { shared, receiver } = self.get_mut();
        lock(shared).poll_item(cx, receiver)
    }
}

/// The sending half of a connection: any number of clones, in any tasks. It is also a [`Sink`](futures_sink::Sink) of
/// [`Message`].
///
/// If you use the `Sink` and the methods of one `Writer`, flush the `Sink` before a method: a message that the `Sink` has
/// taken may still wait for room, and the methods do not wait for it.
///
/// Messages of several tasks are not mixed. Only one task at a time may send a message in fragments; others get
/// [`MessageUnderWay`](SendError::MessageUnderWay) meanwhile.
pub struct Writer<T> {
    shared: Shared<T>,
    slot: Slot,
}

impl<T> Clone for Writer<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), slot: Slot::default() }
    }
}

impl<T: Transport> Writer<T> {
    /// Sends a message or a fragment. Returns when it has been written.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`].
    pub async fn send<'a>(&self, message: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        let message = message.into();
        self.send_by(|sender| sender.send(message)).await
    }

    /// Queues a message or a fragment. It goes out with the next flush or send of any task, or when the reader next begins
    /// to wait.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::feed`].
    pub async fn feed<'a>(&self, message: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        let message = message.into();
        poll_fn(|cx| lock(&self.shared).poll_queue(cx, |sender| sender.send(message))).await
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::flush`].
    pub async fn flush(&self) -> Result<(), Error> {
        poll_fn(|cx| lock(&self.shared).poll_flush(cx)).await
    }

    /// Sends a Ping with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| {
            let mut driver = lock(&self.shared);
            ready!(driver.poll_queue(cx, |sender| sender.ping(payload)))?;
            driver.tell_time(); // under the same lock: another task may find the Pong
            Poll::Ready(Ok::<(), Error>(()))
        })
        .await?;
        self.flush().await
    }

    /// Sends an unsolicited Pong with a payload of at most 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn pong(&self, payload: &[u8]) -> Result<(), Error> {
        self.send_by(|sender| sender.pong(payload)).await
    }

    /// Sends a Close frame. The reader sees the peer's answer, or that there is none within
    /// [`Config::close_timeout`](crate::Config::close_timeout).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent, and if the connection is closing already. [`Error::Io`].
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let mut is_sent = false;
        poll_fn(|cx| {
            let mut driver = lock(&self.shared);
            if !is_sent {
                driver.start_closing(code, reason)?;
                is_sent = true;
            }
            driver.poll_flush(cx)
        })
        .await
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        lock(&self.shared).sender.state()
    }

    /// How many bytes are queued and not written yet.
    pub fn buffered_amount(&self) -> usize {
        lock(&self.shared).sender.buffered_amount()
    }

    /// The last measured round trip from a Ping to its Pong, see [`WebSocket::latency`].
    pub fn latency(&self) -> Option<Duration> {
        lock(&self.shared).sender.latency()
    }

    /// Shows the stream to `look`, for its addresses and options.
    pub fn with_stream<R>(&self, look: impl FnOnce(&T::Stream) -> R) -> R {
        look(lock(&self.shared).transport.stream())
    }

    async fn send_by(&self, send: impl Fn(&mut Sender) -> Result<(), SendError>) -> Result<(), Error> {
        poll_fn(|cx| lock(&self.shared).poll_queue(cx, &send)).await?;
        self.flush().await
    }
}

impl<T: Transport> futures_sink::Sink<Message> for Writer<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, slot } = self.get_mut();
        slot.poll_ready(cx, &mut lock(shared))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let Self { shared, slot } = self.get_mut();
        slot.start_send(&mut lock(shared), message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, slot } = self.get_mut();
        slot.poll_flush(cx, &mut lock(shared))
    }

    /// [`close`](Writer::close) with [`CloseCode::NORMAL`], unless the connection is closing already.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, slot } = self.get_mut();
        let driver = &mut *lock(shared);
        if driver.sender.state() == State::Open {
            ready!(slot.poll_queued(cx, driver))?;
            driver.start_closing(CloseCode::NORMAL, "")?;
        }
        driver.poll_flush(cx)
    }
}

impl<T> std::fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("connection", &lock(&self.shared).sender).finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("connection", &lock(&self.shared).sender).finish_non_exhaustive()
    }
}
