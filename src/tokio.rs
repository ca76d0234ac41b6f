//! Connections over tokio's streams.
//!
//! ```no_run
//! use tokio::net::TcpListener;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:9001").await?;
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         tokio::spawn(async move {
//!             let mut socket = sansocket::tokio::accept(stream).await?;
//!             while let Some(message) = socket.read().await? {
//!                 socket.feed(&message).await?; // queued, and written with all others before the next read that waits
//!             }
//!             Ok::<(), sansocket::Error>(())
//!         });
//!     }
//! }
//! ```

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::asynchronous::{self, Io};
use crate::config::Config;
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::server::{HttpRequest, Request, Response};

asynchronous::bind!(Tokio, TcpStream, within);

/// The result of a future that is ready in time.
async fn within<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(timeout, future).await.ok()
}

/// A tokio stream with tokio's clock.
#[derive(Debug)]
pub struct Tokio<S> {
    stream: S,
    origin: Instant,
    /// Made when it is first needed.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S> Tokio<S> {
    /// The stream, on a clock that starts now.
    pub fn new(stream: S) -> Self {
        Self { stream, origin: Instant::now(), sleep: None }
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

impl<S: AsyncRead + AsyncWrite + Unpin> Io for Tokio<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut to = ReadBuf::new(to);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut to);
        read.map_ok(|()| to.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()> {
        // Later than anybody waits, where the clock does not reach so far.
        let time =
            self.origin.checked_add(time).unwrap_or_else(|| self.origin + Duration::from_secs(1 << 32));
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(time)));
        if sleep.deadline() != time {
            sleep.as_mut().reset(time);
        }
        sleep.as_mut().poll(cx)
    }
}
