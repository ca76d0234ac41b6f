//! Compressed messages to plain bytes (RFC 7692 section 7.2.2).

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::error::ProtocolError;

/// "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message" (section 7.2.2).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// How many bytes are behind a short message: the tail, and as many as `zlib-rs` inflates with code that takes several times as
/// long, and one.
pub(crate) const MORE_LEN: usize = TAIL.len() + 15;

/// How many blocks of a message are inflated one by one. One block and the empty one behind it are two.
const MOST_BLOCKS: usize = 8;

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

impl Step {
    pub(crate) const NOTHING: Self = Self { consumed: 0, produced: 0, then: Then::GoesOn };
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

/// What became of a message that was inflated block by block.
pub(crate) enum Short {
    /// Its length. The stream is where the next message begins.
    Whole(usize),
    /// What was done of it. It goes on, in steps, with the rest of the payload.
    Begun(Step),
    /// It was cut: what came out may be of the tail and what is behind it. The stream has to begin again before the message.
    Cut,
}

impl Inflater {
    pub(crate) fn new() -> Self {
        Self { stream: Inflate::new(false, WINDOW_BITS) }
    }

    /// Inflates until the input ends or `to` is full. If `to` is not full, nothing more can come of the input so far.
    pub(crate) fn inflate(&mut self, input: &[u8], to: &mut [u8]) -> Step {
        self.step(input, to, InflateFlush::SyncFlush)
    }

    /// Inflates a short message block by block. `input` is its payload, `len` bytes, then at least [`MORE_LEN`] bytes that do not
    /// belong to it. [`TAIL`] stands in for the first of these meanwhile.
    #[inline(always)]
    pub(crate) fn inflate_short(&mut self, input: &mut [u8], len: usize, to: &mut [u8]) -> Short {
        let Some(behind) = input.get_mut(len..).and_then(<[u8]>::first_chunk_mut) else {
            return Short::Begun(Step::NOTHING);
        };
        let replaced = core::mem::replace(behind, TAIL);
        let short = self.inflate_blocks(input, len, to);
        if let Some(behind) = input.get_mut(len..).and_then(<[u8]>::first_chunk_mut) {
            *behind = replaced;
        }
        short
    }

    /// [`inflate_short`](Self::inflate_short), with the tail in its place.
    #[inline(always)]
    fn inflate_blocks(&mut self, input: &[u8], len: usize, to: &mut [u8]) -> Short {
        let (in_before, out_before) = (self.stream.total_in(), self.stream.total_out());
        let mut done = Step::NOTHING;
        for _ in 0..MOST_BLOCKS {
            let rest = input.get(done.consumed..).unwrap_or_default();
            let room = to.get_mut(done.produced..).unwrap_or_default();
            let status = self.stream.decompress(rest, room, InflateFlush::Block);
            let before = done;
            done.consumed = distance(in_before, self.stream.total_in());
            done.produced = distance(out_before, self.stream.total_out());
            if done.consumed > len {
                // The last block is empty: 3 bits of the payload, and the tail.
                let is_last = done.consumed == len + TAIL.len()
                    && before.consumed + 1 >= len
                    && before.produced == done.produced
                    && status == Ok(Status::Ok);
                return if is_last { Short::Whole(done.produced) } else { Short::Cut };
            }
            done.then = match status {
                Ok(Status::StreamEnd) => Then::Restart,
                // Without progress: a fault, or the end of a block in bits that had been read before.
                _ if done == before => Then::GoesOn,
                Ok(_) if done.produced < to.len() => continue,
                Ok(_) => Then::GoesOn,
                Err(_) => Then::Fault,
            };
            break;
        }
        Short::Begun(done)
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
    after.wrapping_sub(before) as usize
}
