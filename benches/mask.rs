//! Masking in place and while copying, at an unaligned address.

mod common;

use std::hint::black_box;

use common::{KEY, binary, size, throughput};
use criterion::{BenchmarkId, Criterion};
use sansocket::frame::{apply_mask, copy_masked};

const LENGTHS: [usize; 3] = [125, 1 << 10, 16 << 10];

fn main() {
    let mut c = common::criterion();
    in_place(&mut c);
    copying(&mut c);
    c.final_summary();
}

fn in_place(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply_mask");
    for len in LENGTHS {
        let mut storage = binary(len + 1);
        let (_, payload) = storage.split_at_mut(1);
        let expected = masked_byte_by_byte(payload);
        apply_mask(payload, KEY, 0);
        assert_eq!(payload, expected);

        group.throughput(throughput(len));
        group.bench_function(BenchmarkId::from_parameter(size(len)), |b| {
            b.iter(|| apply_mask(black_box(payload), black_box(KEY), 0));
        });
    }
}

fn copying(c: &mut Criterion) {
    let mut group = c.benchmark_group("copy_masked");
    for len in LENGTHS {
        let from = binary(len);
        let mut storage = vec![0; len + 1];
        let (_, to) = storage.split_at_mut(1);
        copy_masked(to, &from, KEY, 0);
        assert_eq!(to, masked_byte_by_byte(&from));

        group.throughput(throughput(len));
        group.bench_function(BenchmarkId::from_parameter(size(len)), |b| {
            b.iter(|| copy_masked(black_box(to), black_box(&from), black_box(KEY), 0));
        });
    }
}

fn masked_byte_by_byte(payload: &[u8]) -> Vec<u8> {
    payload.iter().zip(KEY.0.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}
