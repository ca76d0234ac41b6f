//! What all clients share on the way to a server, as steps without I/O.

mod attempts;
mod back_off;
#[cfg_attr(not(test), expect(dead_code, reason = "no shell follows redirects yet"))]
mod redirects;
mod retry_after;
mod temporary;

pub(crate) use attempts::{Attempt, Attempts};
pub use back_off::{BackOff, Retries};
