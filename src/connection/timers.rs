//! Keepalive and close deadline. The time is passed in; nothing here knows a clock.
//!
//! The protocol learns the time only in `handle_timeout`. A timer that was set since then is due at once, and that
//! first visit arms it.

use core::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    timer: Timer,
    /// Whether the timer is that of the closing handshake: it and the keepalive never run together.
    closing: bool,
    /// Whether anything was received since the keepalive was last looked at.
    heard: bool,
    /// Whether the Ping of the keepalive waits for a sign of life.
    pinged: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Timer {
    #[default]
    Off,
    /// Runs from the next time that the time is told.
    Unarmed(Duration),
    At(Duration),
}

/// What the time that has passed asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Ping,
    GiveUp,
}

impl Timers {
    pub(crate) fn new(keepalive: Option<Duration>) -> Self {
        Self { timer: keepalive.map_or(Timer::Off, Timer::Unarmed), ..Self::default() }
    }

    /// Something was received.
    #[inline]
    pub(crate) fn hear(&mut self) {
        self.heard = true;
    }

    /// Starts what runs anew, on a clock with another origin.
    #[cfg(feature = "std")]
    pub(crate) fn restart(&mut self, keepalive: Option<Duration>, close: Duration) {
        let interval = if self.closing { Some(close) } else { keepalive };
        if let (Timer::Unarmed(_) | Timer::At(_), Some(interval)) = (self.timer, interval) {
            self.timer = Timer::Unarmed(interval);
        }
    }

    /// From here on the peer has `timeout` to complete the closing handshake, and no Ping is sent.
    pub(crate) fn start_closing(&mut self, timeout: Duration) {
        self.timer = Timer::Unarmed(timeout);
        self.closing = true;
    }

    pub(crate) fn stop(&mut self) {
        self.timer = Timer::Off;
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        match self.timer {
            Timer::Off => None,
            Timer::Unarmed(_) => Some(Duration::ZERO),
            Timer::At(time) => Some(time),
        }
    }

    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.next().is_some_and(|time| time <= now)
    }

    pub(crate) fn handle(&mut self, now: Duration, interval: Option<Duration>) -> Due {
        if let Timer::Unarmed(wait) = self.timer {
            self.timer = Timer::At(now.saturating_add(wait));
        }
        match (self.timer, interval) {
            (Timer::At(at), _) if at > now => Due::Nothing,
            (Timer::At(_), _) if self.closing => Due::GiveUp,
            (Timer::At(_), Some(interval)) => {
                self.timer = Timer::At(now.saturating_add(interval));
                self.tick()
            }
            _ => Due::Nothing,
        }
    }

    /// One interval has passed.
    fn tick(&mut self) -> Due {
        let heard = core::mem::take(&mut self.heard);
        let pinged = core::mem::replace(&mut self.pinged, !heard);
        match (heard, pinged) {
            (true, _) => Due::Nothing,
            (false, false) => Due::Ping,
            (false, true) => Due::GiveUp,
        }
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    const KEEPALIVE: Duration = Duration::from_secs(10);
    const CLOSE: Duration = Duration::from_secs(3);

    #[test]
    fn what_runs_runs_anew_on_another_clock() {
        let mut timers = Timers::new(Some(KEEPALIVE));
        timers.handle(Duration::from_secs(1000), Some(KEEPALIVE));
        timers.restart(Some(KEEPALIVE), CLOSE);
        assert_eq!(timers.handle(Duration::ZERO, Some(KEEPALIVE)), Due::Nothing);
        assert_eq!(timers.next(), Some(KEEPALIVE));

        timers.start_closing(CLOSE);
        timers.handle(Duration::from_secs(1000), Some(KEEPALIVE));
        timers.restart(Some(KEEPALIVE), CLOSE);
        timers.handle(Duration::ZERO, Some(KEEPALIVE));
        assert_eq!(timers.next(), Some(CLOSE));
    }

    #[test]
    fn what_does_not_run_does_not_begin_to() {
        let mut stopped = Timers::new(Some(KEEPALIVE));
        stopped.stop();
        for mut timers in [Timers::new(None), stopped] {
            timers.restart(Some(KEEPALIVE), CLOSE);
            assert_eq!(timers.next(), None);
        }
    }
}
