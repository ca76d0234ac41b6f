//! A condition variable with time limits, which `shuttle`'s does not have.

use std::sync::{Arc, LockResult, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use shuttle::sync::MutexGuard;

use crate::clock::{Alarm, now};

/// `std::sync::Condvar` on the virtual clock. Each wait has a condition variable of its own, which the clock notifies, too.
#[derive(Default)]
pub struct Condvar {
    waits: std::sync::Mutex<Vec<Arc<Wait>>>,
}

#[derive(Default)]
struct Wait(shuttle::sync::Condvar);

impl Wake for Wait {
    fn wake(self: Arc<Self>) {
        self.0.notify_all();
    }
}

impl Condvar {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard, None)
    }

    /// As the standard library's. The second value: whether the time limit has passed.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let time = now() + limit;
        match self.wait_until(guard, Some(time)) {
            Ok(guard) => Ok((guard, time <= now())),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), time <= now()))),
        }
    }

    fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        time: Option<Duration>,
    ) -> LockResult<MutexGuard<'a, T>> {
        let wait = Arc::new(Wait::default());
        self.waits.lock().unwrap().push(Arc::clone(&wait));
        let alarm = Alarm::new();
        if let Some(time) = time {
            alarm.set(time, &Waker::from(Arc::clone(&wait)));
        }
        let guard = wait.0.wait(guard);
        self.waits.lock().unwrap().retain(|other| !Arc::ptr_eq(other, &wait));
        guard
    }

    pub fn notify_all(&self) {
        let waits = self.waits.lock().unwrap().clone();
        waits.iter().for_each(|wait| wait.0.notify_all());
    }
}
