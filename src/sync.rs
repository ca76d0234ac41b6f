//! The locks, condition variables and clock that the shells use: those of the standard library.
//!
//! `tests/schedules` runs the shells in many schedules, on a clock of its own. It builds these sources with the `cfg`
//! `sansocket_schedules`, which replaces all of them by its models. No other build sets that.

#[cfg(sansocket_schedules)]
pub(crate) use model::{Condvar, Instant, Mutex, MutexGuard};
#[cfg(not(sansocket_schedules))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(sansocket_schedules))]
pub(crate) use std::time::Instant;
