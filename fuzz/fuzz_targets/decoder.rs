//! Any bytes, in any reads, to a frame decoder of either role.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Traffic, decoder};

// req: 6455-10.1-a, 6455-10.7-a
fuzz_target!(|case: Traffic<'_>| decoder(&case));
