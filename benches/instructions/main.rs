//! How many instructions a small message takes: what a busy machine does not disturb, and what a change of a few
//! nanoseconds shows in. `benches/instructions/run` counts them under Valgrind and compares them with the baseline beside
//! it; `benches/instructions/run --write` renews the baseline. Where no counting is asked for, the rows are only run.

#[path = "../common/mod.rs"]
mod common;
mod count;
mod rows;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
struct Options {
    /// Count, and compare with the baseline
    #[arg(long)]
    count: bool,
    /// Count, and make that the baseline
    #[arg(long)]
    write: bool,
    /// Run one row, for the counter
    #[arg(long, hide = true)]
    row: Option<String>,
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, hide = true)]
    test: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(name) = options.row {
        let mut rows = rows::all();
        let row = rows.iter_mut().find(|row| row.name == name).expect("a row of that name");
        row.run();
        count::measured(row);
        return ExitCode::SUCCESS;
    }
    if options.count || options.write {
        return count::all(options.write);
    }
    for mut row in rows::all() {
        row.run();
    }
    println!("{} rows run, nothing counted", rows::all().len());
    ExitCode::SUCCESS
}
