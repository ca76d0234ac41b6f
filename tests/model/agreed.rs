//! Connections that have agreed on compression, by a real opening handshake.

#[path = "../opened/mod.rs"]
mod opened;

use sansocket::handshake::client::{Handshake, Request};
use sansocket::{Config, Connection, Deflate, Role};

use super::opening::NONCE;
use super::receiver::Compression;
use super::wire::SameKey;

/// Both ends.
pub(crate) fn pair(client: Config, server: Config) -> (Connection, Connection) {
    let request = Request::new("ws://example.com/").unwrap();
    opened::pair(Handshake::with_nonce(&request, client, NONCE, SameKey).unwrap(), server)
}

/// One end whose peer compresses as `compression` says.
pub(crate) fn end(role: Role, config: &Config, compression: Compression) -> Connection {
    let Compression { takeover, window_bits } = compression;
    let deflate = Deflate::default().min_len(0).takeover(takeover).peer_takeover(takeover);
    let config = config.clone().deflate(Some(deflate.window_bits(window_bits).peer_window_bits(window_bits)));
    let (client, server) = pair(config.clone(), config);
    if role == Role::Client { client } else { server }
}
