//! Ten thousand connections that have talked and are idle: the resident memory of the server's process, with compression and
//! without. `docs/compression.md` has the figures.

use std::net::TcpStream;

use sansocket::handshake::client::Request;
use sansocket::{Config, Deflate, Message, blocking};

use super::EMBED;
use super::example_server::Server;
use super::usage::resident;

/// What `docs/compression.md` says about the heap. Not all of it was ever used, so less is resident.
const HEAP_WITH_TAKEOVER: usize = 462_000;

/// A connection on which a message of 100,000 bytes has gone both ways.
fn idle(url: &str, deflate: Option<&Deflate>) -> TcpStream {
    let config = Config::default().deflate(deflate.cloned());
    let (mut socket, _) = blocking::connect_with(&Request::new(url).unwrap(), config).unwrap();
    assert_eq!(socket.negotiated().is_some(), deflate.is_some());
    let message = Message::from("grüß dich, ".repeat(100_000 / 13));
    socket.send(&message).unwrap();
    assert!(socket.read().unwrap().unwrap() == message);
    socket.into_parts().0.into_tcp().unwrap()
}

/// The resident bytes of each of `count` connections, behind 100 that have made the memory that all share.
fn resident_bytes_of_each(deflate: Option<&Deflate>, count: usize) -> usize {
    let keepalive = ["--keepalive", "3600"];
    let options = [&keepalive[..], if deflate.is_some() { &["--deflate"] } else { &[] }].concat();
    let server = Server::start(EMBED, &options);
    let url = server.url("/");
    let _first: Vec<TcpStream> = (0..100).map(|_| idle(&url, deflate)).collect();
    let before = resident(&server);
    let _all: Vec<TcpStream> = (0..count).map(|_| idle(&url, deflate)).collect();
    let each = resident(&server).saturating_sub(before) / count;
    println!("{count} connections, {deflate:?}: {each} bytes each");
    each
}

/// Needs `ulimit -n 11000`, and 500 MB.
///
/// ```text
/// cargo test --release -p embed -- --ignored --nocapture ten_thousand
/// ```
#[test]
#[ignore = "needs eleven thousand descriptors"]
fn ten_thousand_idle_connections_hold_what_the_documentation_says() {
    let without = resident_bytes_of_each(None, 10_000);
    let no_takeover = resident_bytes_of_each(Some(&Deflate::default()), 10_000);
    assert!(no_takeover <= without + 200, "{without} bytes without compression, {no_takeover} with it");
    let takeover = Deflate::default().takeover(true).peer_takeover(true);
    let with_takeover = resident_bytes_of_each(Some(&takeover), 1000);
    assert!((350_000..=HEAP_WITH_TAKEOVER).contains(&with_takeover), "{with_takeover} bytes with takeover");
}
