//! Any head, in any reads, to a client's opening handshake, and any strings in the head that it sends.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Traffic, client_handshake};

// req: 6455-10.1-a, 6455-10.7-a
fuzz_target!(|case: Traffic<'_>| client_handshake(&case));
