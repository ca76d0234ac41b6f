//! Connections that begin as requests of hyper and axum. Peers are hyper's own client and server, and scripts in h2.

#![cfg(feature = "axum")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an unexpected value ends the test"
)]

mod axum;
mod echo;
mod flow;
mod peers;
#[path = "../script/mod.rs"]
mod script;
mod scripted;
mod streams;
