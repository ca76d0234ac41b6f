//! The shells, polled from several tasks and used from several threads, in many schedules on a virtual clock.
//!
//! A scenario fails if it hangs (a deadlock that `shuttle` reports), if it spins ([`tasks::spawn`] counts the polls), and by
//! its own assertions. See README.md.

mod blocking;
mod deadlines;
mod dropped;
mod halves;
mod peer;
mod tasks;
mod whole;
mod wire;
