//! The table as Markdown.

use std::fmt::Write;

use sansocket::Role;

use crate::compressed;
use crate::compressed::faults::ROWS;
use crate::offers::{OFFERS, OTHERS, Offer};
use crate::peers::ALL;
use crate::table::heads::{Row, Verdict, rows};
use crate::table::{Right, entries};

const LOCK: &str = include_str!("../Cargo.lock");

const INTRODUCTION: &str = "# Where other crates differ

This page compares this crate with four others: the same bytes, in both roles, in memory. Property tests generate
conversations and heads of opening handshakes, most of them with a fault. They compare what each library gives to its
caller, how it reports the end of the connection, and what it writes. All libraries have the same limits and are driven as
their documentation shows. The tests fail if there is a difference that is not on this page, or if one on this page is gone.
[`tests/differential/`](../tests/differential) has the details; `cargo run --release` there prints this page.

";

const OFFERS_HEADING: &str = "
## Offers of compression, to a server

This table has the answers of servers that allow everything: the parameters of the response to an offer (RFC 7692 section
7.1). If a parameter is unknown, repeated or has an invalid value, \"A server MUST decline an extension negotiation offer\"
(section 7). Then the server takes the next offer, or goes on without the extension. The tests run sockudo-ws and yawc;
`tests/differential/offers` has the scripts for ws and websockets.

";

const COMPRESSED_HEADING: &str = "
## Compressed messages

The four libraries in the table read the messages that this crate compresses, and this crate reads theirs, byte for byte. The
messages are empty, of one byte, text, noise, and repetitions up to 1 MiB. They are sent whole and in fragments, with
takeover and without, with windows of 9 to 15 bits. The tests run the Rust crates in both roles.
`tests/differential/compressed/run` runs ws and websockets as clients that read and as servers that send, and compares their
columns of the table. There is one exception: with takeover, yawc does not return when it sends an empty message after
another one.

The table has compressed data that is unusual or has a fault. A cell has the messages that are given out, and whether the
endpoint then fails the connection, with the code of its Close frame if it writes one. Unless a row says otherwise, no
takeover was agreed on, and the window is 32 KiB. The compressed bytes are in `tests/differential/src/compressed/faults.rs`.
The tests run the protocol of sockudo-ws without a stream, so it writes no Close frame after an error. If the data ends in
the middle of a block, the other libraries give out the bytes inflated so far. All except sockudo-ws ignore what follows a
block with BFINAL. So a program can get a message that differs from the one that was sent. This crate fails the connection if
a block is not complete, and goes on after a block with BFINAL. Its verdict does not depend on where a read ends.

";

/// The text of `docs/differential.md`.
pub fn text() -> String {
    let mut text = INTRODUCTION.to_owned();
    table(
        &mut text,
        &["peer", "version"],
        ALL.iter().map(|peer| vec![peer.name().into(), version(peer.name())]),
    );
    text.push_str(
        "\nThe last column says which behaviour the RFC supports: ours (us), theirs (them), or either.\n",
    );
    text.push_str("\n## Receiving\n\n");
    let receiving = entries().map(|entry| {
        vec![
            who(entry.peers),
            entry.does.into(),
            entry.ours.into(),
            entry.clause.into(),
            supports(entry.right),
        ]
    });
    table(&mut text, &["who", "does what", "this crate", "clause", "supports"], receiving);
    for (role, heading) in [(Role::Server, "Requests, to a server"), (Role::Client, "Responses, to a client")]
    {
        _ = write!(text, "\n## {heading}\n\n");
        let mut differ = Vec::<Vec<String>>::new();
        for row in rows(role).filter(|row| !row.otherwise.is_empty()).map(cells) {
            match differ.iter_mut().find(|known| known[1..] == row[1..]) {
                Some(same) => same[0] += &format!(";<br>{}", row[0]),
                None => differ.push(row),
            }
        }
        table(&mut text, &["with", "this crate", "who differs", "clause", "supports"], differ.into_iter());
    }
    text.push_str(OFFERS_HEADING);
    let mut head = vec!["offer", "this crate"];
    head.extend(OTHERS);
    table(&mut text, &head, OFFERS.iter().map(answers));
    text.push_str(COMPRESSED_HEADING);
    let mut head = vec!["a message with", "this crate"];
    head.extend(OTHERS);
    head.extend(["clause", "supports"]);
    table(&mut text, &head, ROWS.iter().map(verdicts));
    text
}

fn verdicts(row: &compressed::faults::Row) -> Vec<String> {
    let mut cells = vec![row.with.to_owned(), without_hashes(row.ours)];
    let others = row.others();
    cells.extend(
        others.map(|verdict| if verdict == row.ours { "same".into() } else { without_hashes(verdict) }),
    );
    let differ = others.iter().any(|verdict| *verdict != row.ours);
    cells.extend([row.clause.into(), if differ { supports(row.right) } else { "all".into() }]);
    cells
}

/// "1000 bytes 0123abcd" is "1000 bytes" on the page.
fn without_hashes(verdict: &str) -> String {
    verdict.split_once(" bytes ").map_or(verdict.into(), |(len, _)| format!("{len} bytes"))
}

fn answers(row: &Offer) -> Vec<String> {
    let named = |params: &str| match params {
        "-" => "declines".into(),
        "400" => "refuses the request".into(),
        "" => "accepts".into(),
        params => format!("`{params}`"),
    };
    let theirs =
        row.others.iter().map(|params| if *params == row.ours { "same".into() } else { named(params) });
    [format!("`{}`", row.offer), named(row.ours)].into_iter().chain(theirs).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let ours = match row.ours {
        Verdict::Opens => "opens",
        Verdict::Refuses => "refuses",
    };
    vec![row.with.into(), ours.into(), who(row.otherwise), row.clause.into(), supports(row.right)]
}

fn who(peers: &[&str]) -> String {
    if peers.len() == ALL.len() { "all".into() } else { peers.join(", ") }
}

fn supports(right: Right) -> String {
    match right {
        Right::Ours => "us",
        Right::Theirs => "them",
        Right::Either => "either",
    }
    .into()
}

fn table(text: &mut String, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    _ = writeln!(text, "| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

/// The version of a peer, from the lock file.
fn version(name: &str) -> String {
    let named = format!("name = \"{name}\"\nversion = \"");
    let (_, behind) = LOCK.split_once(&named).expect("a dependency");
    behind.split('"').next().unwrap_or_default().into()
}
