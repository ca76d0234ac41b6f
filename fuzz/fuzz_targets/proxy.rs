//! Any answer, in any reads, to a client that asks a proxy for a connection, over HTTP or SOCKS.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Traffic, proxy};

fuzz_target!(|case: Traffic<'_>| proxy(&case));
