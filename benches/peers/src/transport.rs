//! A stream in memory that never ends and takes everything that is written.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::ReadBuf;

use crate::compressed::Trades;
use crate::library::Sink;
use crate::wire::Stream;

/// Gives the same bytes repeatedly. Each read fills the room.
pub struct Transport {
    source: Source,
    position: usize,
    written: Rc<Written>,
}

enum Source {
    Stream(Arc<Stream>),
    Request(&'static [u8]),
    Trades(Arc<Trades>),
}

/// What was written.
#[derive(Default)]
pub struct Written {
    keeps: Cell<bool>,
    bytes: RefCell<Vec<u8>>,
}

impl Written {
    /// Keeps what is written from now on, if the sink keeps bytes.
    pub fn keep_for<S: Sink>(&self, _: &S) {
        self.keeps.set(S::KEEPS);
    }

    /// Passes on what was kept.
    pub fn pass_on(&self, to: &mut impl Sink) {
        if self.keeps.get() {
            to.take(&self.bytes.take());
        }
    }
}

impl Transport {
    pub fn reading(stream: &Arc<Stream>) -> Self {
        Self { source: Source::Stream(Arc::clone(stream)), position: 0, written: Rc::default() }
    }

    /// Gives the frames of compressed messages: all once, then those of the second round.
    pub fn inflating(trades: &Arc<Trades>) -> Self {
        Self { source: Source::Trades(Arc::clone(trades)), position: 0, written: Rc::default() }
    }

    /// Gives an opening handshake.
    pub fn request(request: &'static [u8], written: &Rc<Written>) -> Self {
        Self { source: Source::Request(request), position: 0, written: Rc::clone(written) }
    }

    /// A transport with nothing to read.
    pub fn writing(written: &Rc<Written>) -> Self {
        Self::request(&[], written)
    }

    /// Reads as much as there is room for, as `AsyncReadExt::read_buf` does.
    pub fn read_buf(&mut self, to: &mut BytesMut) {
        self.give(to.capacity() - to.len(), |bytes| to.extend_from_slice(bytes));
    }

    #[inline]
    fn give(&mut self, most: usize, to: impl FnOnce(&[u8])) -> usize {
        let (bytes, again) = match &self.source {
            Source::Stream(stream) => (&stream.bytes[..], 0),
            Source::Request(request) => (*request, 0),
            Source::Trades(trades) => (&trades.frames[..], trades.second_round),
        };
        let rest = &bytes[self.position..];
        let n = rest.len().min(most);
        to(&rest[..n]);
        self.position = if n == rest.len() { again } else { self.position + n };
        n
    }
}

impl Read for Transport {
    #[inline]
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        Ok(self.give(to.len(), |bytes| to[..bytes.len()].copy_from_slice(bytes)))
    }
}

impl Write for Transport {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        black_box(bytes);
        if self.written.keeps.get() {
            self.written.bytes.borrow_mut().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        write_each(self, slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A vectored write to what takes everything.
#[inline]
fn write_each(to: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    slices.iter().try_fold(0, |sum, slice| Ok(sum + to.write(slice)?))
}

/// A sink as a stream.
pub struct Into<'a, S>(pub &'a mut S);

impl<S: Sink> Write for Into<'_, S> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.take(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        write_each(self, slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Transport {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.give(to.remaining(), |bytes| to.put_slice(bytes));
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Transport {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_io::AsyncRead for Transport {
    #[inline]
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.read(to))
    }
}

impl futures_io::AsyncWrite for Transport {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_vectored(slices))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The result of a future that never waits, because its stream is always ready.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future waits over a stream that is always ready"),
    }
}
