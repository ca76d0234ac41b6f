//! The pauses between attempts to connect (RFC 6455 section 7.2.3).

use std::time::{Duration, SystemTime};

use super::retry_after::retry_after;
use super::temporary::{may_succeed_after, may_succeed_after_close};
use crate::connection::CloseInfo;
use crate::error::{Error, HandshakeError};
use crate::setters::setters;

/// A bound shorter than this would never grow.
const SHORTEST: Duration = Duration::from_millis(1);

/// The pauses between attempts to connect: random, up to a bound that doubles from one attempt to the next.
///
/// "The first reconnect attempt SHOULD be delayed by a random amount of time", later ones "by increasingly longer amounts of
/// time, using a method such as truncated binary exponential backoff" (RFC 6455 section 7.2.3). With the defaults the bounds
/// are 0.5, 1, 2, 4, 8, 16, 30, 30, … seconds.
///
/// Each pause is random between zero and its bound ("full jitter"). The clients of a server that restarts all lose their
/// connections at the same time, and the more evenly they come back, the better: half of that range would spread them half as
/// far for the same longest pause. So a pause may also be very short; it is the bound that grows.
///
/// Each field has a setter of the same name. [`Retries`] is one client's way through these pauses.
///
/// ```
/// use std::time::Duration;
/// use sansocket::BackOff;
///
/// // For a server with many clients: "a value chosen randomly between 0 and 5 seconds is a reasonable initial delay".
/// let back_off = BackOff::default().first_pause(Duration::from_secs(5)).max_pause(Duration::from_secs(120));
/// assert_eq!(back_off.max_pause.as_secs(), 120);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BackOff {
    /// The bound of the first pause. Less than 1 ms counts as 1 ms. Default: 500 ms. Most connections are lost one by one,
    /// while somebody waits: a phone changes the network, a proxy gives up. Choose seconds if thousands of clients may be cut
    /// off at once.
    pub first_pause: Duration,
    /// The bound that the pauses grow to. Less than 1 ms counts as 1 ms. Default: 30 s. A server that is back is found within
    /// that time, and one that stays away is asked four times a minute on average.
    pub max_pause: Duration,
    /// How long a connection must have been open, so that the pauses begin again from [`first_pause`](Self::first_pause) after
    /// it. Default: 60 s, twice the longest pause. A server that accepts connections and drops them soon is no better than one
    /// that refuses them.
    pub stable_after: Duration,
    /// The longest wait that a server can ask for in `Retry-After`; more counts as that. Default: one hour, so that a wrong date
    /// does not put a client out of service for years.
    pub max_retry_after: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(500),
            max_pause: Duration::from_secs(30),
            stable_after: Duration::from_secs(60),
            max_retry_after: Duration::from_secs(60 * 60),
        }
    }
}

impl BackOff {
    setters! {
        first_pause: Duration,
        max_pause: Duration,
        stable_after: Duration,
        max_retry_after: Duration,
    }
}

/// The attempts of one client to get a connection and to get it back, for a program with a loop of its own.
///
/// Tell it how each attempt and each connection ended: [`failed`](Self::failed) or [`closed`](Self::closed). It says how long
/// to pause before the next attempt; `None` is the end, because another attempt would end the same way. Before that,
/// [`opened`](Self::opened) says how long the connection lasted, if there was one. It knows no clock and no randomness: both
/// are passed in.
///
/// ```no_run
/// use std::hash::{BuildHasher, RandomState};
/// use std::time::{Instant, SystemTime};
/// use sansocket::{BackOff, Error, Retries, blocking};
///
/// fn follow(url: &str) -> Result<(), Error> {
///     let mut retries = Retries::new(BackOff::default());
///     loop {
///         let random = RandomState::new().hash_one(()); // std has no other source
///         let end = blocking::connect(url).and_then(|mut socket| {
///             let opened = Instant::now();
///             let end = print(&mut socket);
///             retries.opened(opened.elapsed());
///             end.map(|()| socket.close_info())
///         });
///         let pause = match &end {
///             Ok(Some(info)) => retries.closed(info, random),
///             Ok(None) => None,
///             Err(error) => retries.failed(error, SystemTime::now(), random),
///         };
///         match pause {
///             Some(pause) => std::thread::sleep(pause),
///             None => return end.map(|_| ()),
///         }
///     }
/// }
///
/// /// Prints messages until the connection is closed.
/// fn print(socket: &mut blocking::WebSocket<blocking::NetStream>) -> Result<(), Error> {
///     while let Some(message) = socket.read()? {
///         println!("{message:?}");
///     }
///     Ok(())
/// }
/// # follow("ws://127.0.0.1:9001/").unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Retries {
    back_off: BackOff,
    /// The bound of the next pause.
    bound: Duration,
}

impl Retries {
    /// No attempt has failed yet.
    pub fn new(back_off: BackOff) -> Self {
        let mut retries = Self { back_off, bound: Duration::ZERO };
        retries.begin_again();
        retries
    }

    /// The settings.
    pub fn back_off(&self) -> &BackOff {
        &self.back_off
    }

    /// A connection was open that long. If it was [long enough](BackOff::stable_after), the next pause is a first pause again.
    pub fn opened(&mut self, lasted: Duration) {
        if lasted >= self.back_off.stable_after {
            self.begin_again();
        }
    }

    /// An attempt has failed, or a connection ended with an error. Gives the pause before the next attempt, or `None` if the
    /// next attempt would fail as this one did; then nothing has changed.
    ///
    /// | error | another attempt |
    /// |---|---|
    /// | [`Io`](Error::Io): no such host, connection refused or reset | yes: the network changes, and servers come back |
    /// | [`Io`](Error::Io) of the kinds `InvalidData` and `Unsupported` | no: a TLS stream reports `InvalidData` for a certificate that it does not accept, and what the system cannot do it cannot do later |
    /// | [`ConnectionLost`](crate::ProtocolError::ConnectionLost) | yes |
    /// | any other [`Protocol`](Error::Protocol) error | no: the server breaks the rules, or a limit is too low for it |
    /// | [`Send`](Error::Send) | no: the program's fault |
    /// | [`Refused`](HandshakeError::Refused) with 408, 429, or 5xx but 501 and 505 | yes, and `Retry-After` is respected |
    /// | [`Refused`](HandshakeError::Refused) with any other status | no |
    /// | any other [`Handshake`](Error::Handshake) error | if its [`fault`](HandshakeError::fault) is the network's |
    ///
    /// `random` is 64 random bits, new ones for each call. They need not be secret. `now` is the time of day, for a
    /// `Retry-After` with a date.
    ///
    /// The pause is less than its bound (see [`BackOff`]). With a `Retry-After` it is that much longer: at least what the server
    /// asks for, at most [`max_retry_after`](BackOff::max_retry_after) and the bound together, so that clients which were told
    /// the same time do not come at the same time.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use sansocket::{BackOff, Error, HandshakeError, ProtocolError, Retries};
    ///
    /// let mut retries = Retries::new(BackOff::default());
    /// let mut pause = |error: Error| retries.failed(&error, SystemTime::now(), 1 << 63);
    /// assert_eq!(pause(ProtocolError::ConnectionLost.into()), Some(Duration::from_millis(250)));
    /// assert_eq!(pause(HandshakeError::TimedOut.into()), Some(Duration::from_millis(500)));
    /// assert_eq!(pause(HandshakeError::BadUrl("no scheme").into()), None);
    /// ```
    pub fn failed(&mut self, why: &Error, now: SystemTime, random: u64) -> Option<Duration> {
        if !may_succeed_after(why) {
            return None;
        }
        let asked_for = match why {
            Error::Handshake(HandshakeError::Refused(refusal)) => retry_after(refusal, now),
            _ => None,
        };
        let least = asked_for.unwrap_or_default().min(self.back_off.max_retry_after);
        Some(least.saturating_add(self.pause(random)))
    }

    /// The connection was closed by the server. Gives the pause before the next attempt, or `None` if the code says that this
    /// was the end, or that this client did something wrong, which it would do again; then nothing has changed.
    ///
    /// If the program itself has closed the connection, its loop has ended. Do not ask then: the code that the server answers
    /// with does not matter.
    ///
    /// | code (RFC 6455 section 7.4 and its IANA registry) | another attempt |
    /// |---|---|
    /// | 1000 normal closure | no: "the purpose for which the connection was established has been fulfilled" |
    /// | 1001 going away | yes: the server goes down, another one or itself comes up |
    /// | 1002 protocol error, 1003 unsupported data, 1007 invalid data, 1009 message too big, 1010 mandatory extension | no: about what this client sends |
    /// | 1005 no code | yes: it says nothing, and servers that end without saying why come back |
    /// | 1006 no Close frame | yes, unless this end failed the connection for a fault of the server |
    /// | 1008 policy violation | no: the server does not want this client |
    /// | 1011 internal error, 1012 service restart, 1013 try again later, 1014 bad gateway | yes: about the server |
    /// | 1015 TLS handshake | no: never on the wire |
    /// | 3000 unauthorized, 3003 forbidden | no: as 401 and 403 |
    /// | any other from 3000 to 4999 | yes: their meaning is the application's, which can decide before it asks |
    ///
    /// `random` is as in [`failed`](Self::failed).
    ///
    /// ```
    /// use sansocket::{BackOff, CloseCode, Config, Connection, Retries};
    ///
    /// let (mut client, mut server) = (Connection::client(Config::default()), Connection::server(Config::default()));
    /// server.close(CloseCode::SERVICE_RESTART, "")?;
    /// server.output().chunks().for_each(|bytes| client.receive(bytes));
    /// client.next_event()?;
    /// let info = client.close_info().expect("closed");
    /// assert!(Retries::new(BackOff::default()).closed(&info, 1 << 63).is_some());
    /// # Ok::<(), sansocket::Error>(())
    /// ```
    pub fn closed(&mut self, info: &CloseInfo, random: u64) -> Option<Duration> {
        may_succeed_after_close(info).then(|| self.pause(random))
    }

    fn begin_again(&mut self) {
        self.bound = self.back_off.first_pause.min(self.back_off.max_pause).max(SHORTEST);
    }

    /// A pause from zero up to the bound, which then doubles.
    fn pause(&mut self, random: u64) -> Duration {
        let bound = u64::try_from(self.bound.as_nanos()).unwrap_or(u64::MAX);
        self.bound = self.bound.saturating_mul(2).min(self.back_off.max_pause).max(SHORTEST);
        // The upper half of the product: bound × random / 2^64.
        let nanos = (u128::from(bound) * u128::from(random)) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(bound))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::{ProtocolError, Refusal};
    use crate::frame::CloseCode;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn lost() -> Error {
        ProtocolError::ConnectionLost.into()
    }

    fn refused(status: u16, retry_after: Option<&str>) -> Error {
        let header = |value: &str| ("Retry-After".into(), value.into());
        let headers = retry_after.map(header).into_iter().collect();
        HandshakeError::Refused(Box::new(Refusal { status, headers, body: Vec::new() })).into()
    }

    fn info(code: u16) -> CloseInfo {
        CloseInfo { code: CloseCode(code), reason: "".into(), was_clean: true, sent: None, fault: None }
    }

    /// The bounds of the pauses as they come, in milliseconds.
    fn bounds(back_off: BackOff, count: usize) -> Vec<u128> {
        let mut retries = Retries::new(back_off);
        let pause = |_| retries.failed(&lost(), NOW, u64::MAX).unwrap() + Duration::from_nanos(1);
        (0..count).map(pause).map(|pause| pause.as_millis()).collect()
    }

    // req: 6455-7.2.3-a, 6455-7.2.3-b, 6455-7.2.3-c, 6455-7.2.3-d
    #[test]
    fn section_7_2_3_bounds_double_and_pauses_are_random_below_them() {
        let settings = BackOff::default;
        assert_eq!(bounds(settings(), 9), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        let [zero, second, minute] = [0, 1, 60].map(Duration::from_secs);
        assert_eq!(bounds(settings().first_pause(minute), 3), [30_000; 3]);
        assert_eq!(bounds(settings().first_pause(minute).max_pause(minute), 3), [60_000; 3]);
        assert_eq!(bounds(settings().first_pause(zero).max_pause(second), 12)[..4], [1, 2, 4, 8]);
        assert_eq!(bounds(settings().first_pause(zero).max_pause(second), 12)[9..], [512, 1000, 1000]);
        assert_eq!(bounds(settings().max_pause(zero), 3), [1; 3]);
        for parts in 0..16 {
            let pause = Retries::new(settings()).failed(&lost(), NOW, parts << 60);
            assert_eq!(pause, Some(Duration::from_micros(31_250 * parts)));
        }
    }

    #[test]
    fn rfc_9110_section_10_2_3_pause_is_as_long_as_the_server_asks_for_up_to_the_limit() {
        let rows = [
            ("120", 120),
            ("3600", 3600),
            ("3601", 3600),
            ("99999999999999999999", 3600),
            ("Thu, 01 Jan 1970 00:02:00 GMT", 120),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
            ("0", 0),
            ("soon", 0),
        ];
        for status in [408, 429, 500, 503] {
            for (value, seconds) in rows {
                let mut pause = Retries::new(BackOff::default());
                let mut pause = |random| pause.failed(&refused(status, Some(value)), NOW, random).unwrap();
                let least = Duration::from_secs(seconds);
                assert_eq!(pause(0), least, "{value}");
                // The second bound.
                assert_eq!(pause(1 << 63), least + Duration::from_millis(500), "{value}");
            }
        }
        let forever = BackOff::default().max_retry_after(Duration::MAX);
        let asked = refused(503, Some("99999999999999999999"));
        let mut retries = Retries::new(forever);
        let mut pause = || retries.failed(&asked, NOW, u64::MAX);
        let seconds = Duration::from_secs(u64::MAX);
        assert_eq!(pause(), Some(seconds + Duration::from_nanos(499_999_999)));
        assert_eq!([pause(), pause()], [Some(Duration::MAX); 2]);
    }

    #[test]
    fn connection_that_lasted_begins_the_pauses_again() {
        let minute = BackOff::default().stable_after;
        for (lasted, next) in [
            (minute, 500),
            (Duration::MAX, 500),
            (minute - Duration::from_nanos(1), 8000),
            (Duration::ZERO, 8000),
        ] {
            let mut retries = Retries::new(BackOff::default());
            (0..4).for_each(|_| _ = retries.failed(&lost(), NOW, 0));
            retries.opened(lasted);
            let pause = retries.closed(&info(1001), u64::MAX).unwrap();
            assert_eq!(pause + Duration::from_nanos(1), Duration::from_millis(next), "{lasted:?}");
        }
    }

    #[test]
    fn million_failures_overflow_nothing() {
        for longest in [Duration::MAX, Duration::from_secs(30)] {
            let mut retries = Retries::new(BackOff::default().first_pause(longest).max_pause(longest));
            let mut failed = || retries.failed(&lost(), NOW, u64::MAX).unwrap();
            let last = (0..1_000_000).map(|_| failed()).last().unwrap();
            // A pause is counted in nanoseconds, in 64 bits.
            let bound = longest.min(Duration::from_nanos(u64::MAX));
            assert_eq!(last, bound - Duration::from_nanos(1));
        }
    }

    /// What can happen to a client, with 64 random bits.
    #[derive(Clone, Debug)]
    enum Step {
        Lost,
        RetryAfter(u64),
        Final,
        Closed,
        Opened(Duration),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Lost),
            1 => any::<u64>().prop_map(|n| Step::RetryAfter(n >> (n % 64))),
            1 => Just(Step::Final),
            1 => Just(Step::Closed),
            1 => duration().prop_map(Step::Opened),
        ]
    }

    fn duration() -> impl Strategy<Value = Duration> {
        prop_oneof![
            4 => (0_u64..1 << 40).prop_map(Duration::from_nanos),
            1 => any::<Duration>(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn pauses_stay_within_bounds_in_any_sequence(
            settings in (duration(), duration(), duration(), duration()),
            steps in prop::collection::vec((step(), any::<u64>()), 0..100),
        ) {
            let (first_pause, max_pause, stable_after, max_retry_after) = settings;
            let back_off = BackOff { first_pause, max_pause, stable_after, max_retry_after };
            let mut retries = Retries::new(back_off.clone());
            let nanos = |bound: Duration| bound.as_nanos().clamp(1_000_000, u128::from(u64::MAX));
            let mut failures = 0;
            for (step, random) in steps {
                let bound = (nanos(first_pause) << failures.min(50)).min(nanos(max_pause));
                let (pause, least) = match step {
                    Step::Opened(lasted) => {
                        retries.opened(lasted);
                        if lasted >= stable_after {
                            prop_assert_eq!(&retries, &Retries::new(back_off.clone()));
                            failures = 0;
                        }
                        continue;
                    }
                    Step::Final => {
                        let before = retries.clone();
                        prop_assert_eq!(retries.failed(&refused(404, Some("1")), NOW, random), None);
                        prop_assert_eq!(retries.closed(&info(1000), random), None);
                        prop_assert_eq!(&retries, &before);
                        continue;
                    }
                    Step::Lost => (retries.failed(&lost(), NOW, random), Duration::ZERO),
                    Step::Closed => (retries.closed(&info(1012), random), Duration::ZERO),
                    Step::RetryAfter(seconds) => {
                        let error = refused(503, Some(&seconds.to_string()));
                        let least = Duration::from_secs(seconds).min(max_retry_after);
                        (retries.failed(&error, NOW, random), least)
                    }
                };
                let pause = pause.expect("it may go away");
                let jitter = pause.checked_sub(least).expect("as long as asked for").as_nanos();
                prop_assert!(jitter < bound, "{jitter} of {bound}");
                if least == Duration::ZERO {
                    prop_assert_eq!(jitter, (bound * u128::from(random)) >> 64);
                }
                failures += 1;
            }
        }
    }
}
