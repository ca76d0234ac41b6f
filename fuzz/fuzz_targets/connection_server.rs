//! Any bytes, in any reads, to a server's connection.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket::Role;
use sansocket_fuzz::{Traffic, connection};

// req: 6455-10.1-a, 6455-10.7-a
fuzz_target!(|case: Traffic<'_>| connection(Role::Server, &case));
