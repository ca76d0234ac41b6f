//! A connection that is polled as a stream of bytes. The bindings give it the traits of their runtimes.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use super::transport::Transport;
use super::{Inner, WebSocket};
use crate::byte_stream::{Gather, Intake, NO_TEXT, Text, end_of_file, read_error, write_error};
use crate::connection::{By, CloseInfo, State};
use crate::frame::CloseCode;

/// A connection as a stream of bytes, for protocols that run over TCP as a rule: tunnels, SSH, VNC, MQTT.
///
/// With the feature `tokio` it has tokio's `AsyncRead`, `AsyncBufRead` and `AsyncWrite`, with the feature `smol` those of
/// `futures-io`. Both work over any [`Transport`]. [`blocking::ByteStream`](crate::blocking::ByteStream) says what is read,
/// what is written and what the errors are. The rest is this:
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # async fn forward(socket: sansocket::tokio::WebSocket<tokio::net::TcpStream>) -> std::io::Result<()> {
/// let mut tcp = tokio::net::TcpStream::connect("127.0.0.1:22").await?;
/// tokio::io::copy_bidirectional(&mut socket.into_byte_stream(), &mut tcp).await?;
/// # Ok(())
/// # }
/// ```
///
/// - *Two tasks*: `tokio::io::split`, or `split` of `futures`. Each half wakes its own task.
/// - *Back-pressure*: a write waits while more than 64 KiB are queued and the peer does not read.
/// - *Shutting down* (`poll_shutdown`, `poll_close`): sends what was gathered and a Close frame with [`CloseCode::NORMAL`],
///   and waits for the peer's, or for data that the peer had sent before it. Such data stays there: to see the end of the
///   connection, read on up to the end of the file.
/// - *Cancel safety*: a read or a write that is dropped while it waits has taken nothing. A flush or a shutdown that is
///   dropped goes on with the next one. `write_all` and `copy` of the runtimes count in the future that is dropped, as with
///   every stream.
pub struct ByteStream<T> {
    connection: Box<Inner<T>>,
    intake: Intake,
    gather: Gather,
}

impl<T: Transport> WebSocket<T> {
    /// The connection as a stream of bytes. A message that the `Sink` has taken is queued, even beyond
    /// [`Config::max_output_len`](crate::Config::max_output_len).
    pub fn into_byte_stream(mut self) -> ByteStream<T> {
        let Inner { driver, slot, .. } = &mut *self.inner;
        std::mem::take(slot).queue(driver);
        ByteStream { connection: self.inner, intake: Intake::default(), gather: Gather::default() }
    }
}

impl<T: Transport> ByteStream<T> {
    /// How many bytes become one message, at most, as
    /// [`blocking::ByteStream::message_len`](crate::blocking::ByteStream::message_len).
    #[must_use]
    pub fn message_len(mut self, len: usize) -> Self {
        self.gather.message_len = len;
        self
    }

    /// Reads text messages as their bytes, instead of refusing them.
    #[must_use]
    pub fn accept_text(mut self) -> Self {
        self.intake.text = Text::Accepted;
        self
    }

    /// How the connection ended or is ending. `None` while it is open.
    pub fn close_info(&self) -> Option<CloseInfo> {
        self.connection.driver.sender.close_info()
    }

    /// The stream below, for its addresses and options. Reading from it or writing to it breaks the connection.
    pub fn stream(&self) -> &T::Stream {
        self.connection.driver.transport.stream()
    }

    /// Waits for bytes and lends them. No bytes: the end of the file.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        while self.intake.current().is_none() {
            if self.intake.text == Text::HasCome {
                return self.poll_refuse(cx).map(Err);
            }
            let Inner { driver, receiver, .. } = &mut *self.connection;
            let found = ready!(driver.poll_next_data(cx, receiver, By::Chunk)).map_err(read_error)?;
            let Some(found) = found else {
                return Poll::Ready(end_of_file(driver.sender.close_info()).map(|()| &[][..]));
            };
            if let Err(error) = self.intake.take_in(receiver, found) {
                return driver.poll_fail(cx, error).map(|error| Err(read_error(error)));
            }
        }
        Poll::Ready(Ok(self.intake.rest(&self.connection.receiver)))
    }

    /// `n` of the bytes that were lent have been read.
    pub(crate) fn consume(&mut self, n: usize) {
        self.intake.consume(&mut self.connection.receiver, n);
    }

    /// Waits for bytes and copies those that fit into `to`.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        if !to.is_empty() {
            ready!(self.poll_fill(cx))?;
        }
        Poll::Ready(Ok(self.intake.copy(&mut self.connection.receiver, to)))
    }

    /// Takes some of what is in the slices. Waits if the output is full.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { connection, gather, .. } = self;
        let write = |sender: &mut _| gather.write(sender, from);
        connection.driver.poll_queue(cx, write).map_err(write_error)
    }

    /// Sends what was gathered, and waits until all has been written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { connection, gather, .. } = self;
        ready!(connection.driver.poll_queue(cx, |sender| gather.send(sender))).map_err(write_error)?;
        connection.driver.poll_flush(cx).map_err(write_error)
    }

    /// Sends what was gathered and a Close frame, and waits for the peer's, or for data before it.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.intake.text == Text::HasCome {
            return self.poll_refuse(cx).map(Err);
        }
        let Self { connection, gather, .. } = self;
        let Inner { driver, receiver, .. } = &mut **connection;
        ready!(driver.poll_queue(cx, |sender| gather.send(sender))).map_err(write_error)?;
        if driver.sender.state() == State::Open {
            driver.start_closing(CloseCode::NORMAL, "").map_err(|error| write_error(error.into()))?;
        }
        // Reading never depends on writing: the peer may wait for this end to read.
        let flushed = driver.poll_flush(cx).map_err(write_error);
        match driver.poll_next_data(cx, receiver, By::Chunk).map_err(read_error)? {
            Poll::Ready(None) => Poll::Ready(end_of_file(driver.sender.close_info())),
            Poll::Ready(Some(_)) => flushed,
            Poll::Pending if matches!(flushed, Poll::Ready(Err(_))) => flushed,
            Poll::Pending => Poll::Pending,
        }
    }

    /// Closes the connection because of text, and gives the error for it.
    ///
    /// "1003 indicates that an endpoint is terminating the connection because it has received a type of data it cannot accept"
    /// (section 7.4.1).
    fn poll_refuse(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Inner { driver, receiver, .. } = &mut *self.connection;
        if driver.sender.state() == State::Open {
            driver.start_closing(CloseCode::UNSUPPORTED, NO_TEXT).ok();
        }
        // Whether the peer answers makes no difference to the reader.
        _ = ready!(driver.poll_closed(cx, receiver));
        Poll::Ready(crate::ByteStreamError::Text.into())
    }
}

impl<T> std::fmt::Debug for ByteStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let connection = &self.connection.driver.sender;
        f.debug_struct("ByteStream").field("connection", connection).finish_non_exhaustive()
    }
}
