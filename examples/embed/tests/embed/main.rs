//! The embed example as a process. Clients that keep the rules are connections of this crate, the others are bare
//! sockets.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is how a test fails")]

#[cfg(target_os = "linux")]
mod churn;
#[path = "../../../../tests/example_server/compressed.rs"]
mod compressed;
#[cfg(target_os = "linux")]
mod cut;
mod echo;
#[path = "../../../../tests/example_server/mod.rs"]
mod example_server;
#[cfg(target_os = "linux")]
mod idle;
mod peer;
#[cfg(target_os = "linux")]
mod pressure;
mod refused;
#[cfg(target_os = "linux")]
#[path = "../../../../tests/example_server/threads.rs"]
mod threads;
#[cfg(target_os = "linux")]
mod usage;

pub(crate) const EMBED: &str = env!("CARGO_BIN_EXE_embed");

#[cfg(target_os = "linux")]
#[test]
fn help_names_threads_and_0_threads_are_refused() {
    threads::help_names_the_option_and_0_is_refused(EMBED);
}

#[cfg(target_os = "linux")]
#[test]
fn two_threads_share_the_connections() {
    threads::two_threads_share_the_connections(EMBED);
}
