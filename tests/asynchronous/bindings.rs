//! The transports that the tests run over, and small executors that poll.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use sansocket::asynchronous::{Transport, WebSocket};
use sansocket::{Config, Connection, Timestamp};

pub(crate) use crate::script::task::{Task, finish, poll};
use crate::script::wire::Wire;

/// Makes a transport of a scripted stream.
pub(crate) trait Binding {
    type Transport: Transport + Unpin + Send + 'static;

    fn bind(wire: Wire) -> Self::Transport;

    /// The scripted stream as the connection gives it.
    fn wire(stream: &<Self::Transport as Transport>::Stream) -> &Wire;
}

/// No runtime: the test sets the clock.
pub(crate) struct Plain;

#[cfg(feature = "tokio")]
pub(crate) struct OverTokio;

#[cfg(feature = "smol")]
pub(crate) struct OverSmol;

impl Binding for Plain {
    type Transport = Clocked;

    fn bind(wire: Wire) -> Clocked {
        Clocked { wire, clock: Clock::default() }
    }

    fn wire(stream: &Wire) -> &Wire {
        stream
    }
}

#[cfg(feature = "tokio")]
impl Binding for OverTokio {
    type Transport = sansocket::tokio::TokioTransport<Wire>;

    fn bind(wire: Wire) -> Self::Transport {
        sansocket::tokio::TokioTransport::new(wire)
    }

    fn wire(stream: &Wire) -> &Wire {
        stream
    }
}

#[cfg(feature = "smol")]
impl Binding for OverSmol {
    type Transport = sansocket::smol::SmolTransport<Wire>;

    fn bind(wire: Wire) -> Self::Transport {
        sansocket::smol::SmolTransport::new(wire)
    }

    fn wire(stream: &Wire) -> &Wire {
        stream
    }
}

/// A scripted stream on a clock that the test sets.
#[derive(Debug)]
pub(crate) struct Clocked {
    pub(crate) wire: Wire,
    pub(crate) clock: Clock,
}

/// A clock with one timer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<Mutex<Time>>);

#[derive(Debug, Default)]
struct Time {
    now: Timestamp,
    timer: Option<(Timestamp, Waker)>,
}

impl Clock {
    /// Time passes, and the timer fires if it is due.
    pub(crate) fn advance(&self, by: Duration) {
        self.pass(by);
        let mut time = self.0.lock().unwrap();
        let now = time.now;
        let fired = time.timer.take_if(|(due, _)| *due <= now);
        drop(time);
        fired.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Time passes, and the timer has not fired yet.
    pub(crate) fn pass(&self, by: Duration) {
        let mut time = self.0.lock().unwrap();
        time.now = time.now + by;
    }
}

impl Transport for Clocked {
    type Stream = Wire;

    fn stream(&self) -> &Wire {
        &self.wire
    }

    fn into_stream(self) -> Wire {
        self.wire
    }

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

    fn now(&self) -> Timestamp {
        self.clock.0.lock().unwrap().now
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, due: Timestamp) -> Poll<()> {
        let mut time = self.clock.0.lock().unwrap();
        if time.now >= due {
            return Poll::Ready(());
        }
        time.timer = Some((due, cx.waker().clone()));
        Poll::Pending
    }
}

/// Makes one test per binding of each `fn name<B: Binding>()`.
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

            #[cfg(feature = "smol")]
            #[test]
            fn smol() {
                super::$name::<crate::bindings::OverSmol>();
            }
        }
    )* };
}

pub(crate) use over_each;

/// The server's end of an open connection.
pub(crate) fn server<B: Binding>(wire: &Wire, config: Config) -> WebSocket<B::Transport> {
    WebSocket::from_parts(B::bind(wire.clone()), Connection::server(config))
}

/// A connection without a keepalive.
pub(crate) fn untimed() -> Config {
    Config::default().keepalive(None)
}

/// Futures that run as tasks of their own. Each task is polled only when it is woken.
pub(crate) struct Executor<'a, T> {
    spawned: Vec<Spawned<'a, T>>,
}

struct Spawned<'a, T> {
    task: Arc<Task>,
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    output: Option<T>,
}

impl<'a, T> Executor<'a, T> {
    pub(crate) fn new() -> Self {
        Self { spawned: Vec::new() }
    }

    pub(crate) fn spawn(&mut self, future: impl Future<Output = T> + 'a) {
        let task = Arc::new(Task::default());
        task.wake_by_ref();
        self.spawned.push(Spawned { task, future: Box::pin(future), output: None });
    }

    /// Polls until all tasks sleep or have ended.
    pub(crate) fn run(&mut self) {
        let sleeps = (0..100_000).any(|_| !self.turn());
        assert!(sleeps, "the tasks never sleep");
    }

    /// Polls each task that was woken once. Gives whether there was one.
    pub(crate) fn turn(&mut self) -> bool {
        let mut is_awake = false;
        for spawned in self.spawned.iter_mut().filter(|spawned| spawned.output.is_none()) {
            if spawned.task.is_woken() {
                is_awake = true;
                if let Poll::Ready(output) = poll(&spawned.task, &mut spawned.future) {
                    spawned.output = Some(output);
                }
            }
        }
        is_awake
    }

    /// Whether the task that was spawned as number `index` has ended.
    pub(crate) fn has_ended(&self, index: usize) -> bool {
        self.spawned[index].output.is_some()
    }

    /// The outputs of all tasks, which have ended.
    pub(crate) fn outputs(self) -> Vec<T> {
        let outputs = self.spawned.into_iter().map(|spawned| spawned.output);
        outputs.map(|output| output.expect("the task would sleep for ever")).collect()
    }
}
