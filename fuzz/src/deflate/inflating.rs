//! Any bytes as compressed messages.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use sansocket::{Config, Limits};

use crate::Traffic;
use crate::model::agreed;
use crate::model::inflate::{Stop, Window, inflate as by_the_model};
use crate::model::paths::check_every_way;
use crate::model::receiver::{Compression, judge_agreed};

/// The longest message, so that a case takes milliseconds.
const MOST: u64 = 20_000;

/// A connection gives what the model says, in one read and in many, by every way to take it. The model inflates as another
/// library does.
pub fn inflate(case: &Traffic<'_>) {
    let role = case.role();
    let compression = Compression { takeover: case.has_takeover(), window_bits: case.window_bits() };
    let limits = if case.is_tight() {
        Limits::default().max_frame_len(200).max_message_len(15).max_fragments(4)
    } else {
        Limits::default().max_message_len(MOST)
    };
    let bytes = case.compressed_wire(role);
    let verdict = judge_agreed(role, &limits, Some(compression), &bytes);
    let config = Config::default().limits(limits);
    let end = || agreed::end(role, &config, compression);
    let error = check_every_way(end, &[&bytes], &verdict);
    let by_reads = check_every_way(end, &case.reads(&bytes), &verdict);
    assert!(verdict.agree(by_reads, error), "{by_reads:?}, {error:?}");
    if !case.has_frames() {
        compare(case.data);
    }
}

/// Inflates a message by the model and by miniz_oxide, up to its first block with BFINAL.
fn compare(compressed: &[u8]) {
    let model = by_the_model(&Window::default(), compressed, 15, MOST);
    let stream = [compressed, &[0, 0, 0xFF, 0xFF]].concat();
    let mut out = vec![0; MOST as usize + 1];
    let flags =
        inflate_flags::TINFL_FLAG_HAS_MORE_INPUT | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut miniz = Box::<DecompressorOxide>::default();
    let (status, _, len) = decompress(&mut miniz, &stream, &mut out, 0, flags);
    match (status, model.stop) {
        // What is behind the block is none of its business.
        (TINFLStatus::Done, _) => {
            let with_tail = by_the_model(&Window::default(), &stream, 15, MOST);
            assert!(with_tail.data().starts_with(&out[..len]));
        }
        (TINFLStatus::NeedsMoreInput, Stop::AtTail) => assert!(model.data() == &out[..len]),
        (TINFLStatus::HasMoreOutput, stop) => assert_eq!(stop, Stop::Full),
        (status, Stop::AtTail) => panic!("{status:?} for a whole message"),
        // Each is stricter about some codes that are not complete, and the tail is part of the one alone.
        _ => {}
    }
}
