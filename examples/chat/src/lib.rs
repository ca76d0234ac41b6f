//! What a chat server needs beside its connections and rooms: the page, the messages, the IDs, the rules for requests and
//! the limits. A server with another design can use it, too.

pub mod id;
pub mod limits;
pub mod page;
pub mod request;
pub mod wire;
