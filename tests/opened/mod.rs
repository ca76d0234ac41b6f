//! Both ends of a connection, by a real opening handshake in memory.

use sansocket::handshake::{client, server};
use sansocket::{Config, Connection};

/// The end of the client that opens, and that of a server with this configuration.
pub(crate) fn pair(mut opening: client::Handshake, config: Config) -> (Connection, Connection) {
    let mut accepting = server::Handshake::new(config);
    accepting.receive(opening.output().chunk());
    let exchange = accepting.next_request().expect("a valid request").expect("a whole request");
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!("no upgrade") };
    let response = request.accept();
    let Ok(server::Answer::Open(mut accepted)) = exchange.respond(response) else { panic!("not open") };
    opening.receive(&written(&mut accepted));
    let (connected, _) = opening.next_response().expect("a valid response").expect("a whole response");
    (connected, accepted)
}

/// Takes what the end has to write.
pub(crate) fn written(end: &mut Connection) -> Vec<u8> {
    let bytes: Vec<u8> = end.output().chunks().flatten().copied().collect();
    end.output().advance(bytes.len());
    bytes
}
