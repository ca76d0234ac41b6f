//! The turns of the servers, and their results.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::Outcome;
use crate::cells::{Cell, Mode, Payload};
use crate::load::Load;
use crate::machine::Usage;
use crate::running::Running;
use crate::servers::Protocol;
use crate::traffic::Traffic;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub turn: Duration,
}

impl Effort {
    pub const FULL: Self = Self { rounds: 9, turn: Duration::from_millis(50) };
    pub const QUICK: Self = Self { rounds: 1, turn: Duration::from_millis(5) };

    /// The length of a turn in this cell.
    fn turn(self, cell: &Cell) -> Duration {
        self.turn * cell.turn_factor()
    }
}

/// The least number of samples for a meaningful share.
const ENOUGH_TICKS: u64 = 20;

/// The shares of batches that are back within the latencies of [`Figures`].
const LATENCIES: [f64; 3] = [0.5, 0.99, 0.999];

/// A server in a cell: medians over its turns, in nanoseconds.
pub struct Figures {
    /// CPU time of the server per message: quartiles over the turns.
    pub cpu: [f64; 3],
    /// The share of it in user space, from 0 to 1. `None` if there are too few samples.
    pub user: Option<f64>,
    pub messages_a_second: f64,
    /// The time of a batch, from its first write to the end of its echo: median, 99th and 99.9th percentile of a turn. `None`
    /// where a turn has too few batches.
    pub latencies: [Option<f64>; 3],
}

/// Why there are no figures.
#[derive(Clone)]
pub enum Missing {
    /// The server does not accept messages of this length.
    TooLong,
    Failed(String),
}

/// By server: the figures, or why there are none.
pub type Row = Vec<Result<Figures, Missing>>;

#[derive(Default)]
struct Turns {
    cpu: Vec<f64>,
    rates: Vec<f64>,
    latencies: [Vec<f64>; LATENCIES.len()],
    user_ticks: u64,
    system_ticks: u64,
    missing: Option<Missing>,
}

/// The servers take turns, in a new order each round. Each turn has new connections, and runs all modes of the cells on
/// them. The cells are those of one table. `None` if the run was stopped.
pub fn measure(
    cells: &[Cell],
    servers: &[Running],
    effort: Effort,
    stopped: &AtomicBool,
) -> Option<Vec<Row>> {
    let connections = cells.first().map_or(0, |cell| cell.connections);
    let traffics = Protocol::ALL
        .map(|protocol| cells.iter().map(|cell| Traffic::new(cell, protocol)).collect::<Vec<_>>());
    let mut order: Vec<usize> = (0..servers.len()).collect();
    let mut all: Vec<Vec<Turns>> =
        cells.iter().map(|_| servers.iter().map(|_| Turns::default()).collect()).collect();
    for _ in 0..effort.rounds {
        fastrand::shuffle(&mut order);
        for &index in &order {
            if stopped.load(Ordering::Relaxed) {
                return None;
            }
            let server = &servers[index];
            let mut load = Load::connect(server, connections).map_err(|error| error.to_string());
            let traffics = cells.iter().zip(&traffics[server.protocol as usize]);
            for (row, (cell, traffic)) in all.iter_mut().zip(traffics) {
                let turns = &mut row[index];
                if cell.payload.size() > server.longest {
                    turns.missing = Some(Missing::TooLong);
                    continue;
                }
                let result = match &mut load {
                    Ok(load) => {
                        let turn = effort.turn(cell);
                        turns.add(load, server, traffic, turn).map_err(|error| error.to_string())
                    }
                    Err(error) => Err(error.clone()),
                };
                if let Err(error) = result {
                    turns.missing.get_or_insert(Missing::Failed(error.clone()));
                    load = Err(error);
                }
            }
        }
    }
    Some(all.into_iter().map(|row| row.into_iter().map(Turns::figures).collect()).collect())
}

impl Turns {
    fn add(&mut self, load: &mut Load, server: &Running, traffic: &Traffic, turn: Duration) -> Outcome<()> {
        load.run(traffic, turn / 4)?; // to warm up
        let before = settled(server)?;
        let exchanged = load.run(traffic, turn)?;
        let used = settled(server)?.since(before);
        let messages = exchanged.messages as f64;
        self.cpu.push(used.cpu.as_nanos() as f64 / messages);
        self.rates.push(messages / exchanged.elapsed.as_secs_f64());
        self.user_ticks += used.user_ticks;
        self.system_ticks += used.system_ticks;
        let sorted = sorted(exchanged.latencies.iter().map(|time| time.as_nanos() as f64).collect());
        for (latencies, share) in self.latencies.iter_mut().zip(LATENCIES) {
            // At least one batch is slower.
            if sorted.len() as f64 * (1.0 - share) >= 1.0 {
                latencies.push(quantile(&sorted, share));
            }
        }
        Ok(())
    }

    fn figures(self) -> Result<Figures, Missing> {
        if let Some(missing) = self.missing {
            return Err(missing);
        }
        let count = self.cpu.len();
        let cpu = sorted(self.cpu);
        let ticks = self.user_ticks + self.system_ticks;
        let median = |values| quantile(&sorted(values), 0.5);
        Ok(Figures {
            cpu: [0.25, 0.5, 0.75].map(|share| quantile(&cpu, share)),
            user: (ticks >= ENOUGH_TICKS).then(|| self.user_ticks as f64 / ticks as f64),
            messages_a_second: median(self.rates),
            latencies: self.latencies.map(|turns| (turns.len() == count).then(|| median(turns))),
        })
    }
}

/// The usage of a server at rest. The numbers of a running process lag behind.
fn settled(server: &Running) -> Outcome<Usage> {
    thread::sleep(Duration::from_millis(1));
    Ok(server.usage()?)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// By server: resident memory in bytes per connection, after one echoed message on each.
pub fn idle(servers: &[Running], connections: usize) -> Outcome<Vec<u64>> {
    let cell = Cell { payload: Payload::Binary(16), connections, mode: Mode::PingPong };
    let mut all = Vec::new();
    for server in servers {
        let traffic = Traffic::new(&cell, server.protocol);
        let before = server.resident()?;
        let mut load = Load::connect(server, connections)?;
        load.run(&traffic, Duration::ZERO)?;
        all.push(server.resident()?.saturating_sub(before) / connections.max(1) as u64);
    }
    Ok(all)
}
