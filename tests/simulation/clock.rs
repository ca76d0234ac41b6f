//! Simulated time. It stands still while anybody has something to do, then goes to the next event.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

type Event = Box<dyn FnOnce()>;

/// When, and in which order of those at the same time.
type Key = (Duration, u64);

/// The clock of a world, with what will happen in it. Clones are the same clock.
#[derive(Clone, Default)]
pub(crate) struct Clock(Rc<RefCell<Agenda>>);

#[derive(Default)]
struct Agenda {
    now: Duration,
    events: BTreeMap<Key, Event>,
    events_made: u64,
}

impl Clock {
    pub(crate) fn now(&self) -> Duration {
        self.0.borrow().now
    }

    /// Puts an event on the agenda.
    pub(crate) fn at(&self, time: Duration, event: impl FnOnce() + 'static) -> Key {
        let mut agenda = self.0.borrow_mut();
        agenda.events_made += 1;
        let key = (time, agenda.events_made);
        agenda.events.insert(key, Box::new(event));
        key
    }

    fn cancel(&self, key: Key) {
        let cancelled = self.0.borrow_mut().events.remove(&key);
        drop(cancelled);
    }

    /// Time passes, and what is due has not happened yet.
    pub(crate) fn pass(&self, by: Duration) {
        self.0.borrow_mut().now += by;
    }

    /// Lets the first event happen that is due. False if there is none.
    pub(crate) fn settle(&self) -> bool {
        let now = self.now();
        self.happen(|time| time <= now)
    }

    /// When the next event is.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.0.borrow().events.first_key_value().map(|((time, _), _)| *time)
    }

    /// Goes to the next event.
    pub(crate) fn jump(&self) {
        self.happen(|_| true);
    }

    fn happen(&self, is_wanted: impl Fn(Duration) -> bool) -> bool {
        let mut agenda = self.0.borrow_mut();
        let Some((&key, _)) = agenda.events.first_key_value().filter(|((time, _), _)| is_wanted(*time))
        else {
            return false;
        };
        let event = agenda.events.remove(&key);
        agenda.now = agenda.now.max(key.0);
        drop(agenda);
        event.into_iter().for_each(|event| event());
        true
    }

    /// Forgets what was going to happen.
    pub(crate) fn clear(&self) {
        let forgotten = std::mem::take(&mut self.0.borrow_mut().events);
        drop(forgotten);
    }

    /// Waits for a point in time.
    pub(crate) async fn sleep_until(&self, time: Duration) {
        let mut timer = Timer::new(self);
        poll_fn(|cx| timer.poll(cx.waker(), time, Duration::ZERO)).await;
    }

    /// The result of a future, or `None` if it is not ready in time. It is dropped then.
    pub(crate) async fn within<F: Future>(&self, time: Duration, future: F) -> Option<F::Output> {
        let (mut future, mut timer) = (pin!(future), Timer::new(self));
        // At that time the future is not polled again: that would hide a wake-up that is missing.
        poll_fn(|cx| match timer.poll(cx.waker(), time, Duration::ZERO) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => future.as_mut().poll(cx).map(Some),
        })
        .await
    }
}

/// One timer with one waker: a poll replaces both.
pub(crate) struct Timer {
    clock: Clock,
    set: Option<Key>,
}

impl Timer {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), set: None }
    }

    /// Ready once that time has passed. The wake-up comes so much later.
    pub(crate) fn poll(&mut self, waker: &Waker, time: Duration, late: Duration) -> Poll<()> {
        self.clear();
        if time <= self.clock.now() {
            return Poll::Ready(());
        }
        let waker = waker.clone();
        self.set = Some(self.clock.at(time.saturating_add(late), move || waker.wake()));
        Poll::Pending
    }

    fn clear(&mut self) {
        self.set.take().into_iter().for_each(|key| self.clock.cancel(key));
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}
