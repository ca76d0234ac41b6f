//! Bytes to a client, for programs in other languages: a line for each connection, and a verdict for each line.
//!
//! A line is `TAKEOVER BITS LIMIT FRAMES`: 1 if messages may refer to earlier ones, else 0; the window; the longest message in
//! bytes; and hexadecimal digits.

use std::fmt::Write;
use std::io::BufRead;

use sansocket::Role;

use super::faults::ROWS;
use super::peers::ALL;
use super::{Agreed, Ours};
use crate::offers::OTHERS;

pub fn line(agreed: Agreed, limit: usize, wire: &[u8]) -> String {
    let mut line = format!("{} {} {limit} ", u8::from(agreed.takeover), agreed.window_bits);
    wire.iter().for_each(|byte| _ = write!(line, "{byte:02x}"));
    line
}

/// Prints the verdicts of this crate.
pub fn read(lines: impl BufRead) {
    for line in lines.lines() {
        let line = line.expect("a line of text");
        let [takeover, bits, limit, wire]: [&str; 4] =
            line.split(' ').collect::<Vec<_>>().try_into().expect("four words");
        let agreed = Agreed { takeover: takeover == "1", window_bits: bits.parse().expect("bits") };
        let digit = |digit: u8| (digit as char).to_digit(16).expect("a digit") as u8;
        let wire: Vec<u8> = wire.as_bytes().chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect();
        let mut ours = Ours::new(Role::Client, agreed, limit.parse().expect("a limit"));
        println!("{}", ours.receive(&wire, &[]));
    }
}

/// Prints the column of the table on faults that has this head, as the scripts print their verdicts.
pub fn column(name: &str) {
    let at = OTHERS.iter().position(|head| head.starts_with(name)).expect("a column");
    ROWS.iter().for_each(|row| println!("{}", row.others()[at]));
}

/// Prints the verdicts of a crate on faults.
pub fn verdicts(name: &str) {
    let peer = ALL.iter().find(|peer| peer.name() == name).expect("a crate");
    for row in ROWS {
        println!("{}", peer.receive(Role::Client, row.agreed, row.limit, &row.wire(Role::Client)));
    }
}
