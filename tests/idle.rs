//! A connection over a stream that is polled holds no buffers while nothing is under way: a measure of what it keeps.

#![cfg(any(feature = "tokio", feature = "futures-io"))]
// `GlobalAlloc` cannot be implemented otherwise. The crate itself forbids unsafe code.
#![allow(unsafe_code, reason = "a counting allocator")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "a test that meets what it did not expect is to end there"
)]

mod script;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sansocket::asynchronous::{Io, Reader, WebSocket, Writer};
use sansocket::{Buffer, Config, Connection};
use script::wire::Wire;

struct Counting;

thread_local! {
    static IN_USE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = IN_USE.try_with(|all| all.set(all.get() + bytes));
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    let before = IN_USE.get();
    let all: Vec<T> = (0..CONNECTIONS).map(|_| make()).collect();
    let kept = usize::try_from(IN_USE.get() - before).unwrap_or_default() / all.len();
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
