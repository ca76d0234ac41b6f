//! zlib-rs: compression without WebSocket.

use std::sync::Arc;

use zlib_rs::{Deflate, Inflate, InflateFlush};

use crate::compressed::{TAIL, Trades, deflate, deflater};
use crate::library::{Job, Library, Sink, Work};

pub struct ZlibRs;

impl Library for ZlibRs {
    fn name(&self) -> &'static str {
        super::CODEC
    }

    fn includes(&self) -> &'static str {
        "no WebSocket: one call of `Deflate::compress` or `Inflate::decompress` for each message, into the same memory each \
         time, the four bytes at the end of a message in place. Text is not validated"
    }

    fn compress(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        let to = vec![0; 2 * trades.plain[0].len() + 1024];
        Some(Box::new(Compress { trades: Arc::clone(trades), deflater: deflater(), next: 0, to }))
    }

    fn inflate(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decompress {
            takeover: trades.takeover,
            with_tail: with_tail(trades),
            inflater: Inflate::new(false, 15),
            next: 0,
            to: vec![0; 2 * trades.plain[0].len() + 1024],
        }))
    }
}

/// The compressed messages with the bytes that belong behind them.
pub fn with_tail(trades: &Trades) -> Vec<Vec<u8>> {
    trades.deflated.iter().map(|payload| [payload, &TAIL[..]].concat()).collect()
}

struct Compress {
    trades: Arc<Trades>,
    deflater: Deflate,
    next: usize,
    to: Vec<u8>,
}

impl Work for Compress {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let plain = &self.trades.plain[self.next];
            to.take(deflate(&mut self.deflater, self.trades.takeover, plain, &mut self.to));
            self.next = (self.next + 1) % self.trades.plain.len();
        }
    }
}

struct Decompress {
    takeover: bool,
    with_tail: Vec<Vec<u8>>,
    inflater: Inflate,
    next: usize,
    to: Vec<u8>,
}

impl Work for Decompress {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let input = &self.with_tail[self.next];
            if !self.takeover {
                self.inflater.reset(false);
            }
            let before = self.inflater.total_out();
            self.inflater.decompress(input, &mut self.to, InflateFlush::SyncFlush).expect("valid DEFLATE");
            to.take(&self.to[..(self.inflater.total_out() - before) as usize]);
            self.next += 1;
            if self.next == self.with_tail.len() {
                self.next /= 2;
            }
        }
    }
}
