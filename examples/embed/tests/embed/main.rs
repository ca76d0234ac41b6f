//! The embed example as a process, with this crate as its client where the client behaves, and bare sockets where it
//! does not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect is to end there"
)]

#[cfg(target_os = "linux")]
mod churn;
#[cfg(target_os = "linux")]
mod cut;
mod echo;
#[path = "../../../../tests/example_server/mod.rs"]
mod example_server;
mod peer;
#[cfg(target_os = "linux")]
mod pressure;
mod refused;
#[cfg(target_os = "linux")]
mod usage;

pub(crate) const EMBED: &str = env!("CARGO_BIN_EXE_embed");
