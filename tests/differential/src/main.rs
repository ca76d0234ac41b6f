//! Prints `docs/differential.md`, or with `survey` the differences that it does not contain:
//! `cargo run --release [-- survey [CASES]]`.

use std::process::ExitCode;

use sansocket_differential::{document, survey};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match (&arguments[..], arguments.get(1).map_or(Ok(20_000), |count| count.parse())) {
        ([], _) => print!("{}", document::text()),
        (["survey"] | ["survey", _], Ok(count)) => survey::print(count),
        _ => {
            eprintln!("usage: sansocket-differential [survey [CASES]]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
