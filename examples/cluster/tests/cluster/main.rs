//! The cluster example as one process in memory: all that the tests of `examples/chat` say of names, rooms and abuse holds
//! here, too. What several servers do together: `tests/cluster/run`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is how a test fails")]

#[path = "../../../chat/tests/chat/abuse.rs"]
mod abuse;
#[path = "../../../../tests/example_server/mod.rs"]
mod example_server;
#[path = "../../../chat/tests/chat/http.rs"]
mod http;
#[path = "../../../chat/tests/chat/names.rs"]
mod names;
mod resuming;
#[path = "../../../chat/tests/chat/rooms.rs"]
mod rooms;
#[path = "../../../chat/tests/chat/window.rs"]
mod window;

const CHAT: &str = env!("CARGO_BIN_EXE_cluster");

/// The fields of a chat message: those of the chat, and an ID.
const FIELDS: usize = 5;
