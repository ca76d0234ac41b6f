//! Compression of messages: permessage-deflate (RFC 7692).
//!
//! | file | its job |
//! |---|---|
//! | `mod.rs` | settings, and what was agreed on |
//! | `negotiation.rs` | offers and responses in the opening handshake (section 7.1) |
//! | `inflater.rs`, `deflater.rs` | DEFLATE streams over `zlib-rs`, message by message (section 7.2) |
//! | `window.rs` | what was inflated last, for a stream that begins again behind a block with BFINAL |
//! | `pool.rs` | the streams that the connections of a process share, and the memory that those of a thread share |

mod deflater;
mod inflater;
pub(crate) mod negotiation;
pub(crate) mod pool;
mod window;

pub(crate) use deflater::{Compressor, Deflater};
pub(crate) use inflater::{Inflater, MORE_LEN, Short, Step, Then};
pub(crate) use window::Window;

use crate::setters::setters;

/// Settings of permessage-deflate (RFC 7692), for [`Config::deflate`](crate::Config::deflate).
///
/// *This end* is the one that has these settings, client or server. *The peer* is the other one.
///
/// ```
/// use sansocket::{Config, Deflate};
///
/// let config = Config::default().deflate(Some(Deflate::default().level(6)));
/// # let _ = config;
/// ```
///
/// `docs/compression.md` in the repository gives memory and time for many settings.
///
/// Data of a user in one message with data of an attacker must not be compressed over TLS: the length of the ciphertext tells
/// the attacker whether they are alike (CRIME, BREACH; section 8). Send such messages with
/// [`Outgoing::compress(Compress::Never)`](crate::Outgoing::compress). With context takeover that holds for messages that
/// follow one another, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Deflate {
    /// How much time this end spends on compressing, 1 to 9. Default: 1, the fastest.
    pub level: u8,
    /// How much memory this end compresses with, 1 to 9: the size of hash table and block. Default: 8.
    pub mem_level: u8,
    /// The longest window that this end compresses with, as the base-2 logarithm of its bytes, 9 to 15. Default: 15, 32 KiB.
    pub window_bits: u8,
    /// The longest window that the peer is asked to compress with, 8 to 15. Default: 15. A server can ask only a client that
    /// offers `client_max_window_bits`, and a client that has [`offers_name_only`](Self::offers_name_only) does not ask.
    pub peer_window_bits: u8,
    /// Whether this end refers to earlier messages when it compresses, unless the peer forbids it. That compresses small and
    /// similar messages much better, and keeps a compressor for each connection. Default: no.
    pub takeover: bool,
    /// Whether the peer may refer to earlier messages. That keeps a decompressor for each connection. Default: no. A client
    /// that has [`offers_name_only`](Self::offers_name_only) allows it.
    pub peer_takeover: bool,
    /// Messages and first fragments that are shorter than this, in bytes, are sent as they are. Default: 256; shorter ones
    /// hardly get smaller without takeover.
    pub min_len: usize,
    /// Whether a client offers the name `permessage-deflate` without parameters: for old servers that decline every offer with
    /// one. Default: no.
    pub offers_name_only: bool,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            level: 1,
            mem_level: 8,
            window_bits: 15,
            peer_window_bits: 15,
            takeover: false,
            peer_takeover: false,
            min_len: 256,
            offers_name_only: false,
        }
    }
}

impl Deflate {
    setters! {
        level: u8,
        mem_level: u8,
        window_bits: u8,
        peer_window_bits: u8,
        takeover: bool,
        peer_takeover: bool,
        min_len: usize,
        offers_name_only: bool,
    }

    /// For feeds: small messages that are like the ones before. Takeover in both directions, windows of 4 KiB, level 5.
    pub fn feed() -> Self {
        Self {
            level: 5,
            mem_level: 5,
            window_bits: 12,
            peer_window_bits: 12,
            takeover: true,
            peer_takeover: true,
            min_len: 32,
            offers_name_only: false,
        }
    }
}

/// What client and server have agreed on (RFC 7692 section 7.1), by the names of the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Negotiated {
    /// The server compresses each message by itself (section 7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client compresses each message by itself (section 7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The server's window, 8 to 15, as the base-2 logarithm of its bytes; 15 if the parameter is absent (section 7.1.2.1).
    pub server_max_window_bits: u8,
    /// The client's window, as the server's (section 7.1.2.2).
    pub client_max_window_bits: u8,
}

impl Negotiated {
    /// What an extension without parameters stands for.
    pub(crate) const NO_PARAMS: Self = Self {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
}
