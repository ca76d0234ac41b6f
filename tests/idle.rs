//! An idle async connection holds no buffers. These tests count the bytes that it keeps.

#![cfg(any(feature = "tokio", feature = "smol"))]
#![allow(clippy::unwrap_used, reason = "an unexpected value ends the test")]

mod counting;
mod script;

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use counting::bytes_in_use;
use sansocket::asynchronous::{Reader, Transport, WebSocket, Writer};
use sansocket::{Config, Connection, Timestamp};
use script::wire::Wire;

/// A scripted stream on a clock that stands still.
struct Still(Wire);

impl Transport for Still {
    type Stream = Wire;

    fn stream(&self) -> &Wire {
        &self.0
    }

    fn into_stream(self) -> Wire {
        self.0
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, to)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = self.0.poll_write(cx, from);
        self.0.state().script.written = Vec::new();
        written
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown()
    }

    fn now(&self) -> Timestamp {
        Timestamp::ORIGIN
    }

    fn poll_until(&mut self, _: &mut Context<'_>, _: Timestamp) -> Poll<()> {
        Poll::Pending
    }
}

fn is_ready<F: Future>(future: F) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

const CONNECTIONS: usize = 200;

/// In bytes: more than a connection and its stream need, which is 1,040 for halves in a debug build. No buffer fits beside them.
const LITTLE: usize = (1 << 10) + 64 + FOR_COMPRESSION;

/// The empty places of a compressor and an inflater, rounded up.
const FOR_COMPRESSION: usize = if cfg!(feature = "deflate") { 32 } else { 0 };

/// How many bytes each of many connections keeps, after the first connections have filled the thread's stock of buffers.
fn kept_by_each<T>(make: impl Fn() -> T) -> usize {
    let _stocked: Vec<T> = (0..50).map(|_| make()).collect();
    let (all, _, kept) = bytes_in_use(|| (0..CONNECTIONS).map(|_| make()).collect::<Vec<T>>());
    let kept = kept / all.len();
    println!("{kept} bytes");
    kept
}

/// A connection that has received a whole message and one in fragments, and has echoed both.
fn socket() -> WebSocket<Still> {
    let wire = Wire::open(b"\x82\x83\0\0\0\0abc\x02\x81\0\0\0\0d\x80\x81\0\0\0\0e");
    let connection = Connection::server(Config::default().keepalive(None));
    let mut socket = WebSocket::from_parts(Still(wire.clone()), connection);
    for _ in 0..2 {
        assert!(is_ready(async {
            let message = socket.read().await.unwrap().unwrap();
            socket.feed(&message).await.unwrap();
        }));
    }
    assert!(!is_ready(socket.read()));
    wire.state().script.incoming.shrink_to_fit();
    socket
}

// attack: floods-6
#[test]
fn waiting_connection_holds_no_buffer() {
    let kept = kept_by_each(socket);
    assert!(kept < LITTLE, "{kept} bytes");
}

#[test]
fn waiting_halves_hold_no_buffer() {
    let kept = kept_by_each(|| socket().split());
    assert!(kept < LITTLE, "{kept} bytes");
}

#[test]
fn halves_hold_no_buffer_after_a_send_during_a_read() {
    let kept = kept_by_each(|| -> (Reader<Still>, Writer<Still>) {
        let (mut reader, writer) = socket().split();
        assert!(!is_ready(reader.read()));
        assert!(is_ready(writer.send(&[0; 3000])));
        (reader, writer)
    });
    assert!(kept < LITTLE, "{kept} bytes");
}
