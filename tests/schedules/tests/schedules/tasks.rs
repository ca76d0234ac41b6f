//! Tasks that are observed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use model::clock;
use model::shuttle::future::{self, JoinHandle};
use model::shuttle::rand::{Rng, thread_rng};

/// More polls than this of one task count as spinning. The scenarios need some hundred.
const MOST_POLLS: usize = 2000;

/// Spawns a task, and counts its polls.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Task<T> {
    let mut task = Box::pin(task);
    let mut polls = 0;
    Task(future::spawn(poll_fn(move |cx| {
        polls += 1;
        assert!(polls < MOST_POLLS, "a task spins at {:?}", clock::now());
        task.as_mut().poll(cx)
    })))
}

pub(crate) struct Task<T>(JoinHandle<T>);

impl<T> Task<T> {
    /// Waits for the end of the task, and gives its result.
    pub(crate) fn join(self) -> T {
        future::block_on(self.ended())
    }

    /// [`join`](Self::join) for a task.
    pub(crate) async fn ended(self) -> T {
        self.0.await.unwrap()
    }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One of two, by the scheduler's choice.
pub(crate) fn coin() -> bool {
    choice(2) == 0
}

/// A number below `n`, by the scheduler's choice.
pub(crate) fn choice(n: usize) -> usize {
    thread_rng().gen_range(0..n)
}

/// Polls futures made by `start` until one is ready. One that has to wait may be dropped and started again, at once or at the
/// next poll, up to `times` times.
pub(crate) async fn interrupted<T, F: Future<Output = T>>(
    mut times: usize,
    mut start: impl FnMut() -> F,
) -> T {
    loop {
        let mut future = pin!(start());
        let ended = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if times > 0 && coin() => {
                times -= 1;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        })
        .await;
        if let Some(value) = ended {
            return value;
        }
        if coin() {
            future::yield_now().await;
        }
    }
}

/// A value that several tasks poll, one at a time: a connection behind a lock.
pub(crate) struct Locked<T>(Arc<model::shuttle::sync::Mutex<T>>);

impl<T> Clone for Locked<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Unpin> Locked<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(model::shuttle::sync::Mutex::new(value)))
    }

    /// Waits by a poll function. The lock is held while that polls, and not while the task waits.
    pub(crate) async fn poll<R>(&self, mut poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<R>) -> R {
        poll_fn(|cx| poll(Pin::new(&mut *self.0.lock().unwrap()), cx)).await
    }
}

/// Polls a future at most `polls` times, then drops it.
pub(crate) async fn given_up<F: Future>(mut polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if polls <= 1 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            Poll::Pending
        }
    })
    .await
}
