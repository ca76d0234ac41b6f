//! A server receives a stream of masked frames, in reads as from a socket. The times are per message.

mod common;

use std::hint::black_box;
use std::time::Instant;

use common::{
    Stream, ascii, binary, connection, multi_byte, push_fragments, push_masked, receive, size, throughput,
};
use criterion::Criterion;
use sansocket::Role;
use sansocket::frame::Opcode;

fn main() {
    let mut c = common::criterion();
    whole(&mut c);
    fragmented(&mut c);
    c.final_summary();
}

fn whole(c: &mut Criterion) {
    for len in [0, 16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20] {
        let stream = Stream::of(binary(len), |to, payload| push_masked(to, Opcode::Binary, true, payload));
        measure(c, &format!("binary/{}", size(len)), &stream);
    }
    for (kind, text) in [
        ("ascii", ascii(16)),
        ("ascii", ascii(1 << 10)),
        ("multi-byte", multi_byte(1 << 10)),
        ("multi-byte", multi_byte(64 << 10)),
    ] {
        let name = format!("{kind}/{}", size(text.len()));
        let stream = Stream::of(text.into(), |to, payload| push_masked(to, Opcode::Text, true, payload));
        measure(c, &name, &stream);
    }
}

fn fragmented(c: &mut Criterion) {
    let stream = Stream::of(binary(64 << 10), |to, payload| {
        push_fragments(to, Opcode::Binary, payload, 1 << 10, Some(4))
    });
    measure(c, "fragments/64 KiB in 1 KiB, pings between", &stream);
    let stream =
        Stream::of(binary(1 << 10), |to, payload| push_fragments(to, Opcode::Binary, payload, 64, None));
    measure(c, "fragments/1 KiB in 64 B", &stream);
}

fn measure(c: &mut Criterion, name: &str, stream: &Stream) {
    let mut connection = connection(Role::Server);
    let mut arrived = 0;
    receive(&mut connection, &stream.bytes, |data| {
        assert_eq!(data, stream.payload);
        arrived += 1;
    });
    assert_eq!(arrived, stream.messages);

    let mut group = c.benchmark_group("decode");
    group.throughput(throughput(stream.payload.len()));
    group.bench_function(name, |b| {
        b.iter_custom(|messages| {
            let rounds = messages.div_ceil(stream.messages);
            let start = Instant::now();
            for _ in 0..rounds {
                receive(&mut connection, &stream.bytes, |data| _ = black_box(data));
            }
            start.elapsed().mul_f64(messages as f64 / (rounds * stream.messages) as f64)
        });
    });
}
