//! Limits of the application: the number of connections, and the rate of messages of each. The
//! [`Config`](sansocket::Config) limits sizes and times.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sansocket::{Config, Limits};

/// Limits of a connection. The time limits of the opening and the closing handshake are the defaults.
pub fn config(keepalive: Duration) -> Config {
    // Enough for a text of 4,000 characters of three bytes each, in base64, with a long name.
    let limits = Limits::default().max_frame_len(16 << 10).max_message_len(16 << 10);
    Config::default()
        .keepalive(Some(keepalive))
        .limits(limits)
        // The most bytes of one write. The server limits the queue behind it.
        .max_output_len(1 << 20)
        .write_timeout(Duration::from_secs(10))
}

/// A fixed number of slots for connections.
pub struct Slots {
    free: Mutex<Free>,
    released: Condvar,
    total: usize,
}

struct Free {
    count: usize,
    closed: bool,
}

/// A slot. It becomes free when this is dropped.
pub struct Slot(Arc<Slots>);

impl Slots {
    /// `total` free slots.
    pub fn new(total: usize) -> Arc<Self> {
        let free = Mutex::new(Free { count: total, closed: false });
        Arc::new(Self { free, released: Condvar::new(), total })
    }

    /// Takes a slot. `None` if none is free, and after [`Slots::close`].
    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let mut free = self.lock();
        if free.closed || free.count == 0 {
            return None;
        }
        free.count -= 1;
        Some(Slot(Arc::clone(self)))
    }

    /// Gives out no more slots.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// Waits until all slots are free, or until `patience` is over.
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

/// Runs a task in a new thread that holds the slot. The slot becomes free after the task has ended and has dropped its
/// values, after a panic, too.
pub fn spawn(slot: Slot, stack: usize, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let holding_slot = move || {
        let _slot = slot;
        task();
    };
    thread::Builder::new().stack_size(stack).spawn(holding_slot).map(drop)
}

/// Answers clients with 503 when the server is full, in one thread. If too many clients wait for that, it closes their
/// streams without an answer.
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

    /// Answers with status 503 unless too many others wait for that, then closes the stream.
    pub fn refuse(&self, stream: TcpStream) {
        self.0.try_send(stream).ok();
    }

    fn answer(streams: &Receiver<TcpStream>) {
        for mut stream in streams {
            stream.set_read_timeout(Some(Self::PATIENCE)).ok();
            stream.set_write_timeout(Some(Self::PATIENCE)).ok();
            // Read the request first: a socket that is closed with unread bytes is reset, and the answer is lost.
            if stream.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {
                stream.write_all(Self::ANSWER).ok();
            }
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

/// A token bucket: each message takes a token, and new tokens come at a fixed rate.
pub struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    const BURST: f64 = 20.0;
    const PER_SECOND: f64 = 10.0;

    /// A full bucket.
    pub fn full() -> Self {
        Self { tokens: Self::BURST, filled: Instant::now() }
    }

    /// Takes a token. False if there was none.
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
