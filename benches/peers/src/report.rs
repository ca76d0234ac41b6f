//! The tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::libraries::{CODEC, LIMIT, OURS};
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
        let base = row.task.base();
        let (ours, limit) = (time(OURS)?, time(base)?);
        let peers = times.iter().filter(|time| time.name != OURS && time.name != base);
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
        for base in [LIMIT, CODEC] {
            let rows: Vec<_> = self.rows.iter().filter(|(row, _)| row.task.base() == base).collect();
            if !rows.is_empty() {
                self.write_peers(&rows, base, &mut out).expect("a string takes everything");
            }
        }
        if !self.linear.is_empty() {
            self.write_linear(&mut out).expect("a string takes everything");
        }
        out
    }

    fn write_peers(&self, rows: &[&(Row, Vec<Time>)], base: &str, out: &mut String) -> std::fmt::Result {
        let Effort { rounds, turn } = self.effort;
        writeln!(
            out,
            "Nanoseconds per message: 10th percentile of {rounds} turns of {turn:?} CPU time each.\n"
        )?;
        let took_part = |name| rows.iter().any(|(_, times)| times.iter().any(|time| time.name == name));
        let libraries: Vec<_> = self.libraries.iter().filter(|library| took_part(library.name())).collect();
        let names: Vec<_> = libraries.iter().map(|library| library.name()).collect();
        write!(out, "| row |")?;
        names.iter().try_for_each(|name| write!(out, " {name} |"))?;
        write!(out, " {OURS} / best peer | {OURS} / {base} | bound | |")?;
        // The bounds of the other rows are set, not measured.
        let is_measured = base == LIMIT;
        writeln!(out, "{}", if is_measured { format!(" {base} here / there |") } else { String::new() })?;
        write!(out, "|---|{}---:|---:|---:|---|", "---:|".repeat(names.len()))?;
        writeln!(out, "{}", if is_measured { "---:|" } else { "" })?;
        for (row, times) in rows {
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
                if is_measured {
                    write!(out, " {:.2} |", verdict.limit / row.bound.limit)?;
                }
                writeln!(out)?;
            }
        }
        let verdicts = rows.iter().filter_map(|(row, times)| Verdict::of(row, times));
        let passed = verdicts.filter(Verdict::passes).count();
        let all = rows.len();
        writeln!(out, "\n{passed} of {all} rows within their bounds. The bound is a ratio to `{base}`.")?;
        if is_measured {
            write!(out, "The last column is the time of `{base}` here, relative to the machine where the")?;
            writeln!(out, " bounds were set.")?;
        }
        writeln!(out, "\n| library | what its numbers include |\n|---|---|")?;
        for library in libraries {
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
