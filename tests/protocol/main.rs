//! The protocol from outside: tables of wire bytes in the order of RFC 6455.
//!
//! The frames of these tables are built by the model, from the RFC, without the crate's own encoder.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test panics if it meets something unexpected"
)]

mod arrivals;
mod chunks;
mod closing;
mod common;
#[cfg(feature = "deflate")]
mod compressed;
mod control;
mod faults;
mod found;
mod frame_pairs;
mod frames;
mod handshake;
mod latency;
mod masking;
mod misuse;
#[path = "../model/mod.rs"]
mod model;
mod output;
mod properties;
mod reads;
mod receiving;
#[cfg(feature = "std")]
#[path = "../script/mod.rs"]
mod script;
mod seeds;
mod sending;
mod storage;
mod timers;
