//! Runs tasks without a runtime. A task is polled when it has been woken, and chance chooses which one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::clock::Clock;
use crate::random::Random;
use crate::record::Record;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// So many polls with nothing happening between them are an endless loop.
const MOST_POLLS: usize = 20_000;

/// Takes new tasks, from outside and from tasks.
#[derive(Clone, Default)]
pub(crate) struct Spawner(Rc<RefCell<Vec<Task>>>);

impl Spawner {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.borrow_mut().push(Box::pin(task));
    }
}

/// The tasks that have been woken. Wakers have to be `Sync`, so this is.
type Woken = Arc<Mutex<BTreeSet<usize>>>;

struct Alert {
    task: usize,
    woken: Woken,
}

impl Wake for Alert {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().insert(self.task);
    }
}

/// Runs all tasks to their end. Panics if one sleeps for ever or never sleeps. `idle` is called when all sleep, with the time
/// of the next event.
pub(crate) fn run(
    spawner: &Spawner,
    clock: &Clock,
    random: &Random,
    record: &Record,
    idle: impl Fn(Duration),
) {
    let mut tasks: Vec<Option<Task>> = Vec::new();
    let woken = Woken::default();
    let mut polls = 0;
    loop {
        for task in spawner.0.take() {
            woken.lock().unwrap().insert(tasks.len());
            tasks.push(Some(task));
        }
        while clock.settle() {}
        let awake: Vec<usize> = woken.lock().unwrap().iter().copied().collect();
        let asleep = tasks.iter().filter(|task| task.is_some()).count();
        if awake.is_empty() {
            polls = 0;
            if asleep == 0 {
                return;
            }
            let next = clock.next();
            idle(next.unwrap_or(Duration::MAX));
            assert!(next.is_some(), "{asleep} tasks would sleep for ever");
            clock.jump();
            continue;
        }
        polls += 1;
        assert!(polls < MOST_POLLS, "tasks never sleep");
        let chosen = random.pick(&awake);
        woken.lock().unwrap().remove(&chosen);
        poll(&mut tasks[chosen], Alert { task: chosen, woken: Arc::clone(&woken) });
        record.note("poll", chosen as u64);
        let others = random.among(0..=tasks.len() * 64);
        if others < tasks.len() {
            // A wake-up without a reason, which every executor may have.
            woken.lock().unwrap().insert(others);
        }
        // The polls take time, too.
        clock.pass(Duration::from_nanos(random.among(0..=3_000) as u64));
    }
}

fn poll(slot: &mut Option<Task>, alert: Alert) {
    let Some(task) = slot else { return };
    let waker = Waker::from(Arc::new(alert));
    if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
        *slot = None;
    }
}
