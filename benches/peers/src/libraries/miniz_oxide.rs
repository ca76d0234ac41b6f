//! miniz_oxide: an inflater without `unsafe`, and without WebSocket.

use std::sync::Arc;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_HAS_MORE_INPUT};

use super::zlib_rs::with_tail;
use crate::compressed::Trades;
use crate::library::{Job, Library, Sink, Work};

pub struct MinizOxide;

/// The length of a window. The window is the ring that is inflated to.
const WINDOW_LEN: usize = 32 << 10;

impl Library for MinizOxide {
    fn name(&self) -> &'static str {
        "miniz_oxide"
    }

    fn includes(&self) -> &'static str {
        "no WebSocket: `inflate::core::decompress` into a ring of 32 KiB, from there into the same memory each time, the four \
         bytes at the end of a message in place. Text is not validated"
    }

    fn inflate(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decompress {
            takeover: trades.takeover,
            with_tail: with_tail(trades),
            state: Box::default(),
            ring: vec![0; WINDOW_LEN],
            position: 0,
            next: 0,
            to: Vec::with_capacity(2 * trades.plain[0].len() + 1024),
        }))
    }
}

struct Decompress {
    takeover: bool,
    with_tail: Vec<Vec<u8>>,
    state: Box<DecompressorOxide>,
    ring: Vec<u8>,
    /// Where the next byte goes in the ring.
    position: usize,
    next: usize,
    to: Vec<u8>,
}

impl Work for Decompress {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let mut input = &self.with_tail[self.next][..];
            if !self.takeover {
                self.state.init();
                self.position = 0;
            }
            self.to.clear();
            loop {
                let (status, consumed, produced) = decompress(
                    &mut self.state,
                    input,
                    &mut self.ring,
                    self.position,
                    TINFL_FLAG_HAS_MORE_INPUT,
                );
                self.to.extend_from_slice(&self.ring[self.position..][..produced]);
                self.position = (self.position + produced) % WINDOW_LEN;
                input = &input[consumed..];
                match status {
                    TINFLStatus::HasMoreOutput => {}
                    TINFLStatus::NeedsMoreInput => break,
                    status => panic!("{status:?}"),
                }
            }
            to.take(&self.to);
            self.next += 1;
            if self.next == self.with_tail.len() {
                self.next /= 2;
            }
        }
    }
}
