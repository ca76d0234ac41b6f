//! WebSocket (RFC 6455) as a value that does no I/O, and thin shells over it.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "std")]
pub mod blocking;
mod buffer;
mod config;
mod connection;
mod error;
pub mod frame;
pub mod handshake;
mod message;
mod queue;
mod role;
mod utf8;

pub use buffer::Buffer;
pub use bytes::Bytes;
pub use bytestring::ByteString;
pub use config::Config;
pub use connection::{CloseInfo, Connection, Event, Fin, Found, Output, Piece, State};
pub use error::{Error, HandshakeError, ProtocolError, Refusal, SendError};
pub use frame::{CloseCode, CloseFrame, Limits};
pub use message::{Message, Prepared};
pub use role::Role;
