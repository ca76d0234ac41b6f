//! Any bytes as a frame header.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::frame_header;

fuzz_target!(|bytes: &[u8]| frame_header(bytes));
