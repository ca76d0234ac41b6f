//! Reading in one task, writing in any.
//!
//! Both halves poll the same driver, behind a mutex that is held while it is polled and never across a wait.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::driver::{Advance, Driver};
use super::io::{Input, Io};
use crate::connection::{CloseInfo, Connection, Event, Fin, Found, Piece, State};
use crate::error::{Error, SendError};
use crate::frame::CloseCode;
use crate::message::{Message, Prepared};

type Shared<I> = Arc<Mutex<Driver<I>>>;

pub(super) fn split<I: Io>(driver: Driver<I>, input: Input) -> (Reader<I>, Writer<I>) {
    let shared = Arc::new(Mutex::new(driver.share()));
    (Reader { shared: Arc::clone(&shared), input }, Writer { shared })
}

fn lock<I>(shared: &Mutex<Driver<I>>) -> MutexGuard<'_, Driver<I>> {
    // What a panicking task leaves behind is whole: no step on the protocol panics half-way.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The receiving half of a connection. It keeps the timers and answers Pings, so somebody should be reading.
pub struct Reader<I> {
    shared: Shared<I>,
    input: Input,
}

impl<I: Io> Reader<I> {
    /// Waits for the next message. `None`: the connection was closed, cleanly.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`](super::WebSocket::read).
    pub async fn read(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| lock(&self.shared).poll_message(cx, &mut self.input)).await
    }

    /// Waits for the next event and lends it.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`](super::WebSocket::read).
    pub async fn read_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        let Some(found) = self.next(Connection::advance).await? else { return Ok(None) };
        let Self { shared, input } = self;
        let event = lock(shared).connection.lend(input.buffer(), found);
        match event {
            Ok(event) => Ok(Some(event)),
            Err(error) => {
                poll_fn(|cx| lock(shared).poll_end(cx)).await;
                Err(error.into())
            }
        }
    }

    /// Waits for the next part of a message.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::read`](super::WebSocket::read).
    pub async fn read_piece(&mut self) -> Result<Option<Piece<'_>>, Error> {
        let Some(found) = self.next(Connection::advance_piece).await? else { return Ok(None) };
        let Self { shared, input } = self;
        let piece = lock(shared).connection.lend_piece(input.buffer(), found);
        match piece {
            Ok(piece) => Ok(Some(piece)),
            Err(error) => {
                poll_fn(|cx| lock(shared).poll_end(cx)).await;
                Err(error.into())
            }
        }
    }

    /// Closes the connection and waits for the peer, as [`WebSocket::close`](super::WebSocket::close) does.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::close`](super::WebSocket::close).
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        {
            let mut driver = lock(&self.shared);
            if driver.connection.state() == State::Open {
                driver.connection.close(code, reason)?;
            }
        }
        while self.next(Connection::advance_piece).await?.is_some() {}
        Ok(())
    }

    /// How the connection ended, or is ending: `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        lock(&self.shared).connection.close_info()
    }

    /// Another writer for this connection.
    pub fn writer(&self) -> Writer<I> {
        Writer { shared: Arc::clone(&self.shared) }
    }

    async fn next(&mut self, advance: Advance) -> Result<Option<Found>, Error> {
        poll_fn(|cx| lock(&self.shared).poll_next(cx, &mut self.input, advance)).await
    }
}

impl<I: Io> futures_core::Stream for Reader<I> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { shared, input } = self.get_mut();
        lock(shared).poll_item(cx, input)
    }
}

/// The sending half of a connection: any number of clones, in any tasks.
///
/// Messages of several tasks are not mixed; fragments of one message are, so only one task may send in fragments at a
/// time (others get [`MessageUnderWay`](SendError::MessageUnderWay)).
pub struct Writer<I> {
    shared: Shared<I>,
}

impl<I> Clone for Writer<I> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<I: Io> Writer<I> {
    /// Sends a message; returns when it has been written.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::send`](super::WebSocket::send).
    pub async fn send(&self, message: &Message) -> Result<(), Error> {
        self.send_by(|connection| connection.send(message)).await
    }

    /// Sends a text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_text(&self, text: &str) -> Result<(), Error> {
        self.send_by(|connection| connection.send_text(text)).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_binary(&self, data: &[u8]) -> Result<(), Error> {
        self.send_by(|connection| connection.send_binary(data)).await
    }

    /// Sends a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_prepared(&self, prepared: &Prepared) -> Result<(), Error> {
        self.send_by(|connection| connection.send_prepared(prepared)).await
    }

    /// Sends the next fragment of a text message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_text_fragment(&self, text: &str, fin: Fin) -> Result<(), Error> {
        self.send_by(|connection| connection.send_text_fragment(text, fin)).await
    }

    /// Sends the next fragment of a binary message.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_binary_fragment(&self, data: &[u8], fin: Fin) -> Result<(), Error> {
        self.send_by(|connection| connection.send_binary_fragment(data, fin)).await
    }

    /// Queues a message, to go out with the next flush or send of any task, or when the reader next begins to wait.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed(&self, message: &Message) -> Result<(), Error> {
        self.queue(|connection| connection.send(message)).await
    }

    /// [`feed`](Self::feed) for a message that was encoded beforehand.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn feed_prepared(&self, prepared: &Prepared) -> Result<(), Error> {
        self.queue(|connection| connection.send_prepared(prepared)).await
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn flush(&self) -> Result<(), Error> {
        poll_fn(|cx| lock(&self.shared).poll_flush(cx)).await
    }

    /// Sends a Ping with up to 125 bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.send_by(|connection| connection.ping(payload)).await
    }

    /// Sends a Close frame. It is the reader that sees the peer's answer, or that there is none within
    /// [`Config::close_timeout`](crate::Config::close_timeout).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] for a code or a reason that cannot be sent, and when the connection is closing already.
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        {
            let mut driver = lock(&self.shared);
            driver.connection.close(code, reason)?;
            driver.wake_reader();
        }
        self.flush().await
    }

    /// How far the connection is on its way to being closed.
    pub fn state(&self) -> State {
        lock(&self.shared).connection.state()
    }

    /// How many bytes are queued and not yet written.
    pub fn buffered_amount(&self) -> usize {
        lock(&self.shared).connection.buffered_amount()
    }

    async fn queue(&self, send: impl Fn(&mut Connection) -> Result<(), SendError>) -> Result<(), Error> {
        poll_fn(|cx| lock(&self.shared).poll_queue(cx, &send)).await
    }

    async fn send_by(&self, send: impl Fn(&mut Connection) -> Result<(), SendError>) -> Result<(), Error> {
        self.queue(send).await?;
        self.flush().await
    }
}

impl<I> std::fmt::Debug for Reader<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("connection", &lock(&self.shared).connection).finish_non_exhaustive()
    }
}

impl<I> std::fmt::Debug for Writer<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("connection", &lock(&self.shared).connection).finish_non_exhaustive()
    }
}
