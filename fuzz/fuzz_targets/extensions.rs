//! Any bytes as the value of `Sec-WebSocket-Extensions`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::extensions;

fuzz_target!(|value: &[u8]| extensions(value));
