//! Which messages are compressed, and with what (RFC 7692 section 7.2.1).

use alloc::boxed::Box;

use crate::deflate::{Compressor, Deflate, Deflater, Negotiated, pool};
use crate::message::{Compress, Outgoing, Part};
use crate::queue::Queue;
use crate::role::Role;

/// The compressing side of a connection on which permessage-deflate was agreed on.
pub(super) struct Deflation {
    negotiated: Negotiated,
    /// `None` where this end cannot compress as agreed: messages are sent without compression.
    compressor: Option<Compressor>,
    min_len: usize,
    /// Taken from the pool for each message, or kept for takeover.
    deflater: Option<Box<Deflater>>,
    /// Whether the fragmented message that is being sent is compressed.
    in_message: bool,
}

impl Deflation {
    pub(super) fn new(negotiated: Negotiated, settings: &Deflate, role: Role) -> Self {
        let (no_takeover, window_bits) = match role {
            Role::Server => (negotiated.server_no_context_takeover, negotiated.server_max_window_bits),
            Role::Client => (negotiated.client_no_context_takeover, negotiated.client_max_window_bits),
        };
        let takeover = settings.takeover && !no_takeover;
        Self {
            negotiated,
            compressor: Compressor::new(settings, window_bits.min(settings.own_bits()), takeover),
            // An empty message is shorter without compression.
            min_len: settings.min_len.max(1),
            deflater: None,
            in_message: false,
        }
    }

    pub(super) fn negotiated(&self) -> Negotiated {
        self.negotiated
    }

    /// Whether a message is compressed, by its length and the caller's choice. For a fragment the first one decides.
    ///
    /// This is decided before anything is compressed: bytes that were compressed and then not sent would be in this end's window
    /// and not in the peer's.
    pub(super) fn compresses(&self, message: &Outgoing<'_>, begins_message: bool) -> bool {
        if !begins_message {
            return self.in_message;
        }
        self.compressor.is_some()
            && match message.compress {
                Compress::Never => false,
                Compress::Always => true,
                Compress::ByLength => message.payload().len() >= self.min_len,
            }
    }

    /// The compressor of messages that are all compressed alike: those without takeover.
    pub(super) fn shared_compressor(&self) -> Option<Compressor> {
        self.compressor.filter(|compressor| !compressor.takeover())
    }

    /// A message or a fragment is compressed.
    pub(super) fn note_part(&mut self, part: Part) {
        self.in_message = part == Part::Fragment { fin: false };
    }

    /// Compresses a message or a fragment to `to`, which is empty.
    pub(super) fn deflate(&mut self, data: &[u8], fin: bool, to: &mut Queue) {
        let Some(made_with) = self.compressor else { return };
        let mut deflater = self.deflater.take().unwrap_or_else(|| pool::deflater(made_with));
        deflater.deflate(data, fin, to);
        if fin && !made_with.takeover() {
            pool::keep_deflater(deflater);
        } else {
            self.deflater = Some(deflater);
        }
    }
}
