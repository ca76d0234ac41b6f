//! Servers under load and misbehaviour for hours. Their memory, descriptors, threads and CPU time have to stay flat.
//! Linux only, for its `/proc`. `tests/soak/run` starts it; [`kinds`] has what the clients do, [`rules`] what has to hold.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a task that panics fails the test")]

mod bytes;
mod kinds;
mod lag;
mod misbehave;
mod peer;
mod proc;
mod report;
mod rooms;
mod round;
mod rules;
mod site;
mod talk;
mod visit;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use proc::Usage;
use round::{Passed, Plan};
use rules::Round;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use site::{Name, Server};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What no busy machine explains: other bytes than were sent, another code than is right.
#[derive(Debug)]
pub(crate) struct Wrong(String);

impl std::error::Error for Wrong {}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn wrong(what: impl Into<String>) -> Outcome {
    Err(Wrong(what.into()).into())
}

/// After more faults, a server is not visited any longer.
const MOST_FAULTS: usize = 100;

#[derive(Debug, Parser)]
#[command(about = "Servers under load and misbehaviour for hours")]
struct Options {
    /// How long it takes; the round that has begun is finished
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Visits to each server in a round; some make several connections
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    connections: usize,
    /// How long clients come and go in a round
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    round: u64,
    /// The servers, all at the same time
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Name::ALL)]
    servers: Vec<Name>,
    /// Only visits of the kinds whose name has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// The choices of the clients
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where Cargo has put the servers
    #[arg(long, value_name = "DIRECTORY", default_value = "target/release")]
    programs: PathBuf,
}

/// A server with all its rounds.
struct Soaked {
    server: Server,
    before: Usage,
    rounds: Vec<Round>,
    /// How many things were wrong. Each has been told.
    faults: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    // The servers end with the future that has started them.
    let outcome = tokio::select! {
        outcome = run(&options) => outcome,
        _ = terminate.recv() => Err("terminated".into()),
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(faults) => {
            println!("{faults} FAULTS");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Gives the number of things that are not as they have to be.
async fn run(options: &Options) -> Outcome<usize> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?; // the servers inherit it
    println!("seed {}, {} visits in each round of {} s", options.seed, options.connections, options.round);
    println!("{}", report::HEADING);
    let until = Instant::now() + Duration::from_secs(60 * options.minutes);
    tokio::spawn(lag::watch());
    let mut tasks = JoinSet::new();
    for &name in &options.servers {
        let server = Server::start(name, &options.programs)?;
        let plan = Plan {
            seed: options.seed,
            time: Duration::from_secs(options.round),
            visits: options.connections,
            only: options.only.clone(),
        };
        tasks.spawn(soak(server, plan, until));
    }
    let mut all = Vec::new();
    while let Some(soaked) = tasks.join_next().await {
        all.push(soaked??);
    }
    all.sort_by_key(|soaked| soaked.server.site.name as u8);
    report::print(&all);
    Ok(all.iter().map(|soaked| soaked.faults).sum())
}

/// Round after round. Each has the same visits, at other times and with other messages.
async fn soak(server: Server, mut plan: Plan, until: Instant) -> Outcome<Soaked> {
    let before = Usage::of(server.pid())?;
    let mut soaked = Soaked { server, before, rounds: Vec::new(), faults: 0 };
    let (name, seed) = (soaked.server.site.name.as_str(), plan.seed);
    while Instant::now() < until {
        let number = soaked.rounds.len();
        plan.seed = seed.wrapping_add((number as u64) << 8);
        let Passed { round, faults } = round::pass(&mut soaked.server, &plan, &before).await?;
        println!("{}", report::line(name, number, &round));
        for fault in &faults {
            println!("FAULT: {name}, seed {seed}, round {number}: {fault}");
        }
        soaked.faults += faults.len();
        soaked.rounds.push(round);
        if soaked.faults > MOST_FAULTS {
            break;
        }
    }
    for fault in faults_of_all_rounds(&soaked, &plan) {
        println!("FAULT: {name}, seed {seed}: {fault}");
        soaked.faults += 1;
    }
    Ok(soaked)
}

/// Trends, and visits that did not take place as planned.
fn faults_of_all_rounds(soaked: &Soaked, plan: &Plan) -> Vec<String> {
    let site = &soaked.server.site;
    let mut faults = rules::trends(&soaked.rounds);
    let (passed, late) = site.counts.passed_and_late();
    faults.extend(rules::too_busy(passed, late));
    let unproved = plan.kinds(site).filter(|kind| site.counts.visits(kind.name) == 0);
    faults.extend(unproved.map(|kind| format!("none passed: {}", kind.name)));
    faults
}
