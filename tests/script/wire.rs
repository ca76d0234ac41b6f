//! The script for those who poll.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::Script;

/// A script in the hands of a connection and of the test that watches it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) script: Script,
    /// At the end of the script more may come: reading waits instead of ending.
    pub(crate) stays_open: bool,
    /// What was read begins anew, without end.
    pub(crate) repeats: Option<Vec<u8>>,
    /// Takes nothing: writing waits.
    pub(crate) stuck: bool,
    pub(crate) shut: bool,
    pub(crate) read_calls: usize,
    pub(crate) reader: Option<Waker>,
    /// As with a socket, one waker is remembered for writing: that of the last who wanted to.
    pub(crate) writer: Option<Waker>,
}

impl Wire {
    pub(crate) fn new(script: Script) -> Self {
        Self(Arc::new(Mutex::new(State { script, ..State::default() })))
    }

    /// One that stays open behind `incoming`.
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

    /// More has arrived.
    pub(crate) fn arrive(&self, bytes: &[u8]) {
        self.state().script.incoming.extend(bytes);
        let reader = self.state().reader.take();
        reader.into_iter().for_each(Waker::wake);
    }

    /// Writing goes on.
    pub(crate) fn unstick(&self) {
        self.state().stuck = false;
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
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pending(cx, state.script.read(to))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if state.stuck {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pending(cx, state.script.write_vectored(from))
    }

    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        pending(cx, self.state().script.flush())
    }

    pub(crate) fn poll_shutdown(&self) -> Poll<io::Result<()>> {
        self.state().shut = true;
        Poll::Ready(Ok(()))
    }
}

/// `WouldBlock`, as a poll says it; with a wake at once.
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
        /// A lie about the length is nothing that a `ReadBuf` could say.
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

#[cfg(feature = "futures-io")]
mod over_futures_io {
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
