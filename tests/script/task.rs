//! A task without an executor: the test polls.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A task that counts how often it is woken.
#[derive(Default)]
pub(crate) struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Task {
    /// Whether the task was woken since the last call.
    pub(crate) fn is_woken(&self) -> bool {
        self.0.swap(0, Ordering::SeqCst) > 0
    }
}

/// Polls once in a task.
pub(crate) fn poll<F: Future + Unpin>(task: &Arc<Task>, future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(task))))
}

/// Runs one future as an executor does: polls it only when it is woken. Panics if it would sleep for ever.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let task = Arc::new(Task::default());
    for _ in 0..1_000_000 {
        if let Poll::Ready(output) = poll(&task, &mut future) {
            return output;
        }
        assert!(task.is_woken(), "the task would sleep for ever");
    }
    panic!("the task never sleeps");
}
