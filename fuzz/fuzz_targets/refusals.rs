//! Bodies in chunks, in any reads, and any `Retry-After`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Refusals, refusals};

fuzz_target!(|case: Refusals<'_>| refusals(&case));
