//! A connection over a stream that is polled holds no buffers while nothing is under way: a measure of what it keeps.

#![cfg(any(feature = "tokio", feature = "futures-io"))]
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect is to end there")]

mod counting;
mod script;

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use counting::bytes_in_use;
use sansocket::asynchronous::{Io, Reader, WebSocket, Writer};
use sansocket::{Buffer, Config, Connection};
use script::wire::Wire;

/// A scripted stream whose time stands still.
struct Still(Wire);

impl Io for Still {
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

    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn poll_until(&mut self, _: &mut Context<'_>, _: Duration) -> Poll<()> {
        Poll::Pending
    }
}

fn is_ready<F: Future>(future: F) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

const CONNECTIONS: usize = 200;

/// More than a connection and its stream take, less than any buffer does.
const LITTLE: usize = 1 << 10;

/// What each of many connections keeps on top of what the first few left in the thread's stock.
fn kept_by_each<T>(make: impl Fn() -> T) -> usize {
    let _stocked: Vec<T> = (0..50).map(|_| make()).collect();
    let (all, _, kept) = bytes_in_use(|| (0..CONNECTIONS).map(|_| make()).collect::<Vec<T>>());
    let kept = kept / all.len();
    println!("{kept} bytes");
    kept
}

/// After a whole message, one in fragments, and answers to both.
fn socket() -> WebSocket<Still> {
    let wire = Wire::open(b"\x82\x83\0\0\0\0abc\x02\x81\0\0\0\0d\x80\x81\0\0\0\0e");
    let connection = Connection::server(Config { keepalive: None, ..Config::default() });
    let mut socket = WebSocket::from_parts(Still(wire.clone()), connection, Buffer::new());
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
fn a_connection_that_waits_holds_no_buffer() {
    let kept = kept_by_each(socket);
    assert!(kept < LITTLE, "{kept} bytes");
}

#[test]
fn nor_do_the_halves_of_one() {
    let kept = kept_by_each(|| socket().split());
    assert!(kept < LITTLE, "{kept} bytes");
}

#[test]
fn nor_do_they_when_one_has_sent_while_the_other_waits() {
    let kept = kept_by_each(|| -> (Reader<Still>, Writer<Still>) {
        let (mut reader, writer) = socket().split();
        assert!(!is_ready(reader.read()));
        assert!(is_ready(writer.send_binary(&[0; 3000])));
        (reader, writer)
    });
    assert!(kept < LITTLE, "{kept} bytes");
}
