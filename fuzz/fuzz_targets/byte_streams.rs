//! Any frames, in any reads, to a connection that is a stream of bytes, and any writes to one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Traffic, byte_streams};

fuzz_target!(|case: Traffic<'_>| byte_streams(&case));
