//! Connections over the streams of smol, async-std, and every other runtime with the traits of `futures-io`.
//!
//! ```no_run
//! use sansocket::smol::accept;
//!
//! # async fn serve(stream: async_net::TcpStream) -> Result<(), sansocket::Error> {
//! let mut socket = accept(stream).await?;
//! while let Some(message) = socket.read().await? {
//!     socket.feed(&message).await?; // queued; the next read that waits writes all queued messages
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The timers are those of `async-io`. They run under any executor.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_io::Timer;
use async_net::TcpStream;
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};

use crate::asynchronous::{self, Socket, Transport};
use crate::config::Config;
use crate::connection::Connection;
use crate::dial::{Connector, Way};
use crate::error::{Error, HandshakeError};
use crate::handshake::client;
use crate::handshake::server::{HttpRequest, Request, Response};
use crate::timestamp::Timestamp;

asynchronous::bind!(SmolTransport, TcpStream);

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    async_net::resolve((host, port)).await
}

fn sleep(duration: Duration) -> Timer {
    Timer::after(duration)
}

/// Connects to an address, from the address of this end if there is one.
async fn reach(remote: SocketAddr, local: Option<IpAddr>) -> io::Result<TcpStream> {
    match local {
        #[cfg(feature = "local-address")]
        Some(local) => {
            let socket = crate::dial::bound(local, remote)?;
            socket.set_nonblocking(true)?;
            // "In progress" is no error: the socket tells when it is connected.
            let begun = socket.connect(&remote.into());
            let connecting = async_io::Async::new_nonblocking(std::net::TcpStream::from(socket))?;
            if let Err(error) = begun {
                connecting.writable().await?;
                connecting.get_ref().take_error()?.map_or(Ok(()), Err)?;
                connecting.get_ref().peer_addr().map_err(|_| error)?;
            }
            Ok(connecting.into())
        }
        _ => TcpStream::connect(remote).await,
    }
}

/// The result of a future, if it is ready in time.
async fn within<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = Timer::after(timeout);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut timer).poll(cx).map(|_| None),
    })
    .await
}

/// A stream with the traits of `futures-io`, with the system's clock.
#[derive(Debug)]
pub struct SmolTransport<S> {
    stream: S,
    origin: Instant,
    /// Made when it is first used, with the time that it waits for.
    timer: Option<(Timestamp, Timer)>,
}

impl<S> SmolTransport<S> {
    /// The stream, on a clock that starts now.
    pub fn new(stream: S) -> Self {
        Self { stream, origin: Instant::now(), timer: None }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Transport for SmolTransport<S> {
    type Stream = S;

    fn stream(&self) -> &S {
        &self.stream
    }

    fn into_stream(self) -> S {
        self.stream
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
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
        Pin::new(&mut self.stream).poll_close(cx)
    }

    fn now(&self) -> Timestamp {
        self.origin.elapsed().into()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, time: Timestamp) -> Poll<()> {
        let left = time.duration_since(self.now());
        // A timer of async-io fires once and is silent afterwards.
        if left.is_zero() {
            return Poll::Ready(());
        }
        match &mut self.timer {
            Some((known, timer)) if *known == time => Pin::new(timer).poll(cx).map(drop),
            timer => {
                let (_, timer) = timer.insert((time, Timer::after(left)));
                Pin::new(timer).poll(cx).map(drop)
            }
        }
    }
}

impl Socket for TcpStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        AsyncRead::poll_read(Pin::new(self), cx, to)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        poll_write(self, cx, from)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self).poll_close(cx)
    }
}

impl<T: Socket> AsyncRead for asynchronous::NetStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_read(cx, to)
    }
}

asynchronous::async_write!(NetStream<T: Socket>, poll_close);

impl<T: Transport> AsyncRead for asynchronous::ByteStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_read(cx, to)
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

asynchronous::async_write!(ByteStream<T: Transport>, poll_close);
