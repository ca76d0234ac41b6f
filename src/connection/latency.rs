//! The calls about the round trip of a connection.

use core::time::Duration;

use super::sender::Sender;
#[cfg(feature = "std")]
use crate::timestamp::Timestamp;

impl Sender {
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
