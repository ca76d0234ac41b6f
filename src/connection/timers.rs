//! Keepalive and close deadline. Nothing here knows a clock: the time is passed in.
//!
//! The protocol learns the time in `handle_timeout` only.

use core::time::Duration;

use crate::timestamp::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Timers {
    /// When it is due, if it runs: [`UNARMED`] until the next call that tells the time.
    timer: Option<Timestamp>,
    /// Whether the timer is the close deadline. It and the keepalive never run together.
    closing: bool,
    /// Whether the peer gave a sign of life since the last keepalive interval ended.
    heard: bool,
    /// Whether the keepalive's Ping waits for a sign of life.
    pinged: bool,
    /// How much had been sent at the last sign of life: KiB, wrapping.
    sent_when_heard: u32,
}

/// A peer reads at least this much in a second, as far as the keepalive is concerned: 64 KiB.
const LEAST_RATE: u32 = 64;

/// A timer that was started since the last call that told the time. It is due at once, and that call arms it.
const UNARMED: Timestamp = Timestamp::ORIGIN;

/// The times of the configuration.
#[derive(Clone, Copy)]
pub(super) struct Intervals {
    pub(super) keepalive: Option<Duration>,
    pub(super) close: Duration,
    pub(super) write: Duration,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    GiveUp,
}

impl Timers {
    pub(super) fn new(keepalive: Option<Duration>) -> Self {
        Self { timer: keepalive.map(|_| UNARMED), ..Self::default() }
    }

    /// The peer gave a sign of life.
    #[inline]
    pub(super) fn hear(&mut self) {
        self.heard = true;
    }

    /// Restarts a running timer, on a clock with another origin.
    #[cfg(feature = "std")]
    pub(super) fn restart(&mut self) {
        self.timer = self.timer.map(|_| UNARMED);
    }

    /// The close deadline replaces the keepalive.
    pub(super) fn start_closing(&mut self) {
        self.timer = Some(UNARMED);
        self.closing = true;
    }

    /// Whether [`start_closing`](Self::start_closing) was called, even if no timer runs any longer.
    #[cfg(feature = "tracing")]
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(super) fn stop(&mut self) {
        self.timer = None;
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.timer
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.next().is_some_and(|time| time <= now)
    }

    /// What is due. `sent` is how many bytes have been queued for the peer since the connection opened.
    pub(super) fn handle(&mut self, now: Timestamp, sent: u64, intervals: Intervals) -> Due {
        let Some(interval) = (if self.closing { Some(intervals.close) } else { intervals.keepalive }) else {
            return Due::Nothing;
        };
        if self.timer == Some(UNARMED) {
            self.timer = Some(now + interval);
        }
        match self.timer {
            Some(at) if at <= now && self.closing => Due::GiveUp,
            Some(at) if at <= now => {
                self.timer = Some(now + interval);
                self.end_interval(now + interval, sent, intervals.write)
            }
            _ => Due::Nothing,
        }
    }

    fn end_interval(&mut self, next: Timestamp, sent: u64, most: Duration) -> Due {
        let heard = core::mem::take(&mut self.heard);
        let pinged = core::mem::replace(&mut self.pinged, !heard);
        #[expect(clippy::cast_possible_truncation, reason = "differences count, and they wrap")]
        let sent = (sent >> 10) as u32;
        match (heard, pinged) {
            (true, _) => {
                self.sent_when_heard = sent;
                Due::Nothing
            }
            (false, false) => {
                // The Ping comes behind all that the peer has not read yet, which may be in the buffers of systems between.
                let unread = sent.wrapping_sub(self.sent_when_heard);
                self.timer = Some(next + Duration::from_secs((unread / LEAST_RATE).into()).min(most));
                Due::Ping
            }
            (false, true) => Due::GiveUp,
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    const INTERVALS: Intervals = Intervals {
        keepalive: Some(Duration::from_secs(10)),
        close: Duration::from_secs(3),
        write: Duration::from_secs(30),
    };

    fn at(seconds: u64) -> Timestamp {
        Duration::from_secs(seconds).into()
    }

    #[test]
    fn running_timers_restart_on_another_clock() {
        let mut timers = Timers::new(INTERVALS.keepalive);
        timers.handle(at(1000), 0, INTERVALS);
        timers.restart();
        assert_eq!(timers.handle(Timestamp::ORIGIN, 0, INTERVALS), Due::Nothing);
        assert_eq!(timers.next(), Some(at(10)));

        timers.start_closing();
        timers.handle(at(1000), 0, INTERVALS);
        timers.restart();
        timers.handle(Timestamp::ORIGIN, 0, INTERVALS);
        assert_eq!(timers.next(), Some(at(3)));
    }

    #[test]
    fn stopped_timers_do_not_restart() {
        let mut stopped = Timers::new(INTERVALS.keepalive);
        stopped.stop();
        for mut timers in [Timers::new(None), stopped] {
            timers.restart();
            assert_eq!(timers.next(), None);
        }
    }

    /// Each row: KiB sent since the last sign of life, and when the connection is given up.
    #[test]
    fn ping_behind_data_is_given_the_time_to_read_it() {
        for (sent, given_up) in [(0, 30), (63, 30), (64, 31), (640, 40), (64 * 30, 60), (1 << 20, 60)] {
            let mut timers = Timers::new(INTERVALS.keepalive);
            timers.hear();
            timers.handle(at(0), 0, INTERVALS);
            assert_eq!(timers.handle(at(10), 5 << 10, INTERVALS), Due::Nothing);
            let sent = (5 + sent) << 10;
            assert_eq!(timers.handle(at(20), sent, INTERVALS), Due::Ping);
            assert_eq!(timers.next(), Some(at(given_up)), "{sent}");
            assert_eq!(timers.handle(at(given_up - 1), sent, INTERVALS), Due::Nothing);
            assert_eq!(timers.handle(at(given_up), sent, INTERVALS), Due::GiveUp);
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn timers_restart_with_a_new_clock() {
        use crate::connection::Connection;

        let mut end = Connection::server(crate::config::Config::default()).sender;
        let (keepalive, now) = (end.config().keepalive.unwrap(), Duration::from_secs(7));
        end.handle_timeout(Duration::from_secs(1000));
        end.restart_clock(now);
        assert_eq!(end.next_timeout(), Some(Timestamp::from(now) + keepalive));
    }
}
