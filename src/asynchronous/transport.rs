//! What the async shell needs of a stream and of the runtime around it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use crate::connection::{Output, Receiver, SLICES, check_read, check_written};
use crate::timestamp::Timestamp;

/// A byte stream that is polled, and a clock: everything that binds the shell to a runtime. The features `tokio` and `smol`
/// bring one implementation each. To use another runtime, implement this.
pub trait Transport {
    /// The caller's stream.
    type Stream;

    /// The stream, for its addresses and options.
    fn stream(&self) -> &Self::Stream;

    /// The stream again.
    fn into_stream(self) -> Self::Stream;

    /// Reads into `to`. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes some of what is in the slices. Gives how many bytes.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// How many bytes the stream has passed on in all, if it may hold bytes back that it has taken, as TLS does. As long as this
    /// grows, a peer that reads slowly is not given up, although no write gets further. Default: 0, for streams that hold
    /// nothing back.
    fn passed_on(&self) -> u64 {
        0
    }

    /// The address of the peer, for the spans of the feature `tracing`. Default: `None`, for streams that know none.
    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    /// Passes on what has been written.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tells the peer that nothing more will be written. Reading goes on.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// The time, since an origin that stays the same.
    fn now(&self) -> Timestamp;

    /// Waits for a point in time on the clock of [`now`](Self::now). Ready each time it is called once that point has
    /// passed. There is one timer: a call with another time replaces the one before.
    fn poll_until(&mut self, cx: &mut Context<'_>, time: Timestamp) -> Poll<()>;
}

/// How many reads may follow one another before other tasks of the thread have their turn, if the stream always has
/// something to read.
pub(super) const TURN: u32 = 64;

/// Writes until nothing waits, then flushes the stream.
pub(super) fn poll_write_all<T: Transport>(
    transport: &mut T,
    cx: &mut Context<'_>,
    output: &mut Output,
) -> Poll<io::Result<()>> {
    while !output.is_empty() {
        let n = match output.only_chunk() {
            Some(chunk) => {
                check_written(ready!(transport.poll_write(cx, &[IoSlice::new(chunk)]))?, chunk.len())?
            }
            None => ready!(poll_write_slices(transport, cx, output))?,
        };
        output.advance(n);
    }
    transport.poll_flush(cx)
}

/// Writes once. A table of slices takes as much time as a short message.
#[inline(never)]
fn poll_write_slices<T: Transport>(
    transport: &mut T,
    cx: &mut Context<'_>,
    output: &Output,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let count = bytes::Buf::chunks_vectored(output, &mut slices);
    let slices = slices.get(..count).unwrap_or_default();
    let given = slices.iter().map(|slice| slice.len()).sum();
    Poll::Ready(check_written(ready!(transport.poll_write(cx, slices))?, given))
}

/// Reads once into the room that `unfilled` gives, and gives how many bytes were read.
pub(super) fn poll_read<T: Transport>(
    transport: &mut T,
    cx: &mut Context<'_>,
    unfilled: &mut [u8],
) -> Poll<io::Result<usize>> {
    let room = unfilled.len();
    Poll::Ready(check_read(ready!(transport.poll_read(cx, unfilled))?, room))
}

/// Reads once into a receiver.
pub(super) fn poll_receive<T: Transport>(
    transport: &mut T,
    cx: &mut Context<'_>,
    receiver: &mut Receiver,
) -> Poll<io::Result<usize>> {
    let unfilled = receiver.unfilled_shared();
    let room = unfilled.len();
    let n = ready!(poll_read(transport, cx, unfilled))?;
    receiver.filled(n);
    receiver.note_read(n, room);
    Poll::Ready(Ok(n))
}

/// Reads and discards until the peer ends the stream. `Pending` after some reads although there may be more: then the task
/// has been woken.
pub(super) fn poll_discard<T: Transport>(transport: &mut T, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut trailing = [0; 4096];
    for _ in 0..TURN {
        if ready!(transport.poll_read(cx, &mut trailing))? == 0 {
            return Poll::Ready(Ok(()));
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
