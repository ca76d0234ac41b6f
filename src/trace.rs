//! What the shells tell the `tracing` crate: a span for each connection, and events in it. Nothing without the feature.
//!
//! The shells call the same functions with and without the feature. `spans` has them for `tracing`, and `nothing` has them
//! empty. The core calls none of them.
//!
//! A span is entered for its events only, so none stays entered across an await. The async halves are polled
//! under their lock, so a subscriber must not use them. No other lock is held while a subscriber runs.

#[cfg(not(feature = "tracing"))]
mod nothing;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "tracing")]
mod text;

#[cfg(not(feature = "tracing"))]
pub(crate) use nothing::{End, Pauses, Trace, handle_timeout};
#[cfg(feature = "tracing")]
pub use spans::TARGET;
#[cfg(feature = "tracing")]
pub(crate) use spans::{End, Pauses, Trace, handle_timeout};
