//! Shared by the benchmarks: the bytes on the wire, the measured work, and the measuring time.

#![allow(dead_code, unused_imports, reason = "no benchmark uses all of it")]

mod wire;
mod work;

use std::time::Duration;

use criterion::{Criterion, Throughput};
pub(crate) use wire::{KEY, REQUEST, Stream, ascii, binary, multi_byte, push_fragments, push_masked, size};
pub(crate) use work::{RESPONSE, accept, bytes, connection, receive, send};

/// Criterion with the filter and options of the command line. All rows together take a few minutes.
pub(crate) fn criterion() -> Criterion {
    let short =
        Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    short.configure_from_args()
}

/// Payload bytes per second, or messages per second if the payload is empty.
pub(crate) fn throughput(payload_len: usize) -> Throughput {
    if payload_len == 0 { Throughput::Elements(1) } else { Throughput::Bytes(payload_len as u64) }
}
