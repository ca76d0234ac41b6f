//! The chat example as a process, with this crate as its clients.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is how a test fails")]

mod abuse;
mod compressed;
#[path = "../../../../tests/example_server/compressed.rs"]
mod counted;
#[path = "../../../../tests/example_server/mod.rs"]
mod example_server;
mod http;
mod names;
mod process;
mod rooms;
mod window;

const CHAT: &str = env!("CARGO_BIN_EXE_chat");

/// The fields of a chat message.
const FIELDS: usize = 4;
