//! Any values of `Sec-WebSocket-Extensions` as offers and as responses, to ends with any settings.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket_fuzz::{Negotiation, negotiation};

fuzz_target!(|case: Negotiation<'_>| negotiation(&case));
