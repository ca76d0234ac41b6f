//! Time as the protocol sees it.

use core::fmt;
use core::num::NonZeroU64;
use core::ops::Add;
use core::time::Duration;

/// A point in time on the caller's clock: the time since an origin that the caller chooses, in nanoseconds.
///
/// The origin is the same for all calls of one connection. A `Timestamp` is no duration to sleep for: subtract the present
/// time first.
///
/// ```
/// use std::time::{Duration, Instant};
/// use sansocket::{Config, Connection, Timestamp};
///
/// let origin = Instant::now();
/// let mut connection = Connection::server(Config::default());
/// connection.handle_timeout(origin.elapsed());
/// if let Some(due) = connection.next_timeout() {
///     let wait = due.duration_since(Timestamp::from(origin.elapsed()));
///     assert!(wait <= Duration::from_secs(20));
/// }
/// ```
///
/// It does not compile where a duration is wanted:
///
/// ```compile_fail,E0308
/// # let connection = sansocket::Connection::server(sansocket::Config::default());
/// std::thread::sleep(connection.next_timeout().unwrap());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64); // one more than the nanoseconds: an `Option` of it takes 8 bytes

impl Timestamp {
    /// The origin of the clock.
    pub const ORIGIN: Self = Self(NonZeroU64::MIN);

    /// How long it is from `earlier` to this time; zero if `earlier` is later.
    pub fn duration_since(self, earlier: impl Into<Timestamp>) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.into().0.get()))
    }
}

impl Default for Timestamp {
    /// The [`ORIGIN`](Self::ORIGIN).
    fn default() -> Self {
        Self::ORIGIN
    }
}

impl fmt::Debug for Timestamp {
    /// The time since the origin.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.duration_since(Self::ORIGIN)).finish()
    }
}

/// The time since the origin. More than 584 years count as 584 years.
impl From<Duration> for Timestamp {
    fn from(since_origin: Duration) -> Self {
        Self::ORIGIN + since_origin
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// The time that is `after` later. It saturates.
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let second = Timestamp::from(Duration::from_secs(1));
        assert_eq!(second + Duration::MAX, Timestamp(NonZeroU64::MAX));
        assert_eq!(Timestamp::from(Duration::MAX), Timestamp(NonZeroU64::MAX));
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
        assert_eq!(Timestamp::ORIGIN.duration_since(second), Duration::ZERO);
        assert_eq!((second + Duration::from_secs(2)).duration_since(second), Duration::from_secs(2));
    }
}
