//! The async shells: over streams that play a script, over runtimes, and under load.
//!
//! What does not depend on a runtime is tested once, over [`asynchronous::Io`], for each binding and for a third one with
//! a clock that the test sets.

#![cfg(any(feature = "tokio", feature = "futures-io"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that meets what it did not expect is to end there"
)]

mod bindings;
mod cancel;
mod load;
mod opening;
#[cfg(feature = "tokio")]
mod paused;
#[path = "../script/mod.rs"]
mod script;
mod session;
mod tasks;
mod timers;
