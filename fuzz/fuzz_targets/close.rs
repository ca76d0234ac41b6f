//! Any bytes as the body of a Close frame.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::close;

fuzz_target!(|bytes: &[u8]| close(bytes));
