//! Prints `docs/differential.md`, or with `survey` the differences that it does not contain:
//! `cargo run --release [-- survey [CASES]]`. The other words are for `compressed/run`.

use std::process::ExitCode;

use sansocket::Role;
use sansocket_differential::compressed::{Agreed, faults, lines, messages};
use sansocket_differential::wire::LARGE;
use sansocket_differential::{document, survey};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match (&arguments[..], arguments.get(1).map_or(Ok(20_000), |count| count.parse())) {
        ([], _) => print!("{}", document::text()),
        (["survey"] | ["survey", _], Ok(count)) => survey::print(count),
        (["faults"], _) => faults::ROWS.iter().for_each(|row| {
            println!("{}", lines::line(row.agreed, row.limit, &row.wire(Role::Client)));
        }),
        (["messages"], _) => Agreed::all().for_each(|agreed| {
            let (wire, _) = messages::by_ours(Role::Server, agreed);
            println!("{}", lines::line(agreed, LARGE, &wire));
        }),
        (["read"], _) => lines::read(std::io::stdin().lock()),
        (["column", name], _) => lines::column(name),
        (["verdicts", name], _) => lines::verdicts(name),
        _ => {
            eprintln!(
                "usage: sansocket-differential [survey [CASES] | faults | messages | read | column NAME | verdicts NAME]"
            );
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
