//! What all clients share on the way to a server, as steps without I/O.

mod attempts;
#[cfg_attr(not(test), expect(dead_code, reason = "no shell follows redirects yet"))]
mod redirects;

pub(crate) use attempts::{Attempt, Attempts};
