//! What all clients share on the way to a server, as steps without I/O.

mod attempts;

pub(crate) use attempts::{Attempt, Attempts};
