//! What the fuzz targets do with their inputs. Each target has one function here, and panics where an oracle disagrees.
//!
//! The oracle of most of them is the model in `tests/model`, which the property tests use as well.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/model/mod.rs"]
mod model;

mod codecs;
mod connection;
mod handshake;
mod input;
mod session;

pub use codecs::{Masking, close, extensions, frame_header, mask};
pub use connection::{connection, decoder};
pub use handshake::{client_handshake, server_handshake};
pub use input::Traffic;
pub use session::{Session, session};
