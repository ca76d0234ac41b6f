//! The tasks that wait on one connection.

use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use crate::sync::{Mutex, MutexGuard};

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// For something to arrive, or for the end of the connection.
    Reading,
    /// For the stream to take what is queued.
    Writing,
}

/// The tasks that wait on one connection.
///
/// A stream remembers one waker for reading and one for writing, a timer remembers one. All of them are given the waker
/// that this makes, which wakes every task that waits. So no task can replace the waker of another, and a task that is
/// dropped takes no wake-up with it. A task that has been woken and still has to wait registers again.
///
/// A poll that succeeds may make a stream or a timer forget that waker, so the task that has polled wakes the others. It also
/// wakes itself if another of its futures may wait for the same.
#[derive(Default)]
pub(super) struct Tasks(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    first: Option<(For, Waker)>,
    others: Vec<(For, Waker)>,
}

/// Futures that were dropped leave their wakers behind. At this number all tasks are woken, and those that still wait
/// register again. The number, which is the capacity of `others`, doubles each time up to the next wake-up, so that any
/// number of tasks can wait.
const MOST: usize = 64;

impl Tasks {
    /// Registers a task. Gives the waker for streams and timers, and whether the task is new: no other of its futures waits
    /// for the same.
    pub(super) fn register(self: &Arc<Self>, waits_for: For, task: &Waker) -> (Waker, bool) {
        let mut waiting = self.lock();
        let is_new = !waiting.iter().any(|(of, known)| *of == waits_for && known.will_wake(task));
        if is_new {
            if waiting.first.is_none() {
                waiting.first = Some((waits_for, task.clone()));
            } else {
                waiting.others.push((waits_for, task.clone()));
            }
            let len = waiting.others.len();
            if len >= MOST && len == waiting.others.capacity() {
                let roomier = Waiting { first: None, others: Vec::with_capacity(2 * len) };
                wake_all(std::mem::replace(&mut *waiting, roomier), waiting);
            }
        }
        (Waker::from(Arc::clone(self)), is_new)
    }

    /// Wakes the tasks that wait for this. The one that is excepted stays registered.
    pub(super) fn wake(&self, waits_for: For, except: Option<&Waker>) {
        let mut waiting = self.lock();
        let is_woken = |(of, task): &(For, Waker)| {
            *of == waits_for && !except.is_some_and(|except| except.will_wake(task))
        };
        let first = waiting.first.take_if(|entry| is_woken(entry));
        if waiting.others.is_empty() {
            drop(waiting);
            if let Some((_, task)) = first {
                task.wake();
            }
            return;
        }
        let (woken, others) = std::mem::take(&mut waiting.others).into_iter().partition(is_woken);
        waiting.others = others;
        drop(waiting);
        let woken: Vec<_> = woken;
        first.into_iter().chain(woken).for_each(|(_, task)| task.wake());
    }

    /// Takes a task off the list: it does not wait any more.
    pub(super) fn forget(&self, waits_for: For, task: &Waker) {
        let mut waiting = self.lock();
        let is_it = |(of, known): &(For, Waker)| *of == waits_for && known.will_wake(task);
        let forgotten = waiting.first.take_if(|entry| is_it(entry));
        waiting.others.retain(|entry| !is_it(entry));
        drop(waiting);
        drop(forgotten);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn iter(&self) -> impl Iterator<Item = &(For, Waker)> {
        self.first.iter().chain(&self.others)
    }
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiting = self.lock();
        wake_all(std::mem::take(&mut *waiting), waiting);
    }
}

/// Wakes `tasks` once the lock is free.
fn wake_all(tasks: Waiting, lock: MutexGuard<'_, Waiting>) {
    drop(lock);
    tasks.first.into_iter().chain(tasks.others).for_each(|(_, task)| task.wake());
}
