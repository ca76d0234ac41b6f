//! One world from its beginning to its end.

use std::fmt;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::counting::bytes_in_use;
use crate::executor::{Spawner, run};
use crate::journal::Journal;
use crate::network::Network;
use crate::program::Program;
use crate::properties;
use crate::random::Random;
use crate::record::Record;
use crate::watch::Watch;
use crate::world::World;

/// What has happened in one world or in several.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) worlds: usize,
    pub(crate) simulated: Duration,
    pub(crate) messages: usize,
    /// How many ends have ended in each way, in the order of [`Ended`](properties::Ended).
    pub(crate) ends: [usize; 4],
    /// The most bytes in use at once.
    pub(crate) peak: usize,
    pub(crate) digest: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.simulated += other.simulated;
        self.messages += other.messages;
        self.ends.iter_mut().zip(other.ends).for_each(|(all, more)| *all += more);
        self.peak = self.peak.max(other.peak);
        self.digest ^= other.digest;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [unopened, closed, lost, abandoned] = self.ends;
        write!(
            f,
            "{} worlds, {} simulated seconds, {} messages; ends: {closed} closed, {lost} lost, {unopened} not opened, \
            {abandoned} abandoned; at most {} bytes in use",
            self.worlds,
            self.simulated.as_secs(),
            self.messages,
            self.peak
        )
    }
}

/// Simulates the world of a seed, in a thread of its own: connections share memory with others of their thread, and the
/// allocator counts by thread. The error says what did not hold.
pub(crate) fn simulate(seed: u64, is_shown: bool) -> Result<Summary, String> {
    let world = thread::spawn(move || {
        let (mut summary, peak, _) = bytes_in_use(|| run_world(seed, is_shown));
        summary.0.peak = peak;
        properties::assert_memory(&summary.1, peak);
        summary.0
    });
    world.join().map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        format!("seed {seed}: {text}")
    })
}

fn run_world(seed: u64, is_shown: bool) -> (Summary, World) {
    let (clock, random) = (Clock::default(), Random::new(seed));
    let record = Record::new(&clock, is_shown);
    let world = World::draw(&random);
    record.tell("world", || format!("{world:#?}"));
    let network = Network::new(&clock, &random, &record, world.path.clone());
    for &(time, fault) in &world.faults {
        let network = network.clone();
        clock.at(time, move || network.suffer(fault));
    }

    let spawner = Spawner::default();
    let journals = [0, 1].map(|end| Journal::new(random.number(), world.plans[end].longest));
    let programs = [0, 1].map(|which| Program {
        which,
        plan: world.plans[which].clone(),
        clock: clock.clone(),
        random: random.clone(),
        network: network.clone(),
        record: record.clone(),
        spawner: spawner.clone(),
        watch: Watch::new(&clock, &network, which, &world.plans[which].config),
        outgoing: journals[which].clone(),
        incoming: journals[1 - which].clone(),
        outcome: Rc::default(),
    });
    programs.iter().for_each(|program| spawner.spawn(program.clone().run()));
    run(&spawner, &clock, &random, &record, |next| {
        let [client, server] = [0, 1].map(|end| &programs[end].watch);
        client.assert_in_time(next, server);
        server.assert_in_time(next, client);
        assert!(next <= world.last, "the connection has not ended");
    });

    let simulated = clock.now();
    clock.clear();
    let mut ends = [0; 4];
    for program in &programs {
        ends[properties::assert_end(&world, program) as usize] += 1;
    }
    let messages = journals.iter().map(Journal::arrived).sum();
    (Summary { worlds: 1, simulated, messages, ends, peak: 0, digest: record.digest() }, world)
}
