//! sansocket compared with other WebSocket crates: the same bytes through each, in one process and in memory.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --rows decode --libraries tungstenite
//! ```
//!
//! The profile `release` is Cargo's default: no link-time optimisation, no `target-cpu`. `--profile lto` instead of
//! `--release` measures with link-time optimisation. The libraries take turns of a
//! few milliseconds in random order. A time is the 10th percentile of the CPU time of this thread, in nanoseconds per
//! message. Before a library is measured, its output is checked. The bound of a row is a ratio to `limit`, which does
//! the least possible work in the same run.

mod check;
mod compressed;
mod libraries;
mod library;
mod linear;
mod measure;
mod report;
mod rows;
#[path = "../../common/trades.rs"]
mod trades;
mod transport;
#[path = "../../common/wire.rs"]
mod wire;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use library::Library;
use measure::{Effort, measure};
use report::Report;

const USAGE: &str = "\
Options:
  --rows TEXT[,TEXT…]         only rows whose names contain one of these
  --libraries NAME[,NAME…]    only these libraries, with sansocket and limit
  --quick                     check the output of every library, and measure roughly
  --markdown FILE             also write the tables to FILE
  --json FILE                 write the numbers to FILE
  --help                      show this help";

struct Options {
    rows: Vec<String>,
    libraries: Vec<String>,
    effort: Effort,
    markdown: Option<PathBuf>,
    json: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options()? else {
        println!("{USAGE}");
        return Ok(());
    };
    let mut report = Report::new(libraries(&options.libraries)?, options.effort);
    for row in rows::all() {
        if !wanted(&row.name, &options.rows) {
            continue;
        }
        eprintln!("{}", row.name);
        let times = measure(&row, &report.libraries, options.effort);
        report.rows.push((row, times));
    }
    for line in linear::all() {
        if wanted(line.name, &options.rows) {
            eprintln!("{}", line.name);
            report.linear.push(line.measure(options.effort));
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
    Ok(())
}

fn wanted(name: &str, filters: &[String]) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
}

/// The libraries that were asked for, and the two that the ratios need.
fn libraries(names: &[String]) -> Result<Vec<Box<dyn Library>>, String> {
    let mut all = libraries::all();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|library| library.name() == **name)) {
        return Err(format!("no library is called {unknown}"));
    }
    all.retain(|library| {
        let name = library.name();
        names.is_empty()
            || name == libraries::OURS
            || name == libraries::LIMIT
            || name == libraries::CODEC
            || names.iter().any(|n| n == name)
    });
    Ok(all)
}

fn options() -> Result<Option<Options>, Box<dyn Error>> {
    use lexopt::prelude::*;

    let mut options =
        Options { rows: Vec::new(), libraries: Vec::new(), effort: Effort::FULL, markdown: None, json: None };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rows") => options.rows = list(&mut arguments)?,
            Long("libraries") => options.libraries = list(&mut arguments)?,
            Long("quick") => options.effort = Effort::QUICK,
            Long("markdown") => options.markdown = Some(arguments.value()?.into()),
            Long("json") => options.json = Some(arguments.value()?.into()),
            Long("help") => return Ok(None),
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(Some(options))
}

fn list(arguments: &mut lexopt::Parser) -> Result<Vec<String>, lexopt::Error> {
    use lexopt::ValueExt;

    Ok(arguments.value()?.string()?.split(',').map(str::to_owned).collect())
}
