//! The async shells: over scripted streams, over runtimes, and under load.
//!
//! Tests that need no runtime are written once over [`asynchronous::Transport`](sansocket::asynchronous::Transport). They
//! run for each binding and for a third transport on a clock that the test sets.

#![cfg(any(feature = "tokio", feature = "smol"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "an unexpected value ends the test"
)]

mod bindings;
mod cancel;
#[cfg(feature = "deflate")]
mod deflated;
mod halves;
mod latency;
mod load;
mod opening;
#[cfg(feature = "tokio")]
mod paused;
#[path = "../script/mod.rs"]
mod script;
mod session;
mod sinks;
mod tasks;
mod timers;
mod whole;
