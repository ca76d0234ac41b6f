//! A header out of any bytes: what is decoded encodes to the same bytes, and a shorter input never says otherwise.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sansocket::ProtocolError;
use sansocket::frame::FrameHeader;

type Outcome = Result<Option<(FrameHeader, usize)>, ProtocolError>;

fuzz_target!(|bytes: &[u8]| {
    let outcome = FrameHeader::decode(bytes);
    if let Ok(Some((header, len))) = outcome {
        let mut encoded = [0; FrameHeader::MAX_LEN];
        assert_eq!(header.encode(&mut encoded), len);
        assert_eq!(&encoded[..len], &bytes[..len]);
    }
    check_prefixes(bytes, outcome);
});

/// A prefix is undecided until it is decided, and then it is decided for good.
fn check_prefixes(bytes: &[u8], outcome: Outcome) {
    let mut decided = false;
    for end in 0..bytes.len().min(FrameHeader::MAX_LEN + 2) {
        match FrameHeader::decode(&bytes[..end]) {
            Ok(None) => assert!(!decided, "{end} bytes undo what fewer bytes had decided"),
            prefix => {
                assert_eq!(prefix, outcome, "{end} bytes");
                decided = true;
            }
        }
    }
}
