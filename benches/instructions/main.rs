//! The number of instructions per small message. A busy machine does not change it, and a change of a few nanoseconds
//! shows in it. `benches/instructions/run` counts under Valgrind and compares with `baseline.txt`;
//! `benches/instructions/run --write` renews the baseline. Without `--count` or `--write` the rows run once, uncounted.

#[path = "../common/agreed.rs"]
mod agreed;
#[path = "../common/mod.rs"]
mod common;
mod compressed;
mod count;
mod rows;
mod shells;
#[path = "../common/trades.rs"]
mod trades;

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
        let row = rows::all().into_iter().find(|row| row.name == name);
        let mut row = row.expect("a row of that name").make();
        row.run();
        count::measured(&mut row);
        return ExitCode::SUCCESS;
    }
    if options.count || options.write {
        return count::all(options.write);
    }
    for row in rows::all() {
        row.make().run();
    }
    println!("{} rows run, nothing counted", rows::all().len());
    ExitCode::SUCCESS
}
