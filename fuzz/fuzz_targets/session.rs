//! Two ends that talk to each other, over a slow wire and with a fast clock.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Session, session};

fuzz_target!(|case: Session| session(&case));
