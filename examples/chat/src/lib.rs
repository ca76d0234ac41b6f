//! The parts of the chat that another server can share: the page, the messages, the IDs, the rules for requests, and the
//! limits.

pub mod id;
pub mod limits;
pub mod page;
pub mod request;
pub mod wire;
