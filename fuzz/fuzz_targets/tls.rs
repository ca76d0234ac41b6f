//! Records of TLS between two ends, cut, held back and damaged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Tls, tls};

fuzz_target!(|case: Tls<'_>| tls(&case));
