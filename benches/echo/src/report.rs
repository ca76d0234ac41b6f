//! The tables.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cells::{Cell, Mode};
use crate::machine::Cores;
use crate::measure::{Effort, Figures, Missing, Row};
use crate::servers::{FLOOR, Server};

/// The columns of a cell in its table.
const COLUMNS: usize = 7;

pub struct Report {
    pub cells: Vec<(Cell, Row)>,
    /// Bytes per connection, by server. Empty if not measured.
    pub idle: Vec<u64>,
    servers: Vec<Server>,
    heading: String,
}

impl Report {
    pub fn new(servers: Vec<Server>, effort: Effort, cores: &Cores) -> Self {
        let Effort { rounds, turn } = effort;
        let place = match (cores.servers.as_slice(), cores.load) {
            ([core], load) if *core == load => "servers and load on the only core there is".to_owned(),
            ([_], _) => "servers on one core, load on another".to_owned(),
            (all, load) if all.contains(&load) => {
                format!("servers on {} cores, load on one of these", all.len())
            }
            (all, _) => format!("servers on {} cores, load on another", all.len()),
        };
        let heading = format!(
            "Medians of {rounds} turns of {turn:?} each, in random order; {place}. CPU is what the server used for a\n\
             message, user and system; its user part is sampled. The time of a round trip is measured by the load, from the\n\
             first write to the last read: of one message, or of all that are in flight together. Compare only what is from\n\
             one run.\n"
        );
        Self { cells: Vec::new(), idle: Vec::new(), servers, heading }
    }

    pub fn failures(&self) -> usize {
        let results = self.cells.iter().flat_map(|(_, row)| row);
        results.filter(|result| matches!(result, Err(Missing::Failed(_)))).count()
    }

    pub fn markdown(&self) -> String {
        let mut out = String::new();
        self.write(&mut out).expect("a string takes everything");
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if self.idle.is_empty() {
            writeln!(out, "{}", self.heading)?;
        } else {
            writeln!(out, "| server | memory of an idle connection, bytes |\n|---|---:|")?;
            for (server, bytes) in self.servers.iter().zip(&self.idle) {
                writeln!(out, "| {} | {bytes} |", server.name)?;
            }
            writeln!(out)?;
        }
        if self.cells.len() > 1 {
            self.write_summary(out)?;
        }
        let mut cells = self.cells.iter().peekable();
        while let Some((cell, row)) = cells.next() {
            let mut columns = vec![(cell, row)];
            while let Some((other, row)) = cells.next_if(|(other, _)| other.table() == cell.table()) {
                columns.push((other, row));
            }
            self.write_table(out, &columns)?;
        }
        writeln!(out, "| server | what it is |\n|---|---|")?;
        for server in &self.servers {
            writeln!(out, "| {} | {} |", server.name, server.about)?;
        }
        Ok(())
    }

    /// The CPU time of every server in every cell, as a ratio.
    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "CPU for a message, in multiples of what `{FLOOR}` used:\n")?;
        let others = || self.servers.iter().enumerate().filter(|(_, server)| server.name != FLOOR);
        write!(out, "| messages | {FLOOR}, ns |")?;
        others().try_for_each(|(_, server)| write!(out, " {} |", server.name))?;
        writeln!(out, "\n|---|---:|{}", "---:|".repeat(others().count()))?;
        for (cell, row) in &self.cells {
            let floor = self.floor(row);
            let nanoseconds = floor.map_or("–".to_owned(), |floor| format!("{floor:.0}"));
            write!(out, "| {} | {nanoseconds} |", cell.name())?;
            for (index, _) in others() {
                let cpu = row[index].as_ref().ok().map(|figures| figures.cpu[1]);
                let ratio =
                    cpu.zip(floor).map_or("–".to_owned(), |(cpu, floor)| format!("{:.2}", cpu / floor));
                write!(out, " {ratio} |")?;
            }
            writeln!(out)?;
        }
        writeln!(out)
    }

    fn write_table(&self, out: &mut String, columns: &[(&Cell, &Row)]) -> std::fmt::Result {
        writeln!(out, "### {}\n", columns[0].0.table())?;
        let (mut names, mut line) = ("| server |".to_owned(), "|---|".to_owned());
        for (cell, _) in columns {
            let mode = match cell.mode {
                Mode::PingPong => "ping-pong".to_owned(),
                Mode::Pipelined => format!("{} in flight", cell.in_flight()),
            };
            write!(names, " {mode}: CPU ns | / {FLOOR} | user | messages/s | p50 µs | p99 µs | p99.9 µs |")?;
            line += &"---:|".repeat(COLUMNS);
        }
        writeln!(out, "{names}\n{line}")?;
        for (index, server) in self.servers.iter().enumerate() {
            write!(out, "| {} |", server.name)?;
            for (_, row) in columns {
                self.write_figures(out, &row[index], row)?;
            }
            writeln!(out)?;
        }
        writeln!(out)
    }

    fn write_figures(
        &self,
        out: &mut String,
        result: &Result<Figures, Missing>,
        row: &Row,
    ) -> std::fmt::Result {
        let figures = match result {
            Ok(figures) => figures,
            Err(Missing::TooLong) => return write!(out, "{}", " – |".repeat(COLUMNS)),
            Err(Missing::Failed(failure)) => return write!(out, " {failure} |{}", " |".repeat(COLUMNS - 1)),
        };
        let [_, cpu, _] = figures.cpu;
        let ratio = self.floor(row).map_or("–".to_owned(), |floor| format!("{:.2}", cpu / floor));
        let user = figures.user.map_or("–".to_owned(), |user| format!("{:.0} %", user * 100.0));
        write!(out, " {cpu:.0} | {ratio} | {user} | {:.0} |", figures.messages_a_second)?;
        figures.latencies.iter().try_for_each(|latency| match latency {
            Some(nanoseconds) => write!(out, " {:.0} |", nanoseconds / 1e3),
            None => write!(out, " – |"),
        })
    }

    /// The time of the least possible work in the same cell.
    fn floor(&self, row: &Row) -> Option<f64> {
        let place = self.servers.iter().position(|server| server.name == FLOOR)?;
        row.get(place)?.as_ref().ok().map(|figures| figures.cpu[1])
    }

    pub fn json(&self) -> String {
        let cells = self.cells.iter().map(|(cell, row)| {
            let results = self.servers.iter().zip(row).map(|(server, result)| json_of(server, result));
            json!({
                "name": cell.name(),
                "size": cell.payload.size(),
                "connections": cell.connections,
                "in_flight": cell.in_flight(),
                "servers": results.collect::<Vec<_>>(),
            })
        });
        let idle = self.servers.iter().zip(&self.idle);
        let idle = idle.map(|(server, bytes)| json!({ "name": server.name, "bytes": bytes }));
        let report = json!({ "cells": cells.collect::<Vec<_>>(), "idle": idle.collect::<Vec<_>>() });
        format!("{report:#}\n")
    }
}

fn json_of(server: &Server, result: &Result<Figures, Missing>) -> Value {
    match result {
        Err(Missing::TooLong) => json!({ "name": server.name, "longest": server.longest }),
        Err(Missing::Failed(failure)) => json!({ "name": server.name, "failure": failure }),
        Ok(figures @ Figures { latencies: [p50, p99, p999], .. }) => json!({
            "name": server.name,
            "cpu_nanoseconds": figures.cpu[1],
            "cpu_quartiles": [figures.cpu[0], figures.cpu[2]],
            "user_share": figures.user,
            "messages_a_second": figures.messages_a_second,
            "latency_nanoseconds": { "p50": p50, "p99": p99, "p99.9": p999 },
        }),
    }
}
