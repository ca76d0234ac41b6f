//! Two ends with any settings of compression that send each other any messages.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{DeflateSession, deflate_session};

fuzz_target!(|case: DeflateSession| deflate_session(&case));
