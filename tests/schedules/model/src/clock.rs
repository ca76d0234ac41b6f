//! Virtual time.
//!
//! The clock is a thread. In exact time the scheduler runs it only when no other can run ([`Time`](crate::Time)). It goes to the time of the earliest alarm and
//! rings that one alarm. What happens before the next alarm is the scheduler's choice, and so is the order of alarms of the
//! same time. Without an alarm the clock ends. If others still wait then, `shuttle` reports a deadlock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Add;
use std::task::{Poll, Waker};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

thread_local! {
    /// `shuttle` runs all of its threads on one of the system's.
    static CLOCK: RefCell<Clock> = RefCell::default();
}

#[derive(Default)]
struct Clock {
    now: Duration,
    /// The number of the clock's own thread.
    thread: Option<usize>,
    alarms: BTreeMap<u64, (Duration, Waker)>,
    next_alarm: u64,
}

/// Starts the clock at zero. Every scenario begins with this.
pub fn start() {
    drop(CLOCK.take());
    let handle = thread::spawn(|| {
        while ring() {
            thread::yield_now();
        }
    });
    CLOCK.with_borrow_mut(|clock| clock.thread = Some(usize::from(handle.thread().id())));
}

/// The time since the start.
pub fn now() -> Duration {
    CLOCK.with_borrow(|clock| clock.now)
}

/// Waits for a point in time.
pub async fn sleep_until(time: Duration) {
    let alarm = Alarm::new();
    poll_fn(|cx| {
        if time <= now() {
            return Poll::Ready(());
        }
        alarm.set(time, cx.waker());
        Poll::Pending
    })
    .await;
}

/// [`sleep_until`] for a thread.
pub fn block_until(time: Duration) {
    shuttle::future::block_on(sleep_until(time));
}

pub(crate) fn thread() -> Option<usize> {
    CLOCK.with_borrow(|clock| clock.thread)
}

pub(crate) fn has_alarm() -> bool {
    CLOCK.with_borrow(|clock| !clock.alarms.is_empty())
}

/// Rings the earliest alarm, at its time. False if there is none.
fn ring() -> bool {
    let due: Vec<u64> = CLOCK.with_borrow(|clock| {
        let earliest = clock.alarms.values().map(|(time, _)| *time).min();
        clock.alarms.iter().filter(|(_, (time, _))| Some(*time) == earliest).map(|(id, _)| *id).collect()
    });
    if due.is_empty() {
        return false;
    }
    let chosen = if due.len() == 1 { due[0] } else { due[thread_rng().gen_range(0..due.len())] };
    let waker = CLOCK.with_borrow_mut(|clock| {
        let (time, waker) = clock.alarms.remove(&chosen)?;
        clock.now = clock.now.max(time);
        Some(waker)
    });
    waker.into_iter().for_each(Waker::wake);
    true
}

/// One timer, with one waker: setting it replaces both. Dropping it clears it.
#[derive(Debug)]
pub struct Alarm(u64);

impl Alarm {
    #[expect(clippy::new_without_default, reason = "no two are equal")]
    pub fn new() -> Self {
        Self(CLOCK.with_borrow_mut(|clock| {
            clock.next_alarm += 1;
            clock.next_alarm
        }))
    }

    pub fn set(&self, time: Duration, waker: &Waker) {
        let replaced = CLOCK.with_borrow_mut(|clock| clock.alarms.insert(self.0, (time, waker.clone())));
        drop(replaced);
    }

    pub fn clear(&self) {
        // At the end of the system's thread there is no clock any more.
        let cleared = CLOCK.try_with(|clock| clock.borrow_mut().alarms.remove(&self.0));
        drop(cleared);
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `std::time::Instant` on the virtual clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

impl Instant {
    pub fn now() -> Self {
        Self(now())
    }

    pub fn elapsed(&self) -> Duration {
        now() - self.0
    }

    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub fn checked_add(&self, by: Duration) -> Option<Self> {
        self.0.checked_add(by).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0 + by)
    }
}
