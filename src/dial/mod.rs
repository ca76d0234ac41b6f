//! What all clients share on the way to a server, as steps without I/O.

mod attempts;
mod back_off;
mod bypass;
mod connector;
#[cfg(fuzzing)]
pub mod fuzzing;
mod proxy;
mod redirects;
mod retry_after;
#[cfg(feature = "local-address")]
mod socket;
mod temporary;
mod update;

pub(crate) use attempts::{Attempt, Attempts};
pub use back_off::{BackOff, Retries};
pub use connector::{Connector, Families};
pub(crate) use connector::{TlsConfig, Way};
pub use proxy::Proxy;
#[cfg(feature = "local-address")]
pub(crate) use socket::bound;
pub(crate) use update::after;
pub use update::{Ending, Update};
