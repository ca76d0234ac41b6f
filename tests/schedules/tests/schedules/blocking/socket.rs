//! A socket in memory for threads, with time limits on the virtual clock.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use model::clock::now;
use model::{Condvar, Mutex, MutexGuard};
use sansocket::blocking::{Shareable, Stream};

/// More reads and writes of one end than this count as spinning.
const MOST_CALLS: usize = 3000;

/// Two ends. Each reads what the other writes.
struct Wire {
    ends: Mutex<[End; 2]>,
    changed: Condvar,
}

/// What one end has written and the other has not read, and the time limits of this end.
#[derive(Default)]
struct End {
    written: VecDeque<u8>,
    room: usize,
    /// Nothing more is written here.
    ended: bool,
    /// This end is gone: it reads nothing more.
    gone: bool,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    calls: usize,
}

/// One end. Clones are of the same end. When the last one is dropped, the end is gone.
#[derive(Clone)]
pub(crate) struct Socket(Arc<Side>);

struct Side {
    wire: Arc<Wire>,
    this: usize,
}

pub(crate) fn pair(room: usize) -> (Socket, Socket) {
    let end = || End { room, ..End::default() };
    let wire = Arc::new(Wire { ends: Mutex::new([end(), end()]), changed: Condvar::new() });
    let socket = |this| Socket(Arc::new(Side { wire: Arc::clone(&wire), this }));
    (socket(0), socket(1))
}

impl Side {
    fn other(&self) -> usize {
        1 - self.this
    }

    fn lock(&self) -> MutexGuard<'_, [End; 2]> {
        self.wire.ends.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut [End; 2])) {
        change(&mut self.lock());
        self.wire.changed.notify_all();
    }

    /// Tries until there is a result, or until the limit has passed.
    fn wait<R>(
        &self,
        limit: impl Fn(&End) -> Option<Duration>,
        mut attempt: impl FnMut(&mut [End; 2]) -> Option<io::Result<R>>,
    ) -> io::Result<R> {
        let mut ends = self.lock();
        ends[self.this].calls += 1;
        assert!(ends[self.this].calls < MOST_CALLS, "reads and writes spin at {:?}", now());
        let deadline = limit(&ends[self.this]).map(|limit| now() + limit);
        loop {
            if let Some(result) = attempt(&mut ends) {
                drop(ends);
                self.wire.changed.notify_all();
                return result;
            }
            ends = match deadline {
                Some(deadline) if deadline <= now() => return Err(io::ErrorKind::WouldBlock.into()),
                Some(deadline) => self.wire.changed.wait_timeout(ends, deadline - now()).unwrap().0,
                None => self.wire.changed.wait(ends).unwrap(),
            };
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.change(|ends| (ends[self.this].ended, ends[self.this].gone) = (true, true));
        }
    }
}

impl Read for Socket {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let side = &*self.0;
        side.wait(
            |end| end.read_timeout,
            |ends| {
                let from = &mut ends[side.other()];
                let n = from.written.len().min(to.len());
                to.iter_mut().zip(from.written.drain(..n)).for_each(|(to, byte)| *to = byte);
                (n > 0 || from.ended || ends[side.this].gone).then_some(Ok(n))
            },
        )
    }
}

impl Write for Socket {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(from)])
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let side = &*self.0;
        side.wait(
            |end| end.write_timeout,
            |ends| {
                if ends[side.this].ended || ends[side.other()].gone {
                    return Some(Err(io::ErrorKind::BrokenPipe.into()));
                }
                let end = &mut ends[side.this];
                let (before, room) = (end.written.len(), end.room - end.written.len());
                end.written.extend(from.iter().flat_map(|slice| slice.iter()).take(room));
                (room > 0).then_some(Ok(end.written.len() - before))
            },
        )
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Socket {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        assert_ne!(timeout, Some(Duration::ZERO));
        self.0.lock()[self.0.this].read_timeout = timeout;
        Ok(())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        assert_ne!(timeout, Some(Duration::ZERO));
        self.0.lock()[self.0.this].write_timeout = timeout;
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.change(|ends| ends[self.0.this].ended = true);
        Ok(())
    }
}

impl Shareable for Socket {
    type Handle = Self;

    fn share(self) -> Self {
        self
    }

    fn get(handle: &Self) -> &Self {
        handle
    }

    fn unshare(handle: Self) -> Result<Self, Self> {
        if Arc::strong_count(&handle.0) == 1 { Ok(handle) } else { Err(handle) }
    }

    fn shutdown_both(handle: &Self) {
        let this = handle.0.this;
        handle.0.change(|ends| (ends[this].ended, ends[this].gone) = (true, true));
    }
}
