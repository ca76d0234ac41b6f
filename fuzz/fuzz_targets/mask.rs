//! Masking of any bytes with any key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Masking, mask};

fuzz_target!(|case: Masking<'_>| mask(&case));
