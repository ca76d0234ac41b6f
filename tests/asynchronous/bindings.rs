//! What the tests run over, and how they poll.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use sansocket::asynchronous::{Io, WebSocket};
use sansocket::{Buffer, Config, Connection};

use crate::script::wire::Wire;

/// A way to make a connection out of a scripted stream.
pub(crate) trait Binding {
    type Io: Io + Unpin + Send + 'static;

    fn bind(wire: Wire) -> Self::Io;
}

/// No runtime at all: the clock is set by the test.
pub(crate) struct Plain;

#[cfg(feature = "tokio")]
pub(crate) struct OverTokio;

#[cfg(feature = "futures-io")]
pub(crate) struct OverFuturesIo;

impl Binding for Plain {
    type Io = Clocked;

    fn bind(wire: Wire) -> Clocked {
        Clocked { wire, clock: Clock::default() }
    }
}

#[cfg(feature = "tokio")]
impl Binding for OverTokio {
    type Io = sansocket::tokio::Tokio<Wire>;

    fn bind(wire: Wire) -> Self::Io {
        sansocket::tokio::Tokio::new(wire)
    }
}

#[cfg(feature = "futures-io")]
impl Binding for OverFuturesIo {
    type Io = sansocket::futures_io::FuturesIo<Wire>;

    fn bind(wire: Wire) -> Self::Io {
        sansocket::futures_io::FuturesIo::new(wire)
    }
}

/// A scripted stream on a clock that stands still until it is set.
#[derive(Debug)]
pub(crate) struct Clocked {
    pub(crate) wire: Wire,
    pub(crate) clock: Clock,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<Mutex<(Duration, Option<Waker>)>>);

impl Clock {
    pub(crate) fn advance(&self, by: Duration) {
        let sleeper = {
            let (now, sleeper) = &mut *self.0.lock().unwrap();
            *now += by;
            sleeper.take()
        };
        sleeper.into_iter().for_each(Waker::wake);
    }
}

impl Io for Clocked {
    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.wire.poll_read(cx, to)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.wire.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_shutdown()
    }

    fn now(&self) -> Duration {
        self.clock.0.lock().unwrap().0
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()> {
        let (now, sleeper) = &mut *self.clock.0.lock().unwrap();
        if *now >= time {
            return Poll::Ready(());
        }
        *sleeper = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Makes of each `fn name<B: Binding>()` a test per binding.
macro_rules! over_each {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            #[test]
            fn plain() {
                super::$name::<crate::bindings::Plain>();
            }

            #[cfg(feature = "tokio")]
            #[test]
            fn tokio() {
                let mut builder = ::tokio::runtime::Builder::new_current_thread();
                let runtime = builder.enable_time().start_paused(true).build().unwrap();
                let _timers = runtime.enter();
                super::$name::<crate::bindings::OverTokio>();
            }

            #[cfg(feature = "futures-io")]
            #[test]
            fn futures_io() {
                super::$name::<crate::bindings::OverFuturesIo>();
            }
        }
    )* };
}

pub(crate) use over_each;

/// The server's end, after a handshake elsewhere.
pub(crate) fn server<B: Binding>(wire: &Wire, config: Config) -> WebSocket<B::Io> {
    WebSocket::from_parts(B::bind(wire.clone()), Connection::server(config), Buffer::new())
}

/// A connection without timers of its own.
pub(crate) fn untimed() -> Config {
    Config { keepalive: None, ..Config::default() }
}

/// A task that counts how often it is woken.
#[derive(Default)]
pub(crate) struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    /// Whether it was woken since this was asked last.
    pub(crate) fn is_woken(&self) -> bool {
        self.0.swap(0, Ordering::SeqCst) > 0
    }
}

/// Polls once, in a task.
pub(crate) fn poll<F: Future + Unpin>(task: &Arc<Task>, future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(task))))
}

/// Polls a future as an executor would: only when it was woken, and one that waits for nothing fails.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let task = Arc::new(Task::default());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = poll(&task, &mut future) {
            return output;
        }
        assert!(task.is_woken(), "this task would sleep for ever");
    }
    panic!("this task is always awake");
}
