//! The opening handshake: the request in and the 101 out, the request out and the 101 in.

mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::{RESPONSE, accept, bytes};
use criterion::{Criterion, Throughput};
use sansocket::frame::{MaskKey, MaskKeys};
use sansocket::handshake::client;
use sansocket::{Buffer, Config, Connection};

/// The nonce behind the key that the response answers.
const NONCE: [u8; 16] = *b"the sample nonce";

fn main() {
    let mut c = common::criterion();
    server(&mut c);
    client(&mut c);
    c.final_summary();
}

struct NoKeys;

impl MaskKeys for NoKeys {
    fn next_key(&mut self) -> MaskKey {
        MaskKey::default()
    }
}

fn server(c: &mut Criterion) {
    let config = Arc::new(Config::default());
    let mut input = Buffer::new();
    assert_eq!(bytes(accept(&config, &mut input).output()), RESPONSE);
    assert!(input.is_idle());

    let mut group = c.benchmark_group("handshake");
    group.throughput(Throughput::Elements(1));
    group.bench_function("server", |b| {
        b.iter(|| bytes(accept(&config, &mut input).output()));
    });
}

fn client(c: &mut Criterion) {
    let config = Arc::new(Config::default());
    let request = client::Request::new("ws://example.com/chat?room=rust").expect("a valid URL");
    let mut input = Buffer::new();
    let (sent, _) = connect(&request, &config, &mut input);
    let key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert!(sent.windows(key.len()).any(|line| line == key), "{}", sent.escape_ascii());
    assert!(input.is_idle());

    let mut group = c.benchmark_group("handshake");
    group.throughput(Throughput::Elements(1));
    group.bench_function("client", |b| {
        b.iter(|| connect(&request, &config, &mut input));
    });
}

fn connect(request: &client::Request, config: &Arc<Config>, input: &mut Buffer) -> (Vec<u8>, Connection) {
    let mut handshake = client::Handshake::with_nonce(black_box(request), Arc::clone(config), NONCE, NoKeys)
        .expect("a request that can be sent");
    let sent = bytes(handshake.output());
    input.extend_from_slice(black_box(RESPONSE));
    let (connection, _) = handshake.receive(input).expect("a valid response").expect("a whole response");
    (sent, connection)
}
