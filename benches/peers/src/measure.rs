//! The clock, and the turns of the libraries.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::check::check;
use crate::library::{Job, Library};
use crate::rows::Row;

/// How long a row is measured.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// The approximate CPU time of one turn.
    pub turn: Duration,
}

impl Effort {
    pub const FULL: Self = Self { rounds: 100, turn: Duration::from_millis(2) };
    pub const QUICK: Self = Self { rounds: 10, turn: Duration::from_micros(500) };

    pub fn is_quick(self) -> bool {
        self.rounds < Self::FULL.rounds
    }
}

/// The time of a library in a row, in nanoseconds per message: the 10th percentile over all rounds.
pub struct Time {
    pub name: &'static str,
    pub nanoseconds: f64,
}

struct Runner {
    name: &'static str,
    job: Box<dyn Job>,
    /// The number of messages in a turn.
    messages: u64,
    times: Vec<f64>,
}

/// The libraries take turns, in a new order each round, so that a disturbance of the machine affects all alike.
pub fn measure(row: &Row, libraries: &[Box<dyn Library>], effort: Effort) -> Vec<Time> {
    let mut runners: Vec<Runner> = Vec::new();
    for library in libraries {
        let Some(mut job) = row.task.job(&**library) else { continue };
        check(row, library.name(), &mut *job);
        let messages = messages_a_turn(&mut *job, row.task.unit(), effort.turn);
        runners.push(Runner { name: library.name(), job, messages, times: Vec::new() });
    }
    let mut order: Vec<usize> = (0..runners.len()).collect();
    for _ in 0..effort.rounds {
        fastrand::shuffle(&mut order);
        for &index in &order {
            let runner = &mut runners[index];
            let taken = cpu_time_of(|| runner.job.time(runner.messages));
            runner.times.push(taken.as_nanos() as f64 / runner.messages as f64);
        }
    }
    let percentile = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 10]
    };
    let times = runners.into_iter();
    times.map(|runner| Time { name: runner.name, nanoseconds: percentile(runner.times) }).collect()
}

/// A multiple of `unit`.
fn messages_a_turn(job: &mut dyn Job, unit: u64, turn: Duration) -> u64 {
    let mut messages = unit;
    loop {
        let taken = cpu_time_of(|| job.time(messages));
        if taken * 4 >= turn {
            let turns = turn.as_secs_f64() / taken.as_secs_f64().max(1e-9);
            return ((messages as f64 * turns) as u64).max(1).next_multiple_of(unit);
        }
        messages *= 2;
    }
}

pub fn cpu_time_of(work: impl FnOnce()) -> Duration {
    let start = cpu_time();
    work();
    cpu_time() - start
}

/// The CPU time of this thread, without other processes and without waiting.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}
