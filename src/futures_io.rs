//! Connections over the streams of `futures-io`: smol, async-std, and whatever speaks its traits.
//!
//! ```no_run
//! use sansocket::futures_io::accept;
//!
//! # async fn serve(stream: async_net::TcpStream) -> Result<(), sansocket::Error> {
//! let mut socket = accept(stream).await?;
//! while let Some(message) = socket.read().await? {
//!     socket.feed(&message).await?; // queued, and written with all others before the next read that waits
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Timers are those of `async-io`, which run under any executor.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_io::Timer;
use async_net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};

use crate::asynchronous::{self, Io};
use crate::config::Config;
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::server::{HttpRequest, Request, Response};

asynchronous::bind!(FuturesIo, TcpStream, within);

/// The result of a future that is ready in time.
async fn within<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = Timer::after(timeout);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut timer).poll(cx).map(|_| None),
    })
    .await
}

/// A `futures-io` stream with the system's clock.
#[derive(Debug)]
pub struct FuturesIo<S> {
    stream: S,
    origin: Instant,
    /// Made when it is first needed, with the time that it waits for.
    timer: Option<(Duration, Timer)>,
}

impl<S> FuturesIo<S> {
    /// The stream, on a clock that starts now.
    pub fn new(stream: S) -> Self {
        Self { stream, origin: Instant::now(), timer: None }
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream again.
    pub fn into_stream(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Io for FuturesIo<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()> {
        let left = time.saturating_sub(self.now());
        match &mut self.timer {
            Some((known, timer)) if *known == time => Pin::new(timer).poll(cx).map(drop),
            timer => {
                let (_, timer) = timer.insert((time, Timer::after(left)));
                Pin::new(timer).poll(cx).map(drop)
            }
        }
    }
}
