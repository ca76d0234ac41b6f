//! Any bytes, in any reads, from an HTTP/2 server whose first settings are looked for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Traffic, settings};

fuzz_target!(|case: Traffic<'_>| settings(&case));
