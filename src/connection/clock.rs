//! What the sending side does when the caller tells it the time: keepalive, close deadline, round trip.

use core::time::Duration;

use super::sender::Sender;
use super::timers::{Due, Intervals};
use crate::config::Config;
#[cfg(doc)]
use crate::error::ProtocolError;
use crate::timestamp::Timestamp;

impl Sender {
    /// When to call [`handle_timeout`](Self::handle_timeout) next, on the caller's clock. A time in the past means now. `None`:
    /// no timer runs.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        if self.round_trip.needs_time() { Some(Timestamp::ORIGIN) } else { self.timers.next() }
    }

    /// Tells the time. If the keepalive is due, this sends a Ping, or gives the connection up
    /// ([`ConnectionLost`](ProtocolError::ConnectionLost), close code 1006). If the close deadline is due, it gives the
    /// connection up. A Ping or a Pong without a time gets this one, for the [`latency`](Self::latency). Otherwise it does
    /// nothing: early and repeated calls do no harm.
    ///
    /// First read what has arrived and look for events. Otherwise bytes that wait in the socket count as silence.
    pub fn handle_timeout(&mut self, now: impl Into<Timestamp>) {
        let now = now.into();
        self.round_trip.tell(now);
        if self.timers.is_due(now) && self.output.take_moved() {
            // A Ping would wait behind what a slow peer is still reading.
            self.timers.hear();
        }
        let keepalive = keepalive(&self.config);
        let Config { close_timeout: close, write_timeout: write, .. } = *self.config;
        match self.timers.handle(now, self.output.end(), Intervals { keepalive, close, write }) {
            Due::Nothing => {}
            // If the output is full, the peer is not reading, and a Ping would not help.
            Due::Ping => {
                self.ping(&[]).ok();
                self.round_trip.tell(now);
            }
            Due::GiveUp => self.lose(),
        }
    }

    /// The clock of later calls has another origin; on it the time is `now`.
    #[cfg(feature = "std")]
    pub(crate) fn restart_clock(&mut self, now: impl Into<Timestamp>) {
        self.timers.restart();
        self.round_trip.stop();
        self.handle_timeout(now);
    }

    /// The last measured round trip: from a Ping of the keepalive or of [`ping`](Self::ping) to its Pong, in whole
    /// microseconds. `None` until there is one. At most about 71 minutes.
    ///
    /// It begins when the Ping is queued, and ends when the Pong is found among the bytes that were received. So it includes the
    /// time that the Ping waits behind other output, and the time that the Pong waits until this end reads. The protocol
    /// has no clock: the times are those of the next [`handle_timeout`](Self::handle_timeout), which
    /// [`next_timeout`](Self::next_timeout) asks for at once after [`ping`](Self::ping) and after a Pong.
    ///
    /// Only the newest Ping counts, and only a Pong with the same payload. The payloads are compared by a checksum of 16
    /// bits. Send Pings further apart than the round trip, or give each a payload of its own. An unsolicited Pong with the
    /// same payload looks like the answer, so a peer can make the round trip look shorter. A connection that receives
    /// something in each interval of the [`keepalive`](crate::Config::keepalive) sends no Pings by itself.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sansocket::{Config, Connection};
    ///
    /// let mut server = Connection::server(Config::default());
    /// server.ping(b"1")?;
    /// server.handle_timeout(Duration::from_millis(500)); // the time now
    /// assert_eq!(server.latency(), None);
    ///
    /// server.receive(b"\x8a\x81\0\0\0\x001"); // the Pong
    /// while let Some(_event) = server.next_event()? {}
    /// server.handle_timeout(Duration::from_millis(548));
    /// assert_eq!(server.latency(), Some(Duration::from_millis(48)));
    /// # Ok::<(), sansocket::Error>(())
    /// ```
    pub fn latency(&self) -> Option<Duration> {
        self.round_trip.measured()
    }

    pub(super) fn receive_pong(&mut self, payload: &[u8]) {
        self.round_trip.pong(payload);
    }

    /// Gives the time to a Ping that was queued or to a Pong that has come. The keepalive does not get this time.
    #[cfg(feature = "std")]
    pub(crate) fn tell_time(&mut self, now: impl Into<Timestamp>) {
        self.round_trip.tell(now.into());
    }

    /// Whether [`tell_time`](Self::tell_time) does something.
    #[cfg(any(feature = "tokio", feature = "smol"))]
    pub(crate) fn needs_time(&self) -> bool {
        self.round_trip.needs_time()
    }
}

/// The keepalive's interval, if it is on.
pub(super) fn keepalive(config: &Config) -> Option<Duration> {
    config.keepalive.filter(|interval| !interval.is_zero())
}
