//! What the benchmarks share: what is on the wire, what is done with it, and how long to measure.

#![allow(dead_code, unused_imports, reason = "no benchmark uses all of it")]

mod wire;
mod work;

use std::time::Duration;

use criterion::{Criterion, Throughput};
pub(crate) use wire::{KEY, REQUEST, Stream, ascii, binary, multi_byte, push_fragments, push_masked, size};
pub(crate) use work::{RESPONSE, accept, bytes, receive, send};

/// With the command line's filter and options; short enough that all rows together take a few minutes.
pub(crate) fn criterion() -> Criterion {
    let short =
        Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    short.configure_from_args()
}

/// Payload bytes a second; messages a second where there is no payload.
pub(crate) fn throughput(payload_len: usize) -> Throughput {
    if payload_len == 0 { Throughput::Elements(1) } else { Throughput::Bytes(payload_len as u64) }
}
