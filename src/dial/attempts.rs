//! Which of a host's addresses are tried, in which order and when (RFC 8305, "Happy Eyeballs").

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::timestamp::Timestamp;

/// "Connection Attempt Delay … a simple implementation … RECOMMENDED default value of 250 milliseconds" (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// The attempts to reach one of several addresses. Each has a head start of 250 ms on the next. If one fails, the next starts
/// at once.
#[derive(Debug)]
pub(crate) struct Attempts {
    untried: VecDeque<SocketAddr>,
    running: usize,
    next_start: Timestamp,
    /// The error of the last attempt that failed.
    failure: Option<io::Error>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Start to connect to this address.
    Start(SocketAddr),
    /// Wait for an attempt to end, but ask again at this time at the latest.
    Wait(Option<Timestamp>),
    /// All attempts have failed.
    Failed,
}

impl Attempts {
    /// Attempts to reach `addresses`, which are in the order of preference of the system.
    ///
    /// "The addresses … should be interleaved by address family" (RFC 8305 section 4), the family of the first one first.
    pub(crate) fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut untried = VecDeque::new();
        let mut addresses: VecDeque<_> = addresses.into_iter().collect();
        let mut wanted = addresses.front().map(SocketAddr::is_ipv6);
        while !addresses.is_empty() {
            let of_family = addresses.iter().position(|address| Some(address.is_ipv6()) == wanted);
            untried.extend(addresses.remove(of_family.unwrap_or_default()));
            wanted = wanted.map(|is_ipv6| !is_ipv6);
        }
        Self { untried, running: 0, next_start: Timestamp::ORIGIN, failure: None }
    }

    pub(crate) fn next(&mut self, now: impl Into<Timestamp>) -> Attempt {
        let now = now.into();
        if self.running > 0 && (now < self.next_start || self.untried.is_empty()) {
            return Attempt::Wait((!self.untried.is_empty()).then_some(self.next_start));
        }
        let Some(address) = self.untried.pop_front() else { return Attempt::Failed };
        self.running += 1;
        self.next_start = now + HEAD_START;
        Attempt::Start(address)
    }

    /// An attempt has failed.
    pub(crate) fn fail(&mut self, error: io::Error) {
        self.running = self.running.saturating_sub(1);
        self.next_start = Timestamp::ORIGIN;
        self.failure = Some(error);
    }

    /// Why there is no connection: the error of the last attempt.
    pub(crate) fn failure(&mut self) -> io::Error {
        let none = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        self.failure.take().unwrap_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 80)
    }

    fn at(milliseconds: u64) -> Timestamp {
        Duration::from_millis(milliseconds).into()
    }

    #[test]
    fn rfc_8305_section_4_families_take_turns() {
        let rows: [(&[&str], &[&str]); 4] = [
            (&["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"], &["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]),
            (&["1.1.1.1", "2.2.2.2", "::1"], &["1.1.1.1", "::1", "2.2.2.2"]),
            (&["1.1.1.1", "2.2.2.2"], &["1.1.1.1", "2.2.2.2"]),
            (&[], &[]),
        ];
        for (resolved, expected) in rows {
            let attempts = Attempts::new(resolved.iter().map(|text| address(text)));
            let expected: Vec<_> = expected.iter().map(|text| address(text)).collect();
            assert_eq!(attempts.untried, expected, "{resolved:?}");
        }
    }

    #[test]
    fn rfc_8305_section_5_silent_address_has_a_head_start_of_250_ms() {
        let [first, second] = ["::1", "1.1.1.1"].map(address);
        let mut attempts = Attempts::new([first, second]);
        assert_eq!(attempts.next(at(10)), Attempt::Start(first));
        assert_eq!(attempts.next(at(10)), Attempt::Wait(Some(at(260))));
        assert_eq!(attempts.next(at(259)), Attempt::Wait(Some(at(260))));
        assert_eq!(attempts.next(at(260)), Attempt::Start(second));
        assert_eq!(attempts.next(at(260)), Attempt::Wait(None));
        attempts.fail(io::ErrorKind::TimedOut.into());
        assert_eq!(attempts.next(at(300)), Attempt::Wait(None), "the other one may still succeed");
        attempts.fail(io::ErrorKind::TimedOut.into());
        assert_eq!(attempts.next(at(300)), Attempt::Failed);
    }

    #[test]
    fn next_address_follows_a_failure_at_once() {
        let [first, second] = ["::1", "1.1.1.1"].map(address);
        let mut attempts = Attempts::new([first, second]);
        assert_eq!(attempts.next(at(0)), Attempt::Start(first));
        attempts.fail(io::ErrorKind::TimedOut.into());
        assert_eq!(attempts.next(at(1)), Attempt::Start(second));
        assert_eq!(Attempts::new([]).next(at(0)), Attempt::Failed);
    }
}
