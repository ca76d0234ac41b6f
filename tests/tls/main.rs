//! `wss:` in every shell, with a throw-away CA.

#![cfg(all(feature = "tls-ring", feature = "tokio", feature = "smol"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "this is how a test fails"
)]

#[path = "../throwaway/proxies.rs"]
mod proxies;
#[path = "../throwaway/mod.rs"]
mod throwaway;

mod certificates;
mod closing;
mod deadline;
mod echo;
mod peers;
mod pinning;
mod proxied;
mod session;
