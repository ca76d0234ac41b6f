//! A round: clients come at all times, do what they do, and go. Then the server has to be as it was before.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::kinds::{self, Begins, Kind};
use crate::lag;
use crate::proc::Usage;
use crate::rules::Round;
use crate::site::{Server, Site};
use crate::visit::Visit;
use crate::{Outcome, Wrong};

/// The longest time that a visit may take after the round's time, and that everything may take to be freed.
const PATIENCE: Duration = Duration::from_secs(300);

/// The time between two looks at a server.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) time: Duration,
    /// How many visits each server has.
    pub(crate) visits: usize,
    /// Only these kinds have it in their name.
    pub(crate) only: String,
}

impl Plan {
    /// The kinds of visits that this server has.
    pub(crate) fn kinds(&self, site: &Site) -> impl Iterator<Item = &'static Kind> {
        kinds::ALL.iter().filter(|kind| kind.goes_to(site) && kind.name.contains(&self.only))
    }
}

/// What one server's round was, and what was wrong.
pub(crate) struct Passed {
    pub(crate) round: Round,
    pub(crate) faults: Vec<String>,
}

/// Visits a server for a round. `before` is what it used before the first round.
pub(crate) async fn pass(server: &mut Server, plan: &Plan, before: &Usage) -> Outcome<Passed> {
    let site = Arc::clone(&server.site);
    let begin = Usage::of(server.pid())?;
    let counts =
        || (site.counts.connections.load(Ordering::Relaxed), site.counts.messages.load(Ordering::Relaxed));
    let counted = counts();
    let mut visits = send_visitors(&site, plan);
    let mut faults = Vec::new();
    let mut peak = begin;
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = looks.tick() => {
                let usage = Usage::of(server.pid())?;
                peak.resident = peak.resident.max(usage.resident);
                peak.descriptors = peak.descriptors.max(usage.descriptors);
                peak.threads = peak.threads.max(usage.threads);
            }
            visit = visits.join_next() => match visit {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(fault))) => faults.push(fault),
                Some(Err(error)) => faults.push(error.to_string()),
                None => break,
            },
        }
    }
    let end = settled(server.pid(), before).await?;
    let resting = Instant::now();
    sleep(Duration::from_secs(1)).await;
    let rest = Usage::of(server.pid())?;
    let second = |time: Duration| time.div_f64(resting.elapsed().as_secs_f64());
    let (connections, messages) = counts();
    let round = Round {
        end: rest,
        peak,
        cpu: end.cpu.saturating_sub(begin.cpu),
        rest: second(rest.cpu.saturating_sub(end.cpu)),
        restless: second(rest.runnable.saturating_sub(end.runnable)),
        connections: connections - counted.0,
        messages: messages - counted.1,
    };
    faults.extend(round.faults(before));
    faults.extend(server.is_well().err().map(|error| error.to_string()));
    Ok(Passed { round, faults })
}

/// Starts all visits. Each waits for its time.
fn send_visitors(site: &Arc<Site>, plan: &Plan) -> JoinSet<Result<(), String>> {
    let mut rng = Rng::with_seed(plan.seed ^ site.name as u64);
    let begun = Instant::now();
    let until = begun + plan.time;
    let mut visits = JoinSet::new();
    for kind in plan.kinds(site) {
        for _ in 0..kind.count(plan.visits) {
            let part = match kind.begins {
                Begins::First => 0.25,
                Begins::Later => 0.85,
            };
            let at = begun + plan.time.mul_f64(rng.f64() * part);
            let visit = Visit {
                site: Arc::clone(site),
                rng: rng.fork(),
                target: site.target().into(),
                has_little_room: false,
                until,
            };
            visits.spawn(go(kind, at, visit));
        }
    }
    visits
}

async fn go(kind: &'static Kind, at: Instant, visit: Visit) -> Result<(), String> {
    let site = Arc::clone(&visit.site);
    sleep_until(at).await;
    let since = lag::Since::now();
    let deadline = visit.until.saturating_duration_since(Instant::now()) + PATIENCE;
    let (error, is_wrong) = match timeout(deadline, (kind.visit)(visit)).await {
        Ok(Ok(())) => {
            site.counts.visit(kind.name);
            return Ok(());
        }
        Ok(Err(error)) => (error.to_string(), error.is::<Wrong>()),
        Err(_) => ("hangs".into(), false),
    };
    let what = format!("{}: {error}", kind.name);
    if !is_wrong && since.is_too_late().await {
        site.counts.late.fetch_add(1, Ordering::Relaxed);
        println!("late: {}, {what}", site.name.as_str());
        return Ok(());
    }
    Err(what)
}

/// Waits until the server has freed all sockets and threads, or until there is no more patience.
async fn settled(pid: u32, before: &Usage) -> Outcome<Usage> {
    let begun = Instant::now();
    loop {
        let usage = Usage::of(pid)?;
        let is_settled = usage.descriptors == before.descriptors && usage.threads == before.threads;
        if is_settled || begun.elapsed() > PATIENCE {
            return Ok(usage);
        }
        sleep(Duration::from_millis(100)).await;
    }
}
