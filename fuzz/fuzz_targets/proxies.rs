//! Any environment and any URL: which proxy a client asks, and how.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::proxies;

fuzz_target!(|data: &[u8]| proxies(data));
