//! `wss:` in every shell, with a throw-away CA.

#![cfg(all(feature = "tls-ring", feature = "tokio", feature = "smol"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "this is how a test fails"
)]

#[path = "../counting/mod.rs"]
mod counting;
#[path = "../throwaway/proxies.rs"]
mod proxies;
#[path = "../throwaway/servers.rs"]
mod servers;
#[path = "../throwaway/mod.rs"]
mod throwaway;

mod certificates;
mod closing;
mod deadline;
mod echo;
mod forged;
mod idle;
mod peers;
mod peers_that_break_tls;
mod pinning;
mod proxied;
mod session;
mod short_reads;
mod slow;
mod turns;
