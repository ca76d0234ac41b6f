//! Any URL, and any responses that lead elsewhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::redirects;

fuzz_target!(|data: &[u8]| redirects(data));
