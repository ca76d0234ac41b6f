//! Running a scenario in many schedules.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, MaxSteps, Runner};

use crate::clock;

/// The first of the seeds. The environment variable `SHUTTLE_RANDOM_SEED` replaces all of them.
const SEED: u64 = 6455;

/// How often PCT takes the turn away from the thread with the highest priority, plus one.
const DEPTHS: [usize; 2] = [2, 4];

/// More switches than this in one schedule count as a loop without end.
const MOST_STEPS: usize = 100_000;

/// When the clock may move.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// When all threads wait. So nothing takes time, and deadlines are met exactly.
    Exact,
    /// At any switch. So a thread may take long between any two steps.
    Hasty,
}

/// Runs a scenario in exact time, in `schedules` random schedules, and in `schedules` of PCT (probabilistic concurrency testing: threads with
/// priorities that change a few times). Prints how many of them were different. The environment variable
/// `SCHEDULES` multiplies their number.
pub fn explore(name: &str, schedules: usize, scenario: impl Fn() + Copy + Send + Sync + 'static) {
    explore_in(Time::Exact, name, schedules, scenario);
}

/// [`explore`] in either time.
pub fn explore_in(
    time: Time,
    name: &str,
    schedules: usize,
    scenario: impl Fn() + Copy + Send + Sync + 'static,
) {
    let factor = std::env::var("SCHEDULES").map_or(1, |factor| factor.parse().expect("SCHEDULES: a number"));
    let schedules = schedules * factor;
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.max_steps = MaxSteps::FailAfter(MOST_STEPS);
    config.silence_warnings = true;
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let mut run = 0;
    let random = RandomScheduler::new_from_seed(SEED, schedules);
    run += Runner::new(Clocked::new(time, random, &seen), config.clone()).run(scenario);
    for depth in DEPTHS {
        let pct = PctScheduler::new_from_seed(SEED + depth as u64, depth, schedules / DEPTHS.len());
        run += Runner::new(Clocked::new(time, pct, &seen), config.clone()).run(scenario);
    }
    println!("{run} schedules, {} of them different: {name}", seen.lock().unwrap().len());
}

type Seen = Arc<Mutex<HashSet<u64>>>;

/// Decides when it is the turn of the clock.
struct Clocked<S> {
    time: Time,
    scheduler: S,
    /// All schedules so far, and this one.
    seen: Seen,
    current: Option<DefaultHasher>,
}

impl<S> Clocked<S> {
    fn new(time: Time, scheduler: S, seen: &Seen) -> Self {
        Self { time, scheduler, seen: Arc::clone(seen), current: None }
    }

    /// After the last schedule the scheduler is asked for one more, so this sees all of them.
    fn end_schedule(&mut self) {
        let schedule = self.current.take().map(|schedule| schedule.finish());
        self.seen.lock().unwrap().extend(schedule);
    }
}

impl<S: Scheduler> Scheduler for Clocked<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.end_schedule();
        self.scheduler.new_execution()
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        is_yielding: bool,
    ) -> Option<TaskId> {
        let is_clock = |task: &&Task| Some(usize::from(task.id())) == clock::thread();
        let others: Vec<&Task> = runnable.iter().copied().filter(|task| !is_clock(task)).collect();
        // Without an alarm the clock would end.
        let waits = self.time == Time::Exact || !clock::has_alarm();
        let choice = if waits && !others.is_empty() { &others } else { runnable };
        let chosen = self.scheduler.next_task(choice, current, is_yielding);
        chosen.map(usize::from).hash(self.current.get_or_insert_default());
        chosen
    }

    fn next_u64(&mut self) -> u64 {
        let number = self.scheduler.next_u64();
        number.hash(self.current.get_or_insert_default());
        number
    }
}
