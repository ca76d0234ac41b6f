//! The opening handshake: the request in and the 101 out, the request out and the 101 in.

mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::REQUEST;
use criterion::{Criterion, Throughput};
use sansocket::frame::{MaskKey, MaskKeys};
use sansocket::handshake::{client, server};
use sansocket::{Buffer, Config, Connection, Output};

/// The nonce behind the key in [`REQUEST`].
const NONCE: [u8; 16] = *b"the sample nonce";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

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

fn accept(config: &Arc<Config>, input: &mut Buffer) -> Connection {
    let mut handshake = server::Handshake::new(Arc::clone(config));
    input.extend_from_slice(black_box(REQUEST));
    let incoming = handshake.receive(input).expect("a valid request").expect("a whole request");
    let server::Incoming::Upgrade(request) = incoming else { unreachable!("it asks for an upgrade") };
    handshake.respond(request.accept()).expect("a valid response").expect("a connection")
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

/// Takes everything out, as a write would.
fn bytes(output: &mut Output) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(output.len());
    output.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
    output.advance(bytes.len());
    bytes
}
