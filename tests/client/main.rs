//! The client example as a process, with this crate as its server.

#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is how a test fails")]

mod autobahn;
#[cfg(feature = "deflate")]
#[path = "../example_server/compressed.rs"]
mod counted;
#[cfg(feature = "deflate")]
mod deflate;
mod ending;
#[path = "../example_server/mod.rs"]
mod example_server;
mod input;
mod output;
mod process;
