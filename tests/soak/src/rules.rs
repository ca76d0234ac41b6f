//! What has to hold at the end of each round, and over all rounds.

use std::time::Duration;

use crate::proc::Usage;

/// How much more memory a server may have in the last quarter of the rounds than in the second: a part of it, and some bytes.
const GROWTH: f64 = 0.05;
const MARGIN: f64 = (2 << 20) as f64;

/// How many times as much CPU time for a message it may take in the last quarter as in the second. Other work on the machine
/// makes a difference, too: it takes the caches.
const SLOWER: f64 = 2.0;

/// How much CPU time a server may take in a second without clients.
const REST: Duration = Duration::from_millis(100);

/// How long a server may run or wait for a processor in that second. On a busy machine, one that never rests takes little CPU
/// time: it waits.
const RESTLESS: Duration = Duration::from_millis(800);

/// With fewer rounds there is no trend.
pub(crate) const FEWEST: usize = 8;

/// What one server did in one round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    /// When all connections were gone.
    pub(crate) end: Usage,
    /// The most of each at a time.
    pub(crate) peak: Usage,
    /// The CPU time of the round.
    pub(crate) cpu: Duration,
    /// The CPU time of a second behind it.
    pub(crate) rest: Duration,
    /// How long it ran or waited for a processor in that second.
    pub(crate) restless: Duration,
    pub(crate) connections: u64,
    pub(crate) messages: u64,
}

impl Round {
    /// CPU time for a message, and its share of everything else, in seconds.
    pub(crate) fn cpu_per_message(&self) -> f64 {
        self.cpu.as_secs_f64() / self.messages.max(1) as f64
    }

    /// What is left behind, compared with what there was before the first round.
    pub(crate) fn faults(&self, before: &Usage) -> Vec<String> {
        let mut faults = Vec::new();
        if self.end.descriptors != before.descriptors {
            faults.push(format!(
                "{} descriptors, before all rounds {}",
                self.end.descriptors, before.descriptors
            ));
        }
        if self.end.threads != before.threads {
            faults.push(format!("{} threads, before all rounds {}", self.end.threads, before.threads));
        }
        if self.rest > REST {
            faults.push(format!("{:?} of CPU time in a second without clients", self.rest));
        }
        if self.restless > RESTLESS {
            faults.push(format!("{:?} not asleep in a second without clients", self.restless));
        }
        faults
    }
}

/// The medians of the second and the last quarter.
pub(crate) fn quarters(rounds: &[Round], value: impl Fn(&Round) -> f64) -> Option<(f64, f64)> {
    let quarter = rounds.len() / 4;
    let median = |rounds: &[Round]| {
        let mut values: Vec<f64> = rounds.iter().map(&value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some((median(rounds.get(quarter..2 * quarter)?)?, median(rounds.get(rounds.len() - quarter..)?)?))
}

/// What grows from round to round.
pub(crate) fn trends(rounds: &[Round]) -> Vec<String> {
    let mut trends = Vec::new();
    if rounds.len() < FEWEST {
        return trends;
    }
    if let Some((second, last)) = quarters(rounds, |round| round.end.resident as f64) {
        if last > second * (1.0 + GROWTH) + MARGIN {
            trends.push(format!("memory grows: {second} bytes in the second quarter, {last} in the last"));
        }
    }
    if let Some((second, last)) = quarters(rounds, Round::cpu_per_message) {
        if last > second * SLOWER {
            trends.push(format!(
                "CPU time grows: {second} s for a message in the second quarter, {last} in the last"
            ));
        }
    }
    trends
}

/// One visit in three may fail because the machine is busy with other work.
pub(crate) fn too_busy(passed: u64, late: u64) -> Option<String> {
    (late > (passed + late) / 3).then(|| {
        format!(
            "the machine was too busy: {late} visits failed that prove nothing, beside {passed} that passed"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(count: usize, resident: impl Fn(usize) -> u64, micros: impl Fn(usize) -> u64) -> Vec<Round> {
        let round = |i| Round {
            end: Usage { resident: resident(i), ..Usage::default() },
            cpu: Duration::from_micros(micros(i) * 1000),
            messages: 1000,
            ..Round::default()
        };
        (0..count).map(round).collect()
    }

    /// Half a kilobyte for each of a thousand connections a round.
    #[test]
    fn small_leak_is_a_trend() {
        let leak = rounds(40, |i| (20 << 20) + i as u64 * (512 << 10), |_| 50);
        assert!(trends(&leak)[0].starts_with("memory grows"));
        let slower = rounds(40, |_| 20 << 20, |i| 1 + i as u64);
        assert!(trends(&slower)[0].starts_with("CPU time grows"));
    }

    #[test]
    fn warm_up_and_noise_are_none() {
        let warm_up = |i| if i < 10 { (1 + i as u64) << 20 } else { 10 << 20 };
        assert_eq!(trends(&rounds(40, warm_up, |_| 50)), [""; 0]);
        let noise = |i| (20 << 20) + (i as u64 * 7919 % 13) * (64 << 10);
        assert_eq!(trends(&rounds(40, noise, |i| 50 + i as u64 * 7919 % 20)), [""; 0]);
    }

    #[test]
    fn busy_machine_is_no_excuse_for_all_visits() {
        assert!(too_busy(600, 300).is_none() && too_busy(599, 301).is_some());
    }

    #[test]
    fn what_is_left_behind_is_a_fault() {
        let before = Usage { descriptors: 10, threads: 3, ..Usage::default() };
        let round = Round { end: before, ..Round::default() };
        assert_eq!(round.faults(&before), [""; 0]);
        let one = Usage { descriptors: 11, threads: 4, ..before };
        let restless = Round { end: one, rest: 2 * REST, restless: 2 * RESTLESS, ..round };
        assert_eq!(restless.faults(&before).len(), 4);
    }
}
