//! Plain messages to compressed ones (RFC 7692 section 7.2.1).

use zlib_rs::{Deflate as Stream, DeflateConfig, DeflateFlush};

use super::Deflate;
use super::inflater::distance;
use crate::queue::Queue;

/// "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end" (section 7.2.1).
const TAIL_LEN: usize = 4;

/// What is left of an empty block without its tail: "an empty DEFLATE block with no compression" (section 7.2.3.6).
const EMPTY_BLOCK: u8 = 0;

/// What a compressor is made with. Compressors with equal settings do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compressor {
    level: u8,
    mem_level: u8,
    window_bits: u8,
    /// Whether messages refer to earlier ones.
    takeover: bool,
}

impl Compressor {
    /// `None` where no window of `window_bits` can be kept: `zlib-rs` compresses with 9 bits at the least.
    pub(crate) fn new(settings: &Deflate, window_bits: u8, takeover: bool) -> Option<Self> {
        Some(Self {
            takeover,
            level: settings.level.clamp(1, 9),
            mem_level: settings.mem_level.clamp(1, 9),
            window_bits: (9..=15).contains(&window_bits).then_some(window_bits)?,
        })
    }

    pub(crate) fn window_bits(self) -> u8 {
        self.window_bits
    }

    pub(crate) fn takeover(self) -> bool {
        self.takeover
    }

    /// The most bytes that `len` bytes can become, in one message or fragment: in fixed codes of at most 9 bits, or in stored
    /// blocks of at least 127 bytes with 5 bytes of header each; then a flush.
    pub(crate) fn bound(len: usize) -> usize {
        len.saturating_add(len / 8).saturating_add(len / 16).saturating_add(32)
    }
}

/// A DEFLATE stream, and the window behind it.
pub(crate) struct Deflater {
    stream: Stream,
    made_with: Compressor,
    /// Whether nothing of the message that is being compressed has been given to the stream.
    is_unused: bool,
}

impl Deflater {
    pub(crate) fn new(made_with: Compressor) -> Self {
        let Compressor { level, mem_level, window_bits, .. } = made_with;
        let config = DeflateConfig {
            level: level.into(),
            // Negative: no zlib header.
            window_bits: -i32::from(window_bits),
            mem_level: mem_level.into(),
            ..DeflateConfig::default()
        };
        Self { stream: Stream::new_with_config(config), made_with, is_unused: true }
    }

    pub(crate) fn made_with(&self) -> Compressor {
        self.made_with
    }

    /// Compresses a whole message or a fragment to `to`, which is empty. `fin` ends the message. Without takeover the window
    /// is empty behind it.
    pub(crate) fn deflate(&mut self, data: &[u8], fin: bool, to: &mut Queue) {
        let takeover = self.made_with.takeover;
        if data.is_empty() {
            // A second flush without data in between gives nothing.
            if fin {
                to.extend(&[EMPTY_BLOCK]);
                if !takeover && !self.is_unused {
                    self.stream.reset();
                }
            }
        } else {
            // A full flush empties the window as a reset does, and takes less time.
            let flush = if fin && !takeover { DeflateFlush::FullFlush } else { DeflateFlush::SyncFlush };
            self.compress(data, flush, to);
            if fin {
                to.drop_back(TAIL_LEN);
            }
        }
        self.is_unused = fin;
    }

    fn compress(&mut self, mut data: &[u8], flush: DeflateFlush, to: &mut Queue) {
        loop {
            let room = to.spare(Compressor::bound(data.len()));
            let len = room.len();
            let (in_before, out_before) = (self.stream.total_in(), self.stream.total_out());
            // The only errors are those of a stream that was used after its end, which this one never has.
            let _ = self.stream.compress(data, room, flush);
            let produced = distance(out_before, self.stream.total_out());
            data = data.get(distance(in_before, self.stream.total_in())..).unwrap_or_default();
            to.commit(produced);
            if produced < len {
                return;
            }
        }
    }
}
