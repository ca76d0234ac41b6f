//! Decodes and encodes frame headers, one of each length.

mod common;

use std::hint::black_box;

use common::KEY;
use criterion::{BenchmarkId, Criterion, Throughput};
use sansocket::frame::{FrameHeader, Opcode};

/// The length of a masked header, and the payload length that needs it.
const HEADERS: [(&str, u64); 3] = [("6 bytes", 125), ("8 bytes", 1 << 10), ("14 bytes", 1 << 20)];

fn main() {
    let mut c = common::criterion();
    decode(&mut c);
    encode(&mut c);
    c.final_summary();
}

fn header(payload_len: u64) -> FrameHeader {
    FrameHeader::new(Opcode::Binary, payload_len).mask(Some(KEY))
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("header/decode");
    for (name, payload_len) in HEADERS {
        let header = header(payload_len);
        let mut bytes = [0; FrameHeader::MAX_LEN];
        let len = header.encode(&mut bytes);
        assert_eq!(FrameHeader::decode(&bytes), Ok(Some((header, len))));

        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| FrameHeader::decode(black_box(&bytes)));
        });
    }
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("header/encode");
    for (name, payload_len) in HEADERS {
        let header = header(payload_len);
        let mut out = [0; FrameHeader::MAX_LEN];
        let len = header.encode(&mut out);
        assert_eq!(FrameHeader::decode(&out), Ok(Some((header, len))));

        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| black_box(&header).encode(black_box(&mut out)));
        });
    }
}
