//! A client and a server of the async shell in a simulated world: no runtime, no sockets, no waiting.
//!
//! One seed makes a world: a network with its delay, its room and its faults, two programs with their configurations, and all
//! that is left to chance. So a seed that fails fails again:
//!
//! ```console
//! $ cargo test --all-features --test simulation                                   # 200 worlds        
//! $ SEEDS=0..100000 cargo test --all-features --release --test simulation         # more of them
//! $ SEED=1234 cargo test --all-features --test simulation -- --nocapture          # one, with all that happens
//! ```
//!
//! README.md of the tests says what holds in every world.

#![cfg(any(feature = "tokio", feature = "smol"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "an unexpected value ends the test"
)]

mod calls;
mod clock;
#[path = "../counting/mod.rs"]
mod counting;
mod executor;
mod journal;
mod network;
mod program;
mod properties;
mod random;
mod record;
mod simulate;
mod talk;
mod transport;
mod watch;
mod world;

use std::ops::Range;
use std::sync::Mutex;
use std::thread;

use simulate::{Summary, simulate};

/// How many worlds are simulated if the environment names none.
const WORLDS: u64 = 200;

/// The worlds that `SEEDS=from..to` or `SEED=one` asks for, and whether all that happens is shown.
fn seeds() -> (Range<u64>, bool) {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    if let Ok(seed) = std::env::var("SEED") {
        return (number(&seed)..number(&seed) + 1, true);
    }
    let range = std::env::var("SEEDS").ok();
    let range = range.as_deref().map(|range| range.split_once("..").expect("SEEDS=from..to"));
    (range.map_or(0..WORLDS, |(from, to)| number(from)..number(to)), false)
}

#[test]
fn all_that_is_sent_arrives_or_the_connection_ends_in_time_with_a_reason() {
    let (seeds, is_shown) = seeds();
    let (next, sum) = (Mutex::new(seeds.clone()), Mutex::new(Summary::default()));
    let failures = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let next_seed = || next.lock().unwrap().next();
                while let Some(seed) = next_seed() {
                    match simulate(seed, is_shown) {
                        Ok(summary) => sum.lock().unwrap().add(&summary),
                        Err(failure) => failures.lock().unwrap().push(failure),
                    }
                }
            });
        }
    });
    println!("seeds {seeds:?}: {}", sum.into_inner().unwrap());
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of the seeds {seeds:?} failed:\n{}\nOne alone: SEED=… cargo test --all-features --test simulation -- --nocapture",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn a_seed_makes_the_same_world_each_time() {
    for seed in 0..20 {
        assert_eq!(simulate(seed, false), simulate(seed, false), "seed {seed}");
    }
}
