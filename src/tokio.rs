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
//!                 socket.feed(&message).await?; // queued; the next read that waits writes all queued messages
//!             }
//!             Ok::<(), sansocket::Error>(())
//!         });
//!     }
//! }
//! ```

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::asynchronous::{self, Socket, Transport};
use crate::config::Config;
use crate::connection::Connection;
use crate::dial::{Connector, Way};
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::server::{HttpRequest, Request, Response};
use crate::timestamp::Timestamp;

asynchronous::bind!(TokioTransport, TcpStream);

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

fn sleep(duration: Duration) -> Sleep {
    tokio::time::sleep(duration)
}

/// Connects to an address, from the address of this end if there is one.
async fn reach(remote: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    match local {
        #[cfg(feature = "local-address")]
        Some(local) => {
            let socket = crate::dial::bound(local, remote)?;
            socket.set_nonblocking(true)?;
            tokio::net::TcpSocket::from_std_stream(socket.into()).connect(remote).await
        }
        _ => TcpStream::connect(remote).await,
    }
}

/// The result of a future, if it is ready in time.
async fn within<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(timeout, future).await.ok()
}

/// A stream of tokio with tokio's clock.
#[derive(Debug)]
pub struct TokioTransport<S> {
    stream: S,
    origin: Instant,
    /// Made when it is first used.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<S> TokioTransport<S> {
    /// The stream, on a clock that starts now.
    pub fn new(stream: S) -> Self {
        Self { stream, origin: Instant::now(), sleep: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Transport for TokioTransport<S> {
    type Stream = S;

    fn stream(&self) -> &S {
        &self.stream
    }

    fn into_stream(self) -> S {
        self.stream
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut to = ReadBuf::new(to);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut to);
        read.map_ok(|()| to.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        poll_write(&mut self.stream, cx, from)
    }

    fn passed_on(&self) -> u64 {
        passed_on(&self.stream)
    }

    fn peer(&self) -> Option<SocketAddr> {
        peer(&self.stream)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn now(&self) -> Timestamp {
        self.origin.elapsed().into()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, time: Timestamp) -> Poll<()> {
        // If the clock does not reach `time`, this waits for more than a century.
        let time = (self.origin.checked_add(time.duration_since(Timestamp::ORIGIN)))
            .unwrap_or_else(|| self.origin + Duration::from_secs(1 << 32));
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(time)));
        if sleep.deadline() != time {
            sleep.as_mut().reset(time);
        }
        sleep.as_mut().poll(cx)
    }
}

impl Socket for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut to = ReadBuf::new(to);
        AsyncRead::poll_read(Pin::new(self), cx, &mut to).map_ok(|()| to.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        poll_write(self, cx, from)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }
}

impl<T: Socket> AsyncRead for asynchronous::NetStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_read(cx, to.initialize_unfilled()).map_ok(|n| to.advance(n))
    }
}

asynchronous::async_write!(NetStream<T: Socket>, poll_shutdown, fn is_write_vectored(&self) -> bool {
    true
});

impl<T: Transport> AsyncRead for asynchronous::ByteStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = self.get_mut().poll_read(cx, to.initialize_unfilled());
        read.map_ok(|n| to.advance(n))
    }
}

impl<T: Transport> AsyncBufRead for asynchronous::ByteStream<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_mut().poll_fill(cx)
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        self.get_mut().consume(n);
    }
}

asynchronous::async_write!(ByteStream<T: Transport>, poll_shutdown, fn is_write_vectored(&self) -> bool {
    true
});
