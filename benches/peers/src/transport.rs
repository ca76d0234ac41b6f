//! A stream in memory that never ends and takes whatever is written.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::library::Sink;
use crate::wire::Stream;

/// Gives the bytes of a stream over and over, as many at a time as are asked for.
pub struct Transport {
    source: Source,
    position: usize,
    /// What was written, where somebody wants to look at it.
    written: Option<Vec<u8>>,
}

enum Source {
    Stream(Arc<Stream>),
    Request(&'static [u8]),
}

impl Transport {
    pub fn reading(stream: &Arc<Stream>) -> Self {
        Self { source: Source::Stream(Arc::clone(stream)), position: 0, written: None }
    }

    /// Gives an opening handshake, whole, and then the next one.
    pub fn request(request: &'static [u8]) -> Self {
        Self { source: Source::Request(request), position: 0, written: None }
    }

    /// With nothing to read.
    pub fn writing() -> Self {
        Self::request(&[])
    }

    #[inline]
    fn give(&mut self, most: usize, to: impl FnOnce(&[u8])) -> usize {
        let bytes = match &self.source {
            Source::Stream(stream) => &stream.bytes,
            Source::Request(request) => *request,
        };
        let rest = &bytes[self.position..];
        let n = rest.len().min(most);
        to(&rest[..n]);
        self.position = if n == rest.len() { 0 } else { self.position + n };
        n
    }

    /// From here on what is written is kept if the sink keeps it.
    pub fn keep_for<S: Sink>(&mut self, _: &S) {
        self.written = S::KEEPS.then(Vec::new);
    }

    /// Passes on what was kept.
    pub fn pass_on(&mut self, to: &mut impl Sink) {
        if let Some(written) = &mut self.written {
            to.take(written);
            written.clear();
        }
    }
}

impl Read for Transport {
    #[inline]
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.give(to.len(), |bytes| to[..bytes.len()].copy_from_slice(bytes));
        Ok(n)
    }
}

impl Write for Transport {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        black_box(bytes);
        if let Some(written) = &mut self.written {
            written.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().try_fold(0, |sum, slice| Ok(sum + self.write(slice)?))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Transport {
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

impl AsyncWrite for Transport {
    #[inline]
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    #[inline]
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
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

/// The outcome of a future that never waits: the stream under it is always ready.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future waits over a stream that is always ready"),
    }
}
