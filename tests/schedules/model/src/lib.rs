//! Threads, tasks, locks and time under the control of a scheduler.
//!
//! `shuttle` runs one thread or task at a time and switches at every lock. It has no time, so there is a clock here
//! ([`clock`]).

pub mod clock;
mod condvar;
mod explore;

pub use clock::Instant;
pub use condvar::Condvar;
pub use explore::{Time, explore, explore_in};
pub use shuttle;
pub use shuttle::sync::{Mutex, MutexGuard};
