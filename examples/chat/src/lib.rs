//! The parts of the chat that another server can use: page, messages, IDs, rules for requests, limits, options.

pub mod id;
pub mod limits;
pub mod names;
pub mod options;
pub mod page;
pub mod request;
pub mod wire;
