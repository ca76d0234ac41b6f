//! Echo servers over loopback: the examples of this crate, the documented echo servers of other crates, and a loop that
//! only reads and writes back, which is the least possible work.
//!
//! ```text
//! cargo run --release --manifest-path benches/echo/Cargo.toml
//! cargo run --release --manifest-path benches/echo/Cargo.toml -- --cells "64 KiB;1 MiB" --servers embed,yawc
//! cargo run --release --manifest-path benches/echo/Cargo.toml -- --server before=old/embed --servers embed
//! cargo run --release --manifest-path benches/echo/Cargo.toml -- --idle 5000
//! cargo run --release --manifest-path benches/echo/Cargo.toml -- --cells hello --servers embed,echo_tokio --threads 2
//! ```
//!
//! Linux only. The program builds the examples in release mode, starts all servers on one core and loads them from another
//! core; with `--threads` the servers have all cores. The servers take short turns in random order, so that a disturbance of the machine affects all alike. Every byte
//! that comes back is compared with the bytes sent. The figures are medians over the turns. Compare only figures of one run.

mod cells;
mod load;
mod machine;
mod measure;
mod report;
mod running;
mod serve;
mod servers;
mod traffic;
#[path = "../../common/wire.rs"]
#[expect(dead_code, reason = "the other benchmarks use the rest of it")]
mod wire;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cells::Cell;
use machine::Cores;
use measure::Effort;
use report::Report;
use running::Running;
use servers::Choice;

type Outcome<T> = Result<T, Box<dyn Error>>;

const USAGE: &str = "\
Options:
  --cells TEXT[;TEXT…]        only cells whose names contain one of these, such as \"16 B, 1 connection\"
  --servers NAME[,NAME…]      only these servers, and raw
  --server NAME=PROGRAM       another server; PROGRAM --bind ADDRESS prints ws://ADDRESS/ in its first line
  --threads N[,N…]            each server also with so many threads, with a listener each; only those that can
  --examples DIRECTORY        the directory of the built examples, such as target/release
  --quick                     check what every server sends back, and measure roughly
  --idle N                    measure instead the memory of N idle connections
  --markdown FILE             also write the tables to FILE
  --json FILE                 write the numbers to FILE
  --help                      show this help
Or: serve NAME --bind ADDRESS [--threads N]  run one of the servers";

struct Options {
    cells: Vec<String>,
    choice: Choice,
    effort: Effort,
    idle: Option<usize>,
    markdown: Option<PathBuf>,
    json: Option<PathBuf>,
}

fn main() -> Outcome<()> {
    let mut arguments = lexopt::Parser::from_env();
    let Some(options) = options(&mut arguments)? else { return Ok(()) };
    let threads = options.choice.threads.iter().copied().max().unwrap_or(1);
    let servers = options.choice.servers()?;
    machine::raise_descriptors()?;
    let cores = Cores::of_this_machine(threads)?;
    cores.move_to_servers()?;
    let stopped = stopped()?;
    let running = servers.iter().map(Running::start).collect::<Outcome<Vec<_>>>()?;
    cores.move_to_load()?;

    let mut report = Report::new(servers, options.effort, &cores);
    if let Some(connections) = options.idle {
        report.idle = measure::idle(&running, connections)?;
    } else {
        let cells: Vec<Cell> = Cell::all().filter(|cell| wanted(&cell.name(), &options.cells)).collect();
        for cells in cells.chunk_by(|cell, other| cell.table() == other.table()) {
            eprintln!("{}", cells[0].table());
            let Some(rows) = measure::measure(cells, &running, options.effort, &stopped) else { break };
            report.cells.extend(cells.iter().copied().zip(rows));
        }
    }
    let markdown = report.markdown();
    print!("{markdown}");
    if let Some(file) = options.markdown {
        fs::write(file, markdown)?;
    }
    if let Some(file) = options.json {
        fs::write(file, report.json())?;
    }
    match report.failures() {
        0 => Ok(()),
        failures => Err(format!("{failures} failed").into()),
    }
}

/// Set by Ctrl-C: the run ends with the results so far, and the servers end.
fn stopped() -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let stopped = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stopped);
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed))?;
    Ok(stopped)
}

fn wanted(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}

/// `None` if the help was shown.
fn options(arguments: &mut lexopt::Parser) -> Outcome<Option<Options>> {
    use lexopt::prelude::*;

    let mut options = Options {
        cells: Vec::new(),
        choice: Choice::default(),
        effort: Effort::FULL,
        idle: None,
        markdown: None,
        json: None,
    };
    while let Some(argument) = arguments.next()? {
        match argument {
            Value(word) if word == "serve" => {
                serve::run(arguments)?;
                return Ok(None);
            }
            Long("cells") => options.cells = list(arguments, ';')?,
            Long("servers") => options.choice.names = list(arguments, ',')?,
            Long("server") => options.choice.add(&arguments.value()?.string()?)?,
            Long("examples") => options.choice.examples = Some(arguments.value()?.into()),
            Long("threads") => {
                let counts = list(arguments, ',')?.into_iter();
                options.choice.threads = counts.map(|count| count.parse()).collect::<Result<_, _>>()?;
            }
            Long("quick") => options.effort = Effort::QUICK,
            Long("idle") => options.idle = Some(arguments.value()?.parse()?),
            Long("markdown") => options.markdown = Some(arguments.value()?.into()),
            Long("json") => options.json = Some(arguments.value()?.into()),
            Long("help") => {
                println!("{USAGE}");
                return Ok(None);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(Some(options))
}

fn list(arguments: &mut lexopt::Parser, separator: char) -> Result<Vec<String>, lexopt::Error> {
    use lexopt::ValueExt;

    Ok(arguments.value()?.string()?.split(separator).map(str::to_owned).collect())
}
