//! What the rounds showed: a line for each, and tables at the end.

use std::sync::atomic::Ordering;

use crate::Soaked;
use crate::kinds;
use crate::rules::{Round, quarters};

pub(crate) const HEADING: &str = "server      round  connections  messages  CPU s  µs/message \
    | most: MiB  fds threads | left: MiB  fds threads";

/// A line on a round.
pub(crate) fn line(server: &str, number: usize, round: &Round) -> String {
    format!(
        "{server:11} {number:5} {:12} {:9} {:6.1} {:11.0} | {:9.1} {:4} {:7} | {:9.1} {:4} {:7}",
        round.connections,
        round.messages,
        round.cpu.as_secs_f64(),
        micros(round),
        mib(round.peak.resident),
        round.peak.descriptors,
        round.peak.threads,
        mib(round.end.resident),
        round.end.descriptors,
        round.end.threads,
    )
}

/// Tables and curves.
pub(crate) fn print(all: &[Soaked]) {
    println!("\n| | {} |", names(all));
    println!("|---|{}", "---:|".repeat(all.len()));
    row("rounds", all, |soaked| soaked.rounds.len().to_string());
    row("connections", all, |soaked| {
        soaked.server.site.counts.connections.load(Ordering::Relaxed).to_string()
    });
    row("messages checked", all, |soaked| {
        soaked.server.site.counts.messages.load(Ordering::Relaxed).to_string()
    });
    row("GiB of them", all, |soaked| {
        format!("{:.1}", mib(soaked.server.site.counts.bytes.load(Ordering::Relaxed)) / 1024.0)
    });
    row("most connections at a time", all, |soaked| {
        most(soaked, |round| round.peak.descriptors).saturating_sub(soaked.before.descriptors).to_string()
    });
    row("memory before, MiB", all, |soaked| format!("{:.1}", mib(soaked.before.resident)));
    row("most memory, MiB", all, |soaked| format!("{:.1}", mib(most(soaked, |round| round.peak.resident))));
    row("left after a round, MiB: first, second quarter, last quarter", all, |soaked| {
        let first = soaked.rounds.first().map_or(0.0, |round| mib(round.end.resident));
        compared(soaked, first, |round| mib(round.end.resident), 1)
    });
    row("descriptors before, after the last round", all, |soaked| {
        let last = soaked.rounds.last().map_or(0, |round| round.end.descriptors);
        format!("{}, {last}", soaked.before.descriptors)
    });
    row("threads before, after the last round", all, |soaked| {
        let last = soaked.rounds.last().map_or(0, |round| round.end.threads);
        format!("{}, {last}", soaked.before.threads)
    });
    row("µs of CPU for a message: first round, second quarter, last quarter", all, |soaked| {
        compared(soaked, soaked.rounds.first().map_or(0.0, micros), micros, 0)
    });
    row("visits that failed when the machine was too busy", all, |soaked| {
        soaked.server.site.counts.late.load(Ordering::Relaxed).to_string()
    });
    row("faults", all, |soaked| soaked.faults.to_string());

    println!("\n| visits | {} |", names(all));
    println!("|---|{}", "---:|".repeat(all.len()));
    for kind in &kinds::ALL {
        row(kind.name, all, |soaked| match soaked.server.site.counts.visits(kind.name) {
            0 if !kind.goes_to(&soaked.server.site) => String::new(),
            count => count.to_string(),
        });
    }

    println!("\nfrom round to round, from 0 up to the most:");
    for soaked in all {
        let name = soaked.server.site.name.as_str();
        println!("{name:11} memory left     {}", curve(soaked, |round| mib(round.end.resident)));
        println!("{name:11} most descriptors {}", curve(soaked, |round| round.peak.descriptors as f64));
        println!("{name:11} descriptors left {}", curve(soaked, |round| round.end.descriptors as f64));
        println!("{name:11} CPU for a message {}", curve(soaked, micros));
    }
}

fn row(what: &str, all: &[Soaked], cell: impl Fn(&Soaked) -> String) {
    let cells: Vec<String> = all.iter().map(cell).collect();
    println!("| {what} | {} |", cells.join(" | "));
}

fn names(all: &[Soaked]) -> String {
    let names: Vec<&str> = all.iter().map(|soaked| soaked.server.site.name.as_str()).collect();
    names.join(" | ")
}

fn most(soaked: &Soaked, value: impl Fn(&Round) -> u64) -> u64 {
    soaked.rounds.iter().map(value).max().unwrap_or_default()
}

fn compared(soaked: &Soaked, first: f64, value: impl Fn(&Round) -> f64, places: usize) -> String {
    let (second, last) = quarters(&soaked.rounds, value).unwrap_or_default();
    format!("{first:.places$}, {second:.places$}, {last:.places$}")
}

/// A block for each round, as high as its value.
fn curve(soaked: &Soaked, value: impl Fn(&Round) -> f64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values: Vec<f64> = soaked.rounds.iter().map(value).collect();
    let most = values.iter().copied().fold(0.0, f64::max);
    let block = |value: &f64| {
        let reaches = |i: usize| i as f64 <= value / most * (BLOCKS.len() - 1) as f64;
        (0..BLOCKS.len()).rfind(|i| reaches(*i)).map_or('▁', |i| BLOCKS[i])
    };
    format!("{} {most:.1}", values.iter().map(block).collect::<String>())
}

fn micros(round: &Round) -> f64 {
    round.cpu_per_message() * 1e6
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
