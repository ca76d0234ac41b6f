//! A duplex stream in memory, as real ones may behave: little room, partial writes, and one waker for each direction and for
//! the timer. A poll replaces the waker of the poll before, and one that succeeds forgets it. The stream is ready before its
//! tasks are woken.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use model::clock::{self, Alarm};
use model::shuttle::sync::{Mutex, MutexGuard};
use sansocket::Timestamp;
use sansocket::asynchronous::Transport;

use crate::tasks::coin;

/// The bytes under way from one end to the other. Each lock is a place where the scheduler may switch to another task.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    room: usize,
    /// The writing end has ended the stream.
    ended: bool,
    /// The reading end is gone.
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    reactor: Option<Alarm>,
}

/// One end of the stream. Dropping it ends the stream in both directions.
pub(crate) struct End {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    timer: Alarm,
    /// The stream is flushed only when the other end has read everything, as with TLS and other streams with a buffer.
    pub(crate) flushes_late: bool,
}

/// Two ends. Each direction holds at most `room` bytes.
pub(crate) fn duplex(room: usize) -> (End, End) {
    let pipe = || Arc::new(Mutex::new(Pipe { room, ..Pipe::default() }));
    let (there, back) = (pipe(), pipe());
    let end = |incoming: &Arc<_>, outgoing: &Arc<_>| End {
        incoming: Arc::clone(incoming),
        outgoing: Arc::clone(outgoing),
        timer: Alarm::new(),
        flushes_late: false,
    };
    (end(&back, &there), end(&there, &back))
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap()
}

/// Wakes the tasks that can go on: at once, or when a reactor gets to it. That takes no time, but others may go first.
fn tell(pipe: &Arc<Mutex<Pipe>>) {
    let news = Arc::new(News(Arc::downgrade(pipe)));
    if coin() {
        news.wake();
    } else {
        let alarm = Alarm::new();
        alarm.set(clock::now(), &Waker::from(news));
        lock(pipe).reactor = Some(alarm);
    }
}

struct News(Weak<Mutex<Pipe>>);

impl Wake for News {
    fn wake(self: Arc<Self>) {
        let Some(pipe) = self.0.upgrade() else { return };
        let mut pipe = lock(&pipe);
        let is_readable = !pipe.bytes.is_empty() || pipe.ended;
        let is_writable = pipe.bytes.len() < pipe.room || pipe.ended || pipe.broken;
        let reader = if is_readable { pipe.reader.take() } else { None };
        let writer = if is_writable { pipe.writer.take() } else { None };
        drop(pipe);
        [reader, writer].into_iter().flatten().for_each(Waker::wake);
    }
}

impl End {
    pub(crate) fn read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.incoming);
        if pipe.bytes.is_empty() && !pipe.ended {
            let replaced = pipe.reader.replace(cx.waker().clone());
            drop((pipe, replaced));
            return Poll::Pending;
        }
        let n = pipe.bytes.len().min(to.len());
        to.iter_mut().zip(pipe.bytes.drain(..n)).for_each(|(to, byte)| *to = byte);
        let forgotten = pipe.reader.take();
        drop((pipe, forgotten));
        tell(&self.incoming);
        Poll::Ready(Ok(n))
    }

    pub(crate) fn write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.outgoing);
        if pipe.broken || pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe.room - pipe.bytes.len();
        if room == 0 {
            let replaced = pipe.writer.replace(cx.waker().clone());
            drop((pipe, replaced));
            return Poll::Pending;
        }
        let before = pipe.bytes.len();
        pipe.bytes.extend(from.iter().flat_map(|slice| slice.iter()).take(room));
        let n = pipe.bytes.len() - before;
        let forgotten = pipe.writer.take();
        drop((pipe, forgotten));
        tell(&self.outgoing);
        Poll::Ready(Ok(n))
    }

    pub(crate) fn end(&mut self) {
        lock(&self.outgoing).ended = true;
        tell(&self.outgoing);
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.end();
        lock(&self.incoming).broken = true;
        tell(&self.incoming);
        // One lock at a time.
        let reader = lock(&self.incoming).reader.take();
        let writer = lock(&self.outgoing).writer.take();
        drop((reader, writer));
    }
}

impl Transport for End {
    type Stream = Self;

    fn stream(&self) -> &Self {
        self
    }

    fn into_stream(self) -> Self {
        self
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, to: &mut [u8]) -> Poll<io::Result<usize>> {
        self.read(cx, to)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.outgoing);
        if !self.flushes_late || pipe.bytes.is_empty() || pipe.broken {
            return Poll::Ready(Ok(()));
        }
        let replaced = pipe.writer.replace(cx.waker().clone());
        drop((pipe, replaced));
        Poll::Pending
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }

    fn now(&self) -> Timestamp {
        clock::now().into()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, time: Timestamp) -> Poll<()> {
        if time <= self.now() {
            self.timer.clear();
            return Poll::Ready(());
        }
        self.timer.set(time.duration_since(Timestamp::ORIGIN), cx.waker());
        Poll::Pending
    }
}
