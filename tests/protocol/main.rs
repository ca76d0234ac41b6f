//! The protocol from outside: tables of wire bytes in the order of RFC 6455.
//!
//! The frames of these tables are built by [`common`], which is written from the RFC and knows nothing of the crate's
//! own encoder.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that meets what it did not expect is to end there"
)]

mod common;

mod closing;
mod control;
mod faults;
mod frame_pairs;
mod frames;
mod handshake;
mod masking;
#[path = "../model/mod.rs"]
mod model;
mod output;
mod pieces;
mod properties;
mod reads;
mod receiving;
#[cfg(feature = "std")]
#[path = "../script/mod.rs"]
mod script;
mod seeds;
mod sending;
mod timers;
