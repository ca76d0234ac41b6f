//! The round trip from a Ping to its Pong. Nothing here reads a clock: the time is passed in.
//!
//! A Ping or a Pong has no time until the next call that tells the time. A connection asks for that call at once.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// 16 bytes, which each idle connection holds.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    /// When the newest Ping was queued.
    pinged: Timestamp,
    /// The last round trip in microseconds, plus one. Zero if none was measured.
    measured: u32,
    /// Of the payload of the newest Ping.
    checksum: u16,
    step: Step,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    /// The Ping has no time yet.
    PingQueued,
    AwaitsPong,
    /// The Pong has no time yet.
    PongCame,
}

impl RoundTrip {
    /// A Ping was queued. An earlier one is not measured any more: the peer "MAY elect to send a Pong frame for only the
    /// most recently processed Ping frame" (section 5.5.3).
    pub(super) fn ping(&mut self, payload: &[u8]) {
        self.checksum = checksum(payload);
        self.step = Step::PingQueued;
    }

    /// A Pong has come. It "MUST have identical "Application data" as found in the message body of the Ping frame being
    /// replied to" (section 5.5.3), so another payload is no answer.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        if checksum(payload) == self.checksum {
            self.step = match self.step {
                Step::AwaitsPong => Step::PongCame,
                // The Ping got no time, so there is nothing to measure.
                Step::PingQueued => Step::Idle,
                step => step,
            };
        }
    }

    #[inline]
    pub(super) fn needs_time(&self) -> bool {
        matches!(self.step, Step::PingQueued | Step::PongCame)
    }

    #[inline]
    pub(super) fn tell(&mut self, now: Timestamp) {
        if self.needs_time() {
            self.note(now);
        }
    }

    fn note(&mut self, now: Timestamp) {
        if self.step == Step::PongCame {
            let micros = now.duration_since(self.pinged).as_micros();
            self.measured = u32::try_from(micros).unwrap_or(u32::MAX).saturating_add(1);
            self.step = Step::Idle;
        } else {
            self.pinged = now;
            self.step = Step::AwaitsPong;
        }
    }

    /// Drops a measurement that is under way: later times have another origin, or no time follows.
    pub(super) fn stop(&mut self) {
        self.step = Step::Idle;
    }

    pub(super) fn measured(&self) -> Option<Duration> {
        self.measured.checked_sub(1).map(|micros| Duration::from_micros(micros.into()))
    }
}

/// Tells most payloads apart (FNV-1a, folded).
fn checksum(payload: &[u8]) -> u16 {
    let hash = payload
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_le_bytes();
    u16::from_le_bytes([a ^ c, b ^ d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_takes_16_bytes() {
        assert_eq!(size_of::<RoundTrip>(), 16);
    }

    /// Each row: nanoseconds between Ping and Pong, and microseconds that are given.
    #[test]
    fn round_trips_are_given_in_whole_microseconds() {
        let hours = u64::from(u32::MAX) + 5;
        for (nanos, micros) in
            [(0, 0), (999, 0), (1_000, 1), (48_123_456, 48_123), (hours * 1_000, u32::MAX - 1)]
        {
            let mut trip = RoundTrip::default();
            let begin = Timestamp::from(Duration::from_secs(7));
            trip.ping(b"x");
            trip.tell(begin);
            trip.pong(b"x");
            trip.tell(begin + Duration::from_nanos(nanos));
            assert_eq!(trip.measured(), Some(Duration::from_micros(micros.into())), "{nanos}");
        }
    }

    #[test]
    fn short_payloads_have_checksums_of_their_own() {
        let mut all: alloc::vec::Vec<u16> = (0..=u8::MAX).map(|byte| checksum(&[byte])).collect();
        all.push(checksum(b""));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 257);
    }
}
