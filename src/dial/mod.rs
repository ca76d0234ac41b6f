//! What all clients share on the way to a server, as steps without I/O.

mod attempts;
mod back_off;
mod connector;
mod redirects;
mod retry_after;
mod temporary;
mod update;

pub(crate) use attempts::{Attempt, Attempts};
pub use back_off::{BackOff, Retries};
pub(crate) use connector::TlsConfig;
pub use connector::{Connector, Families};
pub(crate) use update::after;
pub use update::{Ending, Update};
