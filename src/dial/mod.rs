//! What all clients share on the way to a server, as steps without I/O.

mod attempts;
mod bypass;
mod proxy;

pub(crate) use attempts::{Attempt, Attempts};
pub use proxy::Proxy;
