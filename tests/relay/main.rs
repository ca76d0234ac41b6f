//! The relay example as a process, between peers that check every frame.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "this is how a test fails"
)]

mod compressed;
mod ending;
#[path = "../example_server/mod.rs"]
mod example_server;
mod opening;
mod passing;
mod peers;
#[path = "../throwaway/servers.rs"]
mod servers;
mod volume;
