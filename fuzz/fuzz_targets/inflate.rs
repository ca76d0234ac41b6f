//! Any bytes as compressed messages, in any reads, to either end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Traffic, inflate};

// req: 7692-7.2.2-a, 7692-7.2.2-c
fuzz_target!(|case: Traffic<'_>| inflate(&case));
