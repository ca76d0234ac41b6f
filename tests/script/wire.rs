//! A scripted stream that is polled.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::{Script, Step};

/// A scripted stream that a connection and a test share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) script: Script,
    /// At the end of the script a read waits for more bytes. Otherwise it is the end of the stream.
    pub(crate) stays_open: bool,
    /// The bytes that arrive again and again, without end.
    pub(crate) repeats: Option<Vec<u8>>,
    /// The stream takes no bytes: a write waits.
    pub(crate) stuck: bool,
    /// How many bytes the stream takes before a write waits; `None` for no limit.
    pub(crate) room: Option<usize>,
    /// A waker that is replaced by another one is woken, as sockets of async-io do it.
    pub(crate) wakes_replaced: bool,
    pub(crate) shut: bool,
    pub(crate) read_calls: usize,
    pub(crate) reader: Option<Waker>,
    /// As a socket does, the stream remembers one waker for writing: that of the last write that waited.
    pub(crate) writer: Option<Waker>,
}

impl Wire {
    pub(crate) fn new(script: Script) -> Self {
        Self(Arc::new(Mutex::new(State { script, ..State::default() })))
    }

    /// A stream that stays open after `incoming`.
    pub(crate) fn open(incoming: &[u8]) -> Self {
        let wire = Self::new(Script::new(incoming));
        wire.state().stays_open = true;
        wire
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn written(&self) -> Vec<u8> {
        self.state().script.written.clone()
    }

    /// More bytes arrive.
    pub(crate) fn arrive(&self, bytes: &[u8]) {
        self.state().script.incoming.extend(bytes);
        let reader = self.state().reader.take();
        reader.into_iter().for_each(Waker::wake);
    }

    /// The stream takes bytes again.
    pub(crate) fn unstick(&self) {
        self.state().stuck = false;
        self.wake_writer();
    }

    /// The peer reads: the stream takes `n` more bytes.
    pub(crate) fn make_room(&self, n: usize) {
        *self.state().room.get_or_insert_default() += n;
        self.wake_writer();
    }

    pub(crate) fn wake_writer(&self) {
        let writer = self.state().writer.take();
        writer.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        state.read_calls += 1;
        if let (true, Some(again)) = (state.script.incoming.is_empty(), state.repeats.clone()) {
            state.script.incoming.extend(again);
        }
        if state.stays_open && state.script.incoming.is_empty() && state.script.reads.is_empty() {
            let wakes_replaced = state.wakes_replaced;
            let replaced = remember(&mut state.reader, cx.waker());
            drop(state);
            replaced.filter(|_| wakes_replaced).into_iter().for_each(Waker::wake);
            return Poll::Pending;
        }
        pending(cx, state.script.read(to))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.stuck || state.room == Some(0) {
            let wakes_replaced = state.wakes_replaced;
            let replaced = remember(&mut state.writer, cx.waker());
            drop(state);
            replaced.filter(|_| wakes_replaced).into_iter().for_each(Waker::wake);
            return Poll::Pending;
        }
        if let (Some(room), true) = (state.room, state.script.writes.is_empty()) {
            state.script.writes.push_front(Step::Bytes(room));
        }
        let written = state.script.write_vectored(from);
        if let (Some(room), Ok(n)) = (&mut state.room, &written) {
            *room = room.saturating_sub(*n);
        }
        pending(cx, written)
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pending(cx, self.state().script.flush())
    }

    pub(crate) fn poll_shutdown(&self) -> Poll<io::Result<()>> {
        self.state().shut = true;
        Poll::Ready(Ok(()))
    }
}

/// Remembers a waker. Gives the one that it replaces, if that wakes another task.
fn remember(known: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    known.replace(waker.clone()).filter(|replaced| !replaced.will_wake(waker))
}

/// Turns `WouldBlock` into `Pending` and wakes the task at once.
fn pending<T>(cx: &Context<'_>, result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        result => Poll::Ready(result),
    }
}

#[cfg(feature = "tokio")]
mod over_tokio {
    use std::pin::Pin;

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::*;

    impl AsyncRead for Wire {
        /// A `ReadBuf` cannot express [`Step::Lie`] of a read.
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            to: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Wire::poll_read(&self, cx, to.initialize_unfilled()).map_ok(|n| to.advance(n))
        }
    }

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
            Wire::poll_write(&self, cx, &[IoSlice::new(from)])
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            from: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Wire::poll_write(&self, cx, from)
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Wire::poll_flush(&self, cx)
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Wire::poll_shutdown(&self)
        }
    }
}

#[cfg(feature = "smol")]
mod over_smol {
    use std::pin::Pin;

    use smol::io::{AsyncRead, AsyncWrite};

    use super::*;

    impl AsyncRead for Wire {
        fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
            Wire::poll_read(&self, cx, to)
        }
    }

    impl AsyncWrite for Wire {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
            Wire::poll_write(&self, cx, &[IoSlice::new(from)])
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            from: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Wire::poll_write(&self, cx, from)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Wire::poll_flush(&self, cx)
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Wire::poll_shutdown(&self)
        }
    }
}
