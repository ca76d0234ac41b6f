//! Reads and writes up to a point in time.

use std::io;
use std::time::Duration;

use super::stream::Stream;
use crate::config::Config;
use crate::connection::Output;
use crate::sync::Instant;

/// Some systems take a shorter time limit as no limit.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// Some systems cannot count a longer time limit.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A read timeout longer than this is rounded, so that it serves for several reads.
const LONG: Duration = Duration::from_secs(1);

/// A stream that blocks waits longer than this, even if its time limit is short. Half of the shortest time limit.
const AT_ONCE: Duration = Duration::from_micros(500);

/// No timer is coarser.
const COARSE: Duration = Duration::from_millis(40);

/// The most bytes of one write. The time limit of some sockets (Unix sockets on Linux) begins again with each part that they
/// take, so a long write to a slow peer would not report its progress.
pub(super) const LONGEST_WRITE: usize = 64 << 10;

/// The longest time that one write waits before it reports its progress.
const LONGEST_TICK: Duration = Duration::from_secs(1);

/// How long a write may wait at a time. Short beside the write timeout, which is then kept to about a tenth although several
/// writes wait before the buffers of the system are full, and beside the keepalive, which is told of the progress.
pub(super) fn tick(config: &Config) -> Duration {
    let keepalive = config.keepalive.map_or(LONGEST_TICK, |interval| interval / 4);
    (config.write_timeout / 40).min(keepalive).clamp(SHORTEST, LONGEST_TICK)
}

/// Tells a stream whose time limit has passed from one that does not block.
///
/// Timers are coarse: after a limit of a few milliseconds a system may report at once. But then its next timer begins with
/// a full period. So a report that comes at once is from a stream that does not block, if the limit was longer, or if it is
/// the second in a row. A report that comes early for another reason (a read over TLS may have to write first) is only a
/// short wait.
#[derive(Debug, Default)]
struct Blocks {
    came_at_once: bool,
}

impl Blocks {
    /// `Ok` if the stream has waited, as far as can be told.
    fn check(&mut self, waited: Duration, limit: Duration, error: io::Error) -> io::Result<()> {
        let comes_at_once = waited < if limit > COARSE { COARSE / 2 } else { AT_ONCE };
        if comes_at_once && (self.came_at_once || limit > COARSE) {
            let message = "the stream is non-blocking; the blocking shell needs a blocking one";
            return Err(io::Error::new(error.kind(), message));
        }
        self.came_at_once = comes_at_once;
        Ok(())
    }
}

/// A stream that is read up to a point in time.
#[derive(Debug)]
pub(super) struct Timed<S> {
    pub(super) stream: S,
    /// The read timeout that is set.
    timeout: Option<Duration>,
    blocks: Blocks,
}

/// What a read has come to.
pub(super) enum Arrival {
    Bytes,
    /// Nothing arrived in time.
    Silence,
    /// The end of the stream.
    End,
}

impl<S: Stream> Timed<S> {
    /// Prepares the stream and sets its time limits: for a write a tick of `config`, for a read none.
    pub(super) fn new(mut stream: S, config: &Config) -> io::Result<Self> {
        stream.prepare()?;
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(Some(tick(config)))?;
        Ok(Self { stream, timeout: None, blocks: Blocks::default() })
    }

    /// The same stream in another type.
    pub(super) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Timed<T> {
        Timed { stream: wrap(self.stream), timeout: self.timeout, blocks: self.blocks }
    }

    /// [`map`](Self::map) that may fail.
    pub(super) fn try_map<T>(self, convert: impl FnOnce(S) -> Result<T, S>) -> Result<Timed<T>, Self>
    where
        T: Stream,
    {
        let Self { stream, timeout, blocks } = self;
        match convert(stream) {
            Ok(stream) => Ok(Timed { stream, timeout, blocks }),
            Err(stream) => Err(Self { stream, timeout, blocks }),
        }
    }

    /// Reads once with `read`. `Silence` at the `deadline`, or earlier if the timeout that is set still serves.
    pub(super) fn read(
        &mut self,
        deadline: Option<Instant>,
        read: impl FnOnce(&mut S) -> io::Result<usize>,
    ) -> io::Result<Arrival> {
        let began = Instant::now();
        let left = |deadline: Instant| deadline.saturating_duration_since(began).clamp(SHORTEST, LONGEST);
        self.limit(deadline.map(left))?;
        match read(&mut self.stream) {
            Ok(0) => Ok(Arrival::End),
            Ok(_) => Ok(Arrival::Bytes),
            Err(error) if is_timeout(&error) => {
                let limit = self.timeout.unwrap_or(LONGEST);
                self.blocks.check(began.elapsed(), limit, error).map(|()| Arrival::Silence)
            }
            Err(error) => Err(error),
        }
    }

    /// Sets the timeout, unless the one that is set ends no later and not much earlier. A long one is set shorter than
    /// wanted, so that it serves for the next reads too: that saves a system call for most reads.
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

    /// "Close TCP cleanly, discarding any trailing bytes that may have been received" (section 7.1.1): reads until the peer
    /// ends the stream, or until the deadline.
    pub(super) fn discard(&mut self, deadline: Instant) {
        let mut trailing = [0; 4096];
        while Instant::now() < deadline {
            match self.read(Some(deadline), |stream| stream.read(&mut trailing)) {
                Ok(Arrival::Bytes | Arrival::Silence) => {}
                Ok(Arrival::End) | Err(_) => return,
            }
        }
    }
}

/// How long a write may go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// A stream that takes nothing for this long is given up.
    pub(super) stall: Duration,
    /// How long one write waits: the stream's write timeout.
    pub(super) tick: Duration,
    /// The end of all patience.
    pub(super) deadline: Option<Instant>,
}

impl Patience {
    pub(super) fn new(config: &Config) -> Self {
        Self { stall: config.write_timeout, tick: tick(config), deadline: None }
    }

    /// Writes until nothing waits, and flushes the stream. Tells `progress` how each write got further.
    pub(super) fn write_all<S: Stream>(
        self,
        stream: &mut S,
        output: &mut Output,
        mut progress: impl FnMut(Moved),
    ) -> io::Result<()> {
        let mut blocks = Blocks::default();
        let mut stalled_since = None;
        loop {
            let began = Instant::now();
            let written = match output.held() {
                0 => stream.flush().map(|()| 0),
                _ => output.write_at_most(LONGEST_WRITE, stream),
            };
            match written {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    progress(Moved::Written(n));
                    stalled_since = None;
                }
                Err(error) if Progress::is_in(&error) => {
                    progress(Moved::PassedOn);
                    output.note_moved();
                    stalled_since = None;
                }
                Err(error) if is_timeout(&error) => {
                    blocks.check(began.elapsed(), self.tick, error)?;
                    let since: Instant = *stalled_since.get_or_insert(began);
                    if since.elapsed() >= self.stall {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) => return Err(error),
            }
            let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_late && output.held() > 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

/// How output got further.
#[derive(Clone, Copy)]
pub(super) enum Moved {
    /// The stream has taken this many bytes.
    Written(usize),
    /// The stream has passed on some of what it had taken.
    PassedOn,
}

/// A write has waited for its time, but the stream has passed on some of what it had taken: the peer is reading.
#[derive(Debug)]
pub(super) struct Progress;

impl Progress {
    pub(super) fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|error| error.is::<Self>())
    }
}

impl From<Progress> for io::Error {
    fn from(progress: Progress) -> Self {
        Self::new(io::ErrorKind::WouldBlock, progress)
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the stream has passed on a part")
    }
}

impl std::error::Error for Progress {}

/// The time that is `by` from now. More than a century counts as a century: clocks may not reach further.
pub(super) fn later(by: Duration) -> Instant {
    Instant::now() + by.min(LONGEST * 36_500)
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
