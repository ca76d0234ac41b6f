//! What broke other implementations, tried on this one. `tests/attacks/attacks.md` lists it all; a test names the rows that
//! it stands for in a comment above it: `// attack: framing-2`. Many are elsewhere in `tests/`, beside their like.
//!
//! `cargo test --test requirements -- --nocapture attacks` prints which tests stand for which row.
//!
//! Bounds are counted, never timed: bytes allocated, bytes moved, reads and writes made.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that meets what it did not expect is to end there"
)]

#[path = "../protocol/common.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod common;
#[path = "../counting/mod.rs"]
mod counting;
#[path = "../model/mod.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod model;
#[path = "../script/mod.rs"]
mod script;
#[path = "../protocol/seeds.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod seeds;

mod closing;
mod framing;
mod growth;
mod instructions;
mod opening;
mod output;
mod shells;
mod utf8;

use std::io::Read;

use sansocket::{Buffer, Connection, ProtocolError};

/// Reads all of a stream as a shell does, up to an error, and counts the bytes that moved inside of the buffer although
/// nobody had asked for them.
fn receive(
    connection: &mut Connection,
    input: &mut Buffer,
    mut stream: impl Read,
) -> (usize, Option<ProtocolError>) {
    let mut moved = 0;
    loop {
        let (before, waiting) = (input.unread().as_ptr(), input.unread().len());
        if input.read_from(&mut stream).unwrap() == 0 {
            return (moved, None);
        }
        if input.unread().as_ptr() != before {
            moved += waiting;
        }
        loop {
            match connection.next_event(input) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return (moved, Some(error)),
            }
        }
    }
}

/// A stream that gives a byte for each read.
struct ByteByByte<'a>(&'a [u8]);

impl Read for ByteByByte<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = to.len().min(1);
        self.0.read(&mut to[..most])
    }
}
