//! Attacks that broke other implementations, tried on this one. `tests/attacks/attacks.md` lists them; a test names its rows
//! in a comment above it: `// attack: framing-2`. Many of these tests are elsewhere in `tests/`, beside similar ones.
//!
//! `cargo test --test requirements -- --nocapture attacks` prints the tests of each row.
//!
//! Bounds are counted, never timed: bytes allocated, bytes moved, reads and writes.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test panics if it meets something unexpected"
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
#[cfg(feature = "deflate")]
mod deflate;
mod framing;
mod growth;
mod instructions;
mod opening;
mod output;
mod proxy;
mod shells;
mod utf8;

use std::io::Read;

use sansocket::{Connection, ProtocolError};

/// Reads all of a stream as a shell does, up to an error. Counts the bytes that moved within the memory for reading.
fn receive(connection: &mut Connection, mut stream: impl Read) -> (usize, Option<ProtocolError>) {
    let mut moved = 0;
    loop {
        let (before, waiting) = (connection.unread().as_ptr(), connection.unread().len());
        if connection.read_from(&mut stream).unwrap() == 0 {
            return (moved, None);
        }
        if connection.unread().as_ptr() != before {
            moved += waiting;
        }
        loop {
            match connection.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return (moved, Some(error)),
            }
        }
    }
}

/// A stream that gives one byte per read.
struct ByteByByte<'a>(&'a [u8]);

impl Read for ByteByByte<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = to.len().min(1);
        self.0.read(&mut to[..most])
    }
}
