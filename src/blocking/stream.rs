//! What a blocking shell asks of a stream: reads and writes that end in time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::buffer::Buffer;

/// A byte stream with time limits.
///
/// `TcpStream` is one, and `UnixStream`. Around something that knows no time limits (a pipe, memory, a TLS stream that
/// manages its socket itself) put [`Untimed`].
pub trait Stream: Read + Write {
    /// How long a read may wait; then it fails with `WouldBlock` or `TimedOut`. `None`: for ever. Never zero.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// The same for a write.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Tells the peer that nothing more will be written, and leaves reading as it is.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// The opening handshake is done: the time to turn off whatever holds small writes back.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    fn opened(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for TcpStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        TcpStream::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        TcpStream::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn opened(&mut self) -> io::Result<()> {
        self.set_nodelay(true)
    }
}

#[cfg(unix)]
impl Stream for std::os::unix::net::UnixStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        std::os::unix::net::UnixStream::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        std::os::unix::net::UnixStream::set_write_timeout(self, timeout)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A stream without time limits, which has to keep its own: timeouts, keepalive and the deadlines of the handshakes
/// take effect only between two reads. Its writing side cannot be ended by itself, so at the end of a connection the last
/// read waits for the peer to end the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untimed<S>(pub S);

impl<S: Read> Read for Untimed<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<S: Write> Write for Untimed<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Stream for Untimed<S> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A time limit shorter than this cannot be told from none at all by some systems.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// A time limit longer than this is more than some systems can count to.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A wait longer than this may be cut into parts.
const LONG: Duration = Duration::from_secs(1);

/// How much too early a stream may say that its time limit has passed.
const TOLERANCE: Duration = Duration::from_millis(20);

/// A stream that is read up to a point in time.
#[derive(Debug)]
pub(super) struct Timed<S> {
    pub(super) stream: S,
    /// What the stream's read timeout is set to.
    timeout: Option<Duration>,
}

/// What a read has come to: more bytes, nothing in time, or the end of the stream.
pub(super) enum Arrival {
    Bytes,
    Silence,
    End,
}

impl<S: Stream> Timed<S> {
    pub(super) fn new(mut stream: S) -> io::Result<Self> {
        stream.set_read_timeout(None)?;
        Ok(Self { stream, timeout: None })
    }

    /// The same stream in another wrapping.
    pub(super) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Timed<T> {
        Timed { stream: wrap(self.stream), timeout: self.timeout }
    }

    /// Reads once; `Silence` at the `deadline`, or earlier if the timeout set before still serves.
    pub(super) fn read(&mut self, input: &mut Buffer, deadline: Option<Instant>) -> io::Result<Arrival> {
        let began = Instant::now();
        let left = |deadline: Instant| deadline.saturating_duration_since(began).clamp(SHORTEST, LONGEST);
        self.limit(deadline.map(left))?;
        match input.read_from(&mut self.stream) {
            Ok(0) => Ok(Arrival::End),
            Ok(_) => Ok(Arrival::Bytes),
            Err(error) if is_timeout(&error) => match self.timeout {
                Some(timeout) if began.elapsed() + TOLERANCE >= timeout => Ok(Arrival::Silence),
                // Too early: the stream does not block. Whoever made it so wants to hear of it.
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Sets the timeout, unless the one that is set ends no later and not much earlier. A long one is set somewhat shorter
    /// than it is wanted, so that it serves for the next reads, too: that saves a system call for almost every read.
    fn limit(&mut self, wanted: Option<Duration>) -> io::Result<()> {
        let serves = match (self.timeout, wanted) {
            (Some(set), Some(wanted)) => set <= wanted && wanted <= set * 2,
            (set, wanted) => set == wanted,
        };
        if !serves {
            let timeout = wanted.map(|wanted| if wanted > LONG { wanted * 3 / 4 } else { wanted });
            self.stream.set_read_timeout(timeout)?;
            self.timeout = timeout;
        }
        Ok(())
    }

    /// Ends the transport so that what was written arrives: a socket closed with unread bytes in it is reset, and a
    /// reset takes with it what the peer has not read. "Close TCP cleanly, discarding any trailing bytes that may have
    /// been received" (section 7.1.1).
    pub(super) fn linger(&mut self, timeout: Duration) {
        let deadline = later(timeout);
        let mut trailing = Buffer::new();
        while Instant::now() < deadline {
            trailing.clear();
            match self.read(&mut trailing, Some(deadline)) {
                Ok(Arrival::Bytes | Arrival::Silence) => {}
                Ok(Arrival::End) | Err(_) => return,
            }
        }
    }
}

/// A write timeout that every stream takes: never zero, and none at all where it is too long to be set.
pub(super) fn write_limit(timeout: Duration) -> Option<Duration> {
    (timeout <= LONGEST).then(|| timeout.max(SHORTEST))
}

/// The time that is `by` from now. A century stands for whatever is longer, which clocks cannot hold.
pub(super) fn later(by: Duration) -> Instant {
    Instant::now() + by.min(LONGEST * 36_500)
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
