//! What is limited by the application: how many connections there are, and how many messages come from each. Sizes and
//! times are limited by the [`Config`](sansocket::Config).

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Places for connections.
pub struct Slots {
    free: Mutex<Free>,
    released: Condvar,
    total: usize,
}

struct Free {
    count: usize,
    closed: bool,
}

/// A place, given back when this is dropped.
pub struct Slot(Arc<Slots>);

impl Slots {
    /// `total` places, all free.
    pub fn new(total: usize) -> Arc<Self> {
        let free = Mutex::new(Free { count: total, closed: false });
        Arc::new(Self { free, released: Condvar::new(), total })
    }

    /// Takes a place. `None` if all are taken, and after [`Slots::close`].
    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let mut free = self.lock();
        if free.closed || free.count == 0 {
            return None;
        }
        free.count -= 1;
        Some(Slot(Arc::clone(self)))
    }

    /// From now on none is to be had.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// Waits until all are free, or not that long.
    pub fn wait_until_free(&self, patience: Duration) {
        let is_taken = |free: &mut Free| free.count < self.total;
        drop(self.released.wait_timeout_while(self.lock(), patience, is_taken));
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.lock().count += 1;
        self.0.released.notify_all();
    }
}

/// Runs a task in a thread of its own that holds the slot until the task has ended, by a panic too, and has dropped all
/// that it had.
pub fn spawn(slot: Slot, stack: usize, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let holding_slot = move || {
        let _slot = slot;
        task();
    };
    thread::Builder::new().stack_size(stack).spawn(holding_slot).map(drop)
}

/// Tells clients that the server is full, in one thread for all of them. If they come faster than it can tell them, it
/// just hangs up.
pub struct Refuser(SyncSender<TcpStream>);

impl Refuser {
    const WAITING: usize = 64;
    const PATIENCE: Duration = Duration::from_millis(100);
    const ANSWER: &'static [u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
        Connection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n";

    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (sender, streams) = mpsc::sync_channel(Self::WAITING);
        thread::Builder::new().spawn(move || Self::answer(&streams))?;
        Ok(Self(sender))
    }

    /// Answers the client with status 503 if there is time for it, and closes the stream.
    pub fn refuse(&self, stream: TcpStream) {
        self.0.try_send(stream).ok();
    }

    fn answer(streams: &Receiver<TcpStream>) {
        for mut stream in streams {
            stream.set_read_timeout(Some(Self::PATIENCE)).ok();
            stream.set_write_timeout(Some(Self::PATIENCE)).ok();
            // Only after the request was read: a socket that is closed with unread bytes is reset, and the answer lost.
            if stream.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {
                stream.write_all(Self::ANSWER).ok();
            }
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// A token bucket: each message takes a token, and tokens come back with time.
pub struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    const BURST: f64 = 20.0;
    const PER_SECOND: f64 = 10.0;

    /// A bucket with all the tokens that it can hold.
    pub fn full() -> Self {
        Self { tokens: Self::BURST, filled: Instant::now() }
    }

    /// Whether there was a token left.
    pub fn take(&mut self) -> bool {
        let now = Instant::now();
        let gained = (now - self.filled).as_secs_f64() * Self::PER_SECOND;
        self.filled = now;
        self.tokens = (self.tokens + gained).min(Self::BURST);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}
