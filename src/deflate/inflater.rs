//! Compressed messages to plain bytes (RFC 7692 section 7.2.2).

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::error::ProtocolError;

/// "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message" (section 7.2.2).
pub(crate) const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// `zlib-rs` inflates the last bytes of its input, one less than this, with code that takes several times as long.
pub(crate) const SLOW_LEN: usize = 15;

/// The base-2 logarithm of the longest window. A shorter one would save no memory, and `zlib-rs` would find a reference beyond
/// it in some calls only.
const WINDOW_BITS: u8 = 15;

/// A DEFLATE stream, and the window behind it.
pub(crate) struct Inflater {
    stream: Inflate,
}

/// What one step has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
    pub(crate) then: Then,
}

/// What comes after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    GoesOn,
    /// A block with BFINAL has ended. Call [`Inflater::restart`] before the next step.
    Restart,
    /// What follows is not DEFLATE. The bytes before it were produced.
    Fault,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { stream: Inflate::new(false, WINDOW_BITS) }
    }

    /// Inflates until the input ends or `to` is full. If `to` is not full, nothing more can come of the input so far.
    pub(crate) fn inflate(&mut self, input: &[u8], to: &mut [u8]) -> Step {
        self.step(input, to, InflateFlush::SyncFlush)
    }

    /// As [`inflate`](Self::inflate), but at most up to the end of a block.
    pub(crate) fn inflate_block(&mut self, input: &[u8], to: &mut [u8]) -> Step {
        self.step(input, to, InflateFlush::Block)
    }

    /// The message has ended. The next one can follow with the same window: the last, empty block may have BFINAL, too.
    pub(crate) fn end_message(&mut self) -> Result<Then, ProtocolError> {
        // `Block` stops at the end of the empty block that the tail completes. A stream that is elsewhere takes the byte behind
        // it, too, or gives data: the message was cut.
        let [a, b, c, d] = TAIL;
        let step = self.step(&[a, b, c, d, 0], &mut [0], InflateFlush::Block);
        match step {
            Step { consumed: 4, produced: 0, then: Then::GoesOn | Then::Restart } => Ok(step.then),
            _ => Err(ProtocolError::InvalidDeflate),
        }
    }

    /// Begins a stream with an empty window.
    pub(crate) fn reset(&mut self) {
        self.stream.reset(false);
    }

    /// Goes on after a block with BFINAL. DEFLATE knows nothing of a block behind it; "an LZ77 sliding window" goes on
    /// (section 7.2.1 allows "any number of DEFLATE blocks … BFINAL set to 1"). `window` is what was inflated last.
    #[cold]
    pub(crate) fn restart(&mut self, window: &[u8]) -> Result<(), ProtocolError> {
        self.reset();
        if !window.is_empty() {
            self.stream.set_dictionary(window).map_err(|_| ProtocolError::InvalidDeflate)?;
        }
        Ok(())
    }

    fn step(&mut self, input: &[u8], to: &mut [u8], flush: InflateFlush) -> Step {
        let (in_before, out_before) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, to, flush);
        let consumed = distance(in_before, self.stream.total_in());
        let produced = distance(out_before, self.stream.total_out());
        let then = match status {
            Ok(Status::StreamEnd) => Then::Restart,
            // Input and room are left: asking again would change nothing, for ever.
            Ok(_) if consumed == 0 && produced == 0 && !input.is_empty() => Then::Fault,
            Ok(_) => Then::GoesOn,
            Err(_) => Then::Fault,
        };
        Step { consumed, produced, then }
    }
}

/// The difference of two counters of one call, whose buffers fit in memory.
#[expect(clippy::cast_possible_truncation, reason = "no buffer is longer than usize::MAX")]
pub(super) fn distance(before: u64, after: u64) -> usize {
    after.saturating_sub(before) as usize
}
