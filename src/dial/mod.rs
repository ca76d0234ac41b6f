//! What all clients share on the way to a server, as steps without I/O.

mod attempts;
mod connector;

pub(crate) use attempts::{Attempt, Attempts};
pub(crate) use connector::TlsConfig;
pub use connector::{Connector, Families};
