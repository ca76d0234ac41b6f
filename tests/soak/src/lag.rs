//! How late this process is, because other work has the machine. Servers do not wait longer for that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The time between two looks at the clock.
const TICK: Duration = Duration::from_millis(20);

/// A clock that is so late is late.
const NOTICED: Duration = Duration::from_millis(50);

/// A visit in which this much time was lost proves nothing if it fails.
const TOO_LATE: Duration = Duration::from_secs(1);

/// The time that was lost so far, in milliseconds.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Watches the clock, as long as the runtime runs.
pub(crate) async fn watch() {
    loop {
        let since = Instant::now();
        sleep(TICK).await;
        let late = since.elapsed().saturating_sub(TICK);
        if late > NOTICED {
            LOST.fetch_add(u64::try_from(late.as_millis()).unwrap_or_default(), Ordering::Relaxed);
        }
    }
}

/// The beginning of a visit.
pub(crate) struct Since(u64);

impl Since {
    pub(crate) fn now() -> Self {
        Self(LOST.load(Ordering::Relaxed))
    }

    /// Whether too much time was lost since then. Waits until it is known.
    pub(crate) async fn is_too_late(&self) -> bool {
        sleep(10 * TICK).await;
        let lost = LOST.load(Ordering::Relaxed).saturating_sub(self.0);
        Duration::from_millis(lost) > TOO_LATE
    }
}
