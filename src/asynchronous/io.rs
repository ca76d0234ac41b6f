//! What an async shell asks of a stream and of the runtime around it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::buffer::Buffer;
use crate::connection::{Connection, Output};

/// A byte stream that is polled, and a clock: all that binds the shell to a runtime. The features `tokio` and
/// `futures-io` bring one implementation each; a third runtime is a third implementation.
pub trait Io {
    /// Reads into `to`. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of what stands in the slices.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Hands on what has been written.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tells the peer that nothing more will be written, and leaves reading as it is.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The time, since an origin that stays the same.
    fn now(&self) -> Duration;

    /// Waits for a point in time, on the clock of [`now`](Self::now). One at a time: a call with another time replaces the
    /// one before.
    fn poll_until(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()>;
}

/// How many reads may follow one another before the other tasks of the thread have their turn, where the stream always
/// has something to read.
pub(super) const TURN: u32 = 64;

/// How many pieces one `writev` takes.
const SLICES: usize = 32;

/// Writes until nothing waits, without handing it on.
pub(super) fn poll_write_all<I: Io>(
    io: &mut I,
    cx: &mut Context<'_>,
    output: &mut Output,
) -> Poll<io::Result<()>> {
    while !output.is_empty() {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = bytes::Buf::chunks_vectored(output, &mut slices);
        let n = ready!(io.poll_write(cx, slices.get(..count).unwrap_or_default()))?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        output.advance(n);
    }
    Poll::Ready(Ok(()))
}

/// Reads once into `input`.
pub(super) fn poll_read<I: Io>(
    io: &mut I,
    cx: &mut Context<'_>,
    input: &mut Buffer,
) -> Poll<io::Result<usize>> {
    let spare = input.spare();
    let room = spare.len();
    let n = ready!(io.poll_read(cx, spare))?;
    if n > room {
        let lie = "a read of more bytes than there was room for";
        return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, lie)));
    }
    input.commit(n);
    Poll::Ready(Ok(n))
}

/// Reads what the peer still sends until it ends the stream, or until `deadline`: a socket closed with unread bytes in
/// it is reset, and a reset takes with it what the peer has not read.
pub(super) fn poll_drain<I: Io>(io: &mut I, cx: &mut Context<'_>, deadline: Duration) -> Poll<()> {
    let mut trailing = [0; 4096];
    for _ in 0..TURN {
        if io.now() >= deadline {
            return Poll::Ready(());
        }
        match io.poll_read(cx, &mut trailing) {
            Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(_)) => {}
            Poll::Pending => ready!(io.poll_until(cx, deadline)),
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Writes everything and hands it on, up to a deadline.
pub(super) async fn write_all<I: Io>(io: &mut I, output: &mut Output, deadline: Duration) -> io::Result<()> {
    poll_fn(|cx| {
        let written = match poll_write_all(io, cx, output) {
            Poll::Ready(Ok(())) => io.poll_flush(cx),
            written => written,
        };
        match written {
            Poll::Pending => io.poll_until(cx, deadline).map(|()| Err(io::ErrorKind::TimedOut.into())),
            written => written,
        }
    })
    .await
}

thread_local! {
    /// What connections that are idle have given away, for those of this thread that are not.
    static IDLE: RefCell<Vec<(Box<Buffer>, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
}

/// How many idle buffers a thread keeps.
const KEPT: usize = 16;

/// The buffer of a connection, while it has one.
pub(super) struct Input(Option<Box<Buffer>>);

impl Input {
    pub(super) fn new(buffer: Buffer) -> Self {
        Self(Some(Box::new(buffer)))
    }

    pub(super) fn into_buffer(self) -> Buffer {
        self.0.map_or_else(Buffer::new, |buffer| *buffer)
    }

    /// The buffer with what was found in it.
    pub(super) fn buffer(&mut self) -> &mut Buffer {
        self.0.get_or_insert_default()
    }

    /// Gives the connection what it needs to read and write, if it has given that away.
    pub(super) fn wake_up(&mut self, connection: &mut Connection) -> &mut Buffer {
        self.0.get_or_insert_with(|| match IDLE.with_borrow_mut(Vec::pop) {
            Some((buffer, storage)) => {
                connection.output().reuse(storage);
                buffer
            }
            None => Box::default(),
        })
    }

    pub(super) fn is_asleep(&self) -> bool {
        self.0.is_none()
    }

    /// Takes away what a connection does not need while nothing is under way in either direction.
    pub(super) fn fall_asleep(&mut self, output: &mut Output) {
        if !output.is_empty() || self.0.as_ref().is_none_or(|buffer| !buffer.is_idle()) {
            return;
        }
        let Some(mut buffer) = self.0.take() else { return };
        buffer.trim();
        let storage = output.reclaim();
        IDLE.with_borrow_mut(|kept| {
            if kept.len() < KEPT {
                kept.push((buffer, storage));
            }
        });
    }
}

/// Gives a connection that sleeps what it needs to write.
pub(super) fn lend_output(output: &mut Output) {
    IDLE.with_borrow_mut(|kept| {
        if let Some((_, storage)) = kept.last_mut() {
            output.reuse(std::mem::take(storage));
        }
    });
}

/// Takes it away again.
pub(super) fn take_output(output: &mut Output) {
    IDLE.with_borrow_mut(|kept| match kept.last_mut() {
        Some((_, storage)) if storage.is_empty() => *storage = output.reclaim(),
        Some(_) => drop(output.reclaim()),
        None => kept.push((Box::default(), output.reclaim())),
    });
}
