//! Connections that have agreed on compression, by a real opening handshake.

use sansocket::handshake::{client, server};
use sansocket::{Config, Connection, Deflate, Role};

use super::opening::NONCE;
use super::paths::written;
use super::receiver::Compression;
use super::wire::SameKey;

/// Both ends.
pub(crate) fn pair(client: Config, server: Config) -> (Connection, Connection) {
    let request = client::Request::new("ws://example.com/").unwrap();
    let mut connecting = client::Handshake::with_nonce(&request, client, NONCE, SameKey).unwrap();
    let mut accepting = server::Handshake::new(server);
    accepting.receive(&written(connecting.output()));
    let exchange = accepting.next_request().unwrap().unwrap();
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!("no upgrade") };
    let response = request.accept();
    let server::Answer::Open(mut accepted) = exchange.respond(response).unwrap() else { panic!("not open") };
    connecting.receive(&written(accepted.output()));
    let (connected, _) = connecting.next_response().unwrap().unwrap();
    (connected, accepted)
}

/// One end whose peer compresses as `compression` says.
pub(crate) fn end(role: Role, config: &Config, compression: Compression) -> Connection {
    let Compression { takeover, window_bits } = compression;
    let deflate = Deflate::default().min_len(0).takeover(takeover).peer_takeover(takeover);
    let config = config.clone().deflate(Some(deflate.window_bits(window_bits).peer_window_bits(window_bits)));
    let (client, server) = pair(config.clone(), config);
    if role == Role::Client { client } else { server }
}
