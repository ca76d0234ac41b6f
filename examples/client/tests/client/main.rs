//! The client as a process, with this crate as its server.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is how a test fails")]

#[path = "../../../../tests/example_server/compressed.rs"]
mod counted;
mod deflate;
mod ending;
#[allow(dead_code, reason = "the servers of these tests are threads")]
#[path = "../../../../tests/example_server/mod.rs"]
mod example_server;
mod forms;
mod hints;
mod input;
mod listening;
mod output;
mod pipes;
mod process;
mod proxied;
#[path = "../../../../tests/throwaway/proxies.rs"]
mod proxies;
mod reconnecting;
mod redirects;
#[path = "../../../../tests/throwaway/servers.rs"]
mod servers;
#[path = "../../../../tests/throwaway/mod.rs"]
mod throwaway;
mod tls;
mod usage;

const CLIENT: &str = env!("CARGO_BIN_EXE_sansocket");
