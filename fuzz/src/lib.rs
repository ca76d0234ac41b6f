//! The bodies of the fuzz targets. Each target has one function here, which panics if an oracle disagrees.
//!
//! The oracle of most targets is the model in `tests/model`, which the property tests also use.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../../tests/throwaway/mod.rs"]
mod throwaway;

mod byte_streams;
mod codecs;
mod connection;
mod dates;
mod deflate;
mod handshake;
mod http;
mod input;
mod proxies;
mod redirects;
mod refusals;
mod session;
mod settings;
mod tls;
mod urls;

pub use byte_streams::byte_streams;
pub use codecs::{Masking, close, extensions, frame_header, mask};
pub use connection::{connection, decoder};
pub use deflate::{DeflateSession, Negotiation, deflate_session, inflate, negotiation};
pub use handshake::{client_handshake, proxy, server_handshake};
pub use http::http_requests;
pub use input::Traffic;
pub use proxies::proxies;
pub use redirects::redirects;
pub use refusals::{Refusals, refusals};
pub use session::{Session, session};
pub use settings::settings;
pub use tls::{Tls, tls};
