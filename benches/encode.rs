//! A message goes to the output, and is removed from it as a write to a socket does.

mod common;

use std::hint::black_box;

use common::{binary, connection, send, size, throughput};
use criterion::Criterion;
use sansocket::frame::{Decoder, Limits};
use sansocket::{Connection, Message, Role};

fn main() {
    let mut c = common::criterion();
    server(&mut c);
    client(&mut c);
    c.final_summary();
}

fn server(c: &mut Criterion) {
    measure(c, Role::Server, 16, "server/16 B");
    measure(c, Role::Server, 64 << 10, "server/64 KiB by reference");
}

fn client(c: &mut Criterion) {
    for len in [16, 1 << 10, 16 << 10] {
        measure(c, Role::Client, len, &format!("client/{}", size(len)));
    }
}

fn measure(c: &mut Criterion, role: Role, len: usize, name: &str) {
    let message = Message::from(binary(len));
    let mut connection = connection(role);
    send(&mut connection, &message, |chunk| _ = black_box(chunk));
    check(&mut connection, role, &message);

    let mut group = c.benchmark_group("encode");
    group.throughput(throughput(len));
    group.bench_function(name, |b| {
        b.iter(|| send(&mut connection, black_box(&message), |chunk| _ = black_box(chunk)));
    });
}

/// Checks that the other end decodes the message.
fn check(connection: &mut Connection, role: Role, message: &Message) {
    let mut bytes = Vec::new();
    send(connection, message, |chunk| bytes.extend_from_slice(chunk));
    let peer = if role == Role::Server { Role::Client } else { Role::Server };
    let mut rest = bytes.as_mut_slice();
    let decoded = Decoder::new(peer, Limits::default()).decode(&mut rest);
    let chunk = decoded.expect("a valid frame").expect("a whole frame");
    assert_eq!(chunk.payload, message.as_bytes());
    assert!(rest.is_empty());
}
