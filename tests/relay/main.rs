//! The relay example as a process, between peers that look at every frame.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that meets what it did not expect is to end there"
)]

mod ending;
#[path = "../example_server/mod.rs"]
mod example_server;
mod opening;
mod passing;
mod peers;
mod volume;
