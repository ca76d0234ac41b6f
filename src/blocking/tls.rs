//! TLS over a blocking socket, for one thread that reads and one that writes.
//!
//! The lock of the session is held while rustls works, never while the socket waits. The lock of what is being sent is held by
//! the thread that writes: others that write wait for it, as they would for the socket; a thread that reads does not.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::timed::{Progress, SHORTEST, is_timeout};
use crate::sync::{Instant, Mutex, MutexGuard};
use crate::tls::{LEAST_READ, MAX_READ, Records, Session, TlsInfo};

#[derive(Debug)]
pub(super) struct Tls {
    session: Mutex<Session>,
    sending: Mutex<Records>,
    /// The time limits of the socket. One read of plaintext may need several of records.
    pub(super) read_limit: Limit,
    pub(super) write_limit: Limit,
}

impl Tls {
    pub(super) fn new(session: Session) -> Self {
        Self {
            session: Mutex::new(session),
            sending: Mutex::default(),
            read_limit: Limit::default(),
            write_limit: Limit::default(),
        }
    }

    pub(super) fn info(&self) -> Option<TlsInfo> {
        lock(&self.session).info()
    }

    /// Reads plaintext. The records are read into `buf`, too, which costs no second buffer, unless it is short: the last bytes of
    /// a long message are asked for alone, and a record in parts of that length would take a system call for each.
    pub(super) fn read(&self, tcp: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let window = self.read_limit.begin();
        loop {
            let (read, is_opening) = {
                let mut session = lock(&self.session);
                (session.read(buf), session.is_opening())
            };
            match read {
                Ok(Some(n)) => return Ok(n),
                Ok(None) => {}
                Err(error) => {
                    // The alert says what is wrong.
                    self.flush(tcp).ok();
                    return Err(error);
                }
            }
            if is_opening {
                self.flush(tcp)?;
                lock(&self.session).flushed();
            }
            let room = buf.len().min(MAX_READ);
            let mut spare;
            let records = if room < LEAST_READ {
                spare = [0; LEAST_READ];
                &mut spare[..]
            } else {
                buf.get_mut(..room).unwrap_or_default()
            };
            let n = window.read(tcp, records)?;
            let mut session = lock(&self.session);
            if n == 0 {
                session.end_of_stream();
            }
            session.receive(records.get(..n).unwrap_or_default());
        }
    }

    /// Encrypts and sends. Bytes count as written when they are encrypted.
    pub(super) fn write(&self, tcp: &TcpStream, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let window = self.write_limit.begin();
        let mut records = lock(&self.sending);
        send(&mut records, tcp, window)?;
        let written = lock(&self.session).write(bufs, &mut records)?;
        match send(&mut records, tcp, window) {
            Err(error) if !is_timeout(&error) => Err(error),
            _ => Ok(written),
        }
    }

    /// Sends what has been encrypted.
    pub(super) fn flush(&self, tcp: &TcpStream) -> io::Result<()> {
        let mut records = lock(&self.sending);
        lock(&self.session).take_output(&mut records)?;
        send(&mut records, tcp, self.write_limit.begin())
    }

    /// Sends `close_notify`.
    pub(super) fn close(&self, tcp: &TcpStream) -> io::Result<()> {
        lock(&self.session).close();
        self.flush(tcp)
    }
}

/// Sends all that waits. At the end of the time: `WouldBlock`, with [`Progress`] if some of it was sent.
fn send(records: &mut Records, mut tcp: &TcpStream, window: Window) -> io::Result<()> {
    let mut progress = false;
    while !records.is_empty() {
        match tcp.write(records.rest()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => records.advance(n),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if is_timeout(&error) && progress => return Err(Progress.into()),
            Err(error) => return Err(error),
        }
        progress = true;
        if !records.is_empty() && window.is_over() {
            return Err(Progress.into());
        }
    }
    Ok(())
}

/// A time limit of the socket, in microseconds. 0: none.
#[derive(Debug, Default)]
pub(super) struct Limit(AtomicU64);

impl Limit {
    pub(super) fn set(&self, limit: Option<Duration>) {
        let micros = limit.map_or(0, |limit| u64::try_from(limit.as_micros()).unwrap_or(u64::MAX).max(1));
        self.0.store(micros, Ordering::Relaxed);
    }

    fn begin(&self) -> Window {
        let micros = self.0.load(Ordering::Relaxed);
        Window { began: Instant::now(), limit: (micros > 0).then(|| Duration::from_micros(micros)) }
    }
}

/// The time of one read or write of plaintext, which may take several of the socket's.
#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    limit: Option<Duration>,
}

impl Window {
    fn is_over(self) -> bool {
        self.limit.is_some_and(|limit| self.began.elapsed() >= limit)
    }

    /// Reads once. A peer that sends a record byte by byte does not prolong the time by more than a tenth.
    fn read(self, mut tcp: &TcpStream, records: &mut [u8]) -> io::Result<usize> {
        let Some(limit) = self.limit else { return tcp.read(records) };
        let waited = self.began.elapsed();
        if waited < limit / 10 {
            return tcp.read(records);
        }
        if waited >= limit {
            return Err(ErrorKind::WouldBlock.into());
        }
        tcp.set_read_timeout(Some((limit - waited).max(SHORTEST)))?;
        let read = tcp.read(records);
        tcp.set_read_timeout(Some(limit))?;
        read
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
