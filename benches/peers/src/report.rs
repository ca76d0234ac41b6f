//! The tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::libraries::{LIMIT, OURS};
use crate::library::Library;
use crate::linear;
use crate::measure::{Effort, Time};
use crate::rows::Row;

pub struct Report {
    pub libraries: Vec<Box<dyn Library>>,
    pub rows: Vec<(Row, Vec<Time>)>,
    pub linear: Vec<linear::Times>,
    effort: Effort,
}

/// The result of this crate in a row.
struct Verdict {
    ours: f64,
    limit: f64,
    /// The most time that this crate may take.
    bound: f64,
    /// The fastest other library and its time.
    best_peer: Option<(&'static str, f64)>,
}

impl Verdict {
    fn of(row: &Row, times: &[Time]) -> Option<Self> {
        let time = |name| times.iter().find(|time| time.name == name).map(|time| time.nanoseconds);
        let (ours, limit) = (time(OURS)?, time(LIMIT)?);
        let peers = times.iter().filter(|time| time.name != OURS && time.name != LIMIT);
        let best = peers.min_by(|a, b| a.nanoseconds.total_cmp(&b.nanoseconds));
        let best_peer = best.map(|time| (time.name, time.nanoseconds));
        Some(Self { ours, limit, bound: limit * row.bound.ratio(), best_peer })
    }

    fn passes(&self) -> bool {
        self.ours <= self.bound
    }
}

impl Report {
    pub fn new(libraries: Vec<Box<dyn Library>>, effort: Effort) -> Self {
        Self { libraries, rows: Vec::new(), linear: Vec::new(), effort }
    }

    pub fn markdown(&self) -> String {
        let mut out = String::new();
        if !self.rows.is_empty() {
            self.write_peers(&mut out).expect("a string takes everything");
        }
        if !self.linear.is_empty() {
            self.write_linear(&mut out).expect("a string takes everything");
        }
        out
    }

    fn write_peers(&self, out: &mut String) -> std::fmt::Result {
        let Effort { rounds, turn } = self.effort;
        writeln!(
            out,
            "Nanoseconds per message: 10th percentile of {rounds} turns of {turn:?} CPU time each.\n"
        )?;
        let names: Vec<_> = self.libraries.iter().map(|library| library.name()).collect();
        write!(out, "| row |")?;
        names.iter().try_for_each(|name| write!(out, " {name} |"))?;
        writeln!(out, " {OURS} / best peer | {OURS} / {LIMIT} | bound | | {LIMIT} here / there |")?;
        writeln!(out, "|---|{}---:|---:|---:|---|---:|", "---:|".repeat(names.len()))?;
        for (row, times) in &self.rows {
            write!(out, "| {} |", row.name)?;
            for name in &names {
                let time = times.iter().find(|time| time.name == *name);
                write!(out, " {} |", time.map_or("–".into(), |time| short(time.nanoseconds)))?;
            }
            if let Some(verdict) = Verdict::of(row, times) {
                match verdict.best_peer {
                    Some((name, best)) => write!(out, " {:.2} ({name}) |", verdict.ours / best)?,
                    None => write!(out, " – |")?,
                }
                let mark = if verdict.passes() { "pass" } else { "**miss**" };
                let (ratio, bound) = (verdict.ours / verdict.limit, row.bound.ratio());
                write!(out, " {ratio:.2} | {bound:.2} = {} ns | {mark} |", short(verdict.bound))?;
                writeln!(out, " {:.2} |", verdict.limit / row.bound.limit)?;
            }
        }
        let verdicts = self.rows.iter().filter_map(|(row, times)| Verdict::of(row, times));
        let passed = verdicts.filter(Verdict::passes).count();
        writeln!(
            out,
            "\n{passed} of {} rows within their bounds. The bound is a ratio to `{LIMIT}`. The last column is the",
            self.rows.len()
        )?;
        writeln!(out, "time of `{LIMIT}` here, relative to the machine where the bounds were set.\n")?;
        writeln!(out, "| library | what its numbers include |\n|---|---|")?;
        for library in &self.libraries {
            writeln!(out, "| {} | {} |", library.name(), library.includes())?;
        }
        writeln!(out)
    }

    fn write_linear(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{OURS} alone, limits raised, one message of each size: nanoseconds per byte.\n")?;
        write!(out, "| received |")?;
        linear::LENGTHS.iter().try_for_each(|len| write!(out, " {} |", crate::wire::size(*len)))?;
        writeln!(out, "\n|---|{}", "---:|".repeat(linear::LENGTHS.len()))?;
        for line in &self.linear {
            write!(out, "| {} |", line.name)?;
            for len in linear::LENGTHS {
                let time = line.times.iter().find(|(of, _)| *of == len);
                write!(out, " {} |", time.map_or("–".into(), |(_, time)| format!("{time:.3}")))?;
            }
            writeln!(out)?;
        }
        writeln!(out)
    }

    pub fn json(&self) -> String {
        let rows: Vec<Value> = self.rows.iter().map(|(row, times)| json_of(row, times)).collect();
        let linear = self.linear.iter().map(|line| {
            let times: BTreeMap<String, f64> =
                line.times.iter().map(|(len, time)| (len.to_string(), *time)).collect();
            json!({ "name": line.name, "nanoseconds_per_byte": times })
        });
        let linear: Vec<Value> = linear.collect();
        format!("{:#}\n", json!({ "rows": rows, "linear": linear }))
    }
}

fn json_of(row: &Row, times: &[Time]) -> Value {
    let all: BTreeMap<_, _> = times.iter().map(|time| (time.name, time.nanoseconds)).collect();
    let mut value = json!({ "name": row.name, "nanoseconds": all, "bound_to_limit": row.bound.ratio() });
    if let Some(verdict) = Verdict::of(row, times) {
        value["bound"] = json!(verdict.bound);
        value["passes"] = json!(verdict.passes());
        value["best_peer"] = json!(verdict.best_peer.map(|(name, _)| name));
    }
    value
}

fn short(nanoseconds: f64) -> String {
    if nanoseconds < 100.0 { format!("{nanoseconds:.1}") } else { format!("{nanoseconds:.0}") }
}
