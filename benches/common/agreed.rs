//! Connections with compression.

use sansocket::handshake::{client, server};
use sansocket::{Config, Connection, Deflate};

/// A client and a server that have agreed on compression.
pub(crate) fn connections(deflate: &Deflate) -> (Connection, Connection) {
    let config = Config::default().deflate(Some(deflate.clone()));
    let request = client::Request::new("ws://example.com/").expect("a valid URL");
    let mut connecting = client::Handshake::new(&request, config.clone()).expect("a valid request");
    let mut accepting = server::Handshake::new(config);
    accepting.receive(connecting.output().chunk());
    let exchange = accepting.next_request().expect("a valid request").expect("a whole request");
    let server::Incoming::Upgrade(request) = exchange.incoming() else {
        unreachable!("it asks for an upgrade")
    };
    let response = request.accept();
    let Ok(server::Answer::Open(mut server)) = exchange.respond(response) else {
        unreachable!("it is accepted")
    };
    connecting.receive(server.output().chunk());
    let len = server.output().len();
    server.output().advance(len);
    let (client, _) = connecting.next_response().expect("a valid response").expect("a whole response");
    (client, server)
}
