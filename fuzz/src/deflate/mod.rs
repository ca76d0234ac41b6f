//! permessage-deflate (RFC 7692).

mod inflating;
mod negotiating;
mod session;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sansocket::{Deflate, Negotiated, Role};

pub use inflating::inflate;
pub use negotiating::{Negotiation, negotiation};
pub use session::{DeflateSession, deflate_session};

use crate::model::receiver::Compression;

/// Any settings, those out of range included.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub(crate) struct Settings {
    /// Takeover, the takeover of the peer, the bare name.
    flags: u8,
    level: u8,
    mem_level: u8,
    window_bits: u8,
    peer_window_bits: u8,
    min_len: u8,
}

impl Settings {
    fn deflate(self) -> Deflate {
        Deflate::default()
            .takeover(self.flags & 1 != 0)
            .peer_takeover(self.flags & 2 != 0)
            .offers_name_only(self.flags & 4 != 0)
            .level(self.level % 12)
            .mem_level(self.mem_level % 12)
            .window_bits(self.window_bits % 18)
            .peer_window_bits(self.peer_window_bits % 18)
            .min_len(self.min_len.into())
    }
}

/// What was agreed on about the messages that the end with that role receives.
fn compression(role: Role, negotiated: Negotiated) -> Compression {
    let (no_takeover, window_bits) = match role {
        Role::Server => (negotiated.client_no_context_takeover, negotiated.client_max_window_bits),
        Role::Client => (negotiated.server_no_context_takeover, negotiated.server_max_window_bits),
    };
    Compression { takeover: !no_takeover, window_bits }
}
