//! Keepalive and close deadline. The time is passed in; nothing here knows a clock.
//!
//! The protocol learns the time only in `handle_timeout`. A timer that was set since then is due at once, and that
//! first visit arms it.

use core::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    keepalive: Timer,
    close: Timer,
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
        Self { keepalive: keepalive.map_or(Timer::Off, Timer::Unarmed), ..Self::default() }
    }

    /// Something was received.
    pub(crate) fn hear(&mut self) {
        self.heard = true;
    }

    /// Starts what runs anew, on a clock with another origin.
    #[cfg(feature = "std")]
    pub(crate) fn restart(&mut self, keepalive: Option<Duration>, close: Duration) {
        let running = |timer| !matches!(timer, Timer::Off);
        if let (true, Some(interval)) = (running(self.keepalive), keepalive) {
            self.keepalive = Timer::Unarmed(interval);
        }
        if running(self.close) {
            self.close = Timer::Unarmed(close);
        }
    }

    /// From here on the peer has `timeout` to complete the closing handshake, and no Ping is sent.
    pub(crate) fn start_closing(&mut self, timeout: Duration) {
        self.keepalive = Timer::Off;
        self.close = Timer::Unarmed(timeout);
    }

    pub(crate) fn stop(&mut self) {
        self.keepalive = Timer::Off;
        self.close = Timer::Off;
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        let due = |timer| match timer {
            Timer::Off => None,
            Timer::Unarmed(_) => Some(Duration::ZERO),
            Timer::At(time) => Some(time),
        };
        [due(self.keepalive), due(self.close)].into_iter().flatten().min()
    }

    pub(crate) fn handle(&mut self, now: Duration, interval: Option<Duration>) -> Due {
        for timer in [&mut self.keepalive, &mut self.close] {
            if let Timer::Unarmed(wait) = *timer {
                *timer = Timer::At(now.saturating_add(wait));
            }
        }
        if matches!(self.close, Timer::At(at) if at <= now) {
            return Due::GiveUp;
        }
        match (self.keepalive, interval) {
            (Timer::At(at), Some(interval)) if at <= now => {
                self.keepalive = Timer::At(now.saturating_add(interval));
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
