//! Any request in the types of the `http` crate, over HTTP/1.1 and HTTP/2.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Traffic, http_requests};

// req: 8441-5-d, 8441-5-e
fuzz_target!(|case: Traffic<'_>| http_requests(&case));
