//! The rows on the tokio shell.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use sansocket::Role;
use sansocket::tokio::{WebSocket, from_parts};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;

use crate::common::{Stream, connection};
use crate::rows::Row;

/// A server echoes messages as `examples/echo_tokio.rs` does. Up to `in_flight` bytes arrive at a time.
pub(crate) fn echo(name: &'static str, stream: Stream, in_flight: usize) -> Row {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let messages = stream.messages;
    let peer = Peer { bytes: stream.bytes, position: 0, in_flight, waits: false, received: 0 };
    let mut socket = runtime.block_on(async { from_parts(peer, connection(Role::Server)) });
    let echoed = stream.payload.len() as u64 * messages;
    let mut work = move || echo_all(&runtime, &mut socket, messages);
    assert!(work() > echoed, "{name}");
    Row { name, messages, work: Box::new(move || _ = black_box(work())) }
}

/// Gives how many bytes the peer has received in all.
fn echo_all(runtime: &Runtime, socket: &mut WebSocket<Peer>, messages: u64) -> u64 {
    runtime.block_on(async {
        for _ in 0..messages {
            let message = socket.read().await.expect("the stream is valid").expect("the stream goes on");
            socket.feed(&message).await.expect("there is room");
        }
        socket.flush().await.expect("the peer takes everything");
        socket.stream().received
    })
}

/// Sends the same bytes again and again, and makes the server wait once in front of each read.
struct Peer {
    bytes: Vec<u8>,
    position: usize,
    in_flight: usize,
    waits: bool,
    received: u64,
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.waits = !self.waits;
        if self.waits {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let len = to.remaining().min(self.in_flight).min(rest.len());
        to.put_slice(rest.split_at(len).0);
        self.position = (self.position + len) % self.bytes.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.received += black_box(from).len() as u64;
        Poll::Ready(Ok(from.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = black_box(from).iter().map(|slice| slice.len()).sum();
        self.received += len as u64;
        Poll::Ready(Ok(len))
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
