//! The tasks of a library, and where its results go.

use std::hint::black_box;
use std::sync::Arc;

use sansocket::{Bytes, Role};

use crate::compressed::Trades;
use crate::wire::Stream;

/// One library. A task that it does not implement it does not offer.
pub trait Library {
    fn name(&self) -> &'static str;

    /// One line that says what its numbers include.
    fn includes(&self) -> &'static str;

    /// A server receives the messages of a stream.
    fn decode(&self, _: &Arc<Stream>) -> Option<Box<dyn Job>> {
        None
    }

    /// Sends one binary message repeatedly to a stream that takes everything.
    fn encode(&self, _: &Message) -> Option<Box<dyn Job>> {
        None
    }

    /// The masking function alone, in place.
    fn mask(&self, _: &Masking) -> Option<Box<dyn Job>> {
        None
    }

    /// A server receives a request and sends the 101.
    fn accept(&self, _: &'static [u8]) -> Option<Box<dyn Job>> {
        None
    }

    /// A server sends texts, one after the other, compressed. A codec gives their payload.
    fn compress(&self, _: &Arc<Trades>) -> Option<Box<dyn Job>> {
        None
    }

    /// A client receives compressed texts. A codec is given their payload.
    fn inflate(&self, _: &Arc<Trades>) -> Option<Box<dyn Job>> {
        None
    }
}

/// A message to be sent.
#[derive(Clone)]
pub struct Message {
    pub role: Role,
    pub data: Bytes,
    /// How many are written at once: a power of two.
    pub a_write: u64,
}

impl Message {
    /// Whether what waits is written after the `sent`th message.
    #[inline(always)]
    pub fn ends_write(&self, sent: u64) -> bool {
        sent & (self.a_write - 1) == 0
    }
}

/// A payload at an unaligned address, the same offset for every library.
pub struct Masking {
    storage: Vec<u8>,
    begin: usize,
    pub key: [u8; 4],
}

impl Masking {
    pub fn of(payload: &[u8], key: [u8; 4]) -> Self {
        let mut storage = vec![0; payload.len() + 64];
        // One byte behind the beginning of a cache line.
        let begin = storage.as_ptr().align_offset(64) + 1;
        storage[begin..][..payload.len()].copy_from_slice(payload);
        storage.truncate(begin + payload.len());
        Self { storage, begin, key }
    }

    pub fn payload(&self) -> &[u8] {
        &self.storage[self.begin..]
    }

    pub fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.begin..]
    }
}

/// Handles a number of messages, from where the last call ended.
pub trait Work {
    fn run(&mut self, messages: u64, to: &mut impl Sink);
}

/// Takes what a library gives out or writes.
pub trait Sink {
    /// Whether the bytes are kept.
    const KEEPS: bool;

    fn take(&mut self, bytes: &[u8]);
}

/// For measuring: the bytes count as used.
pub struct Used;

impl Sink for Used {
    const KEEPS: bool = false;

    #[inline(always)]
    fn take(&mut self, bytes: &[u8]) {
        black_box(bytes);
    }
}

/// For checking: the bytes are kept.
#[derive(Default)]
pub struct Kept {
    pub parts: Vec<Vec<u8>>,
}

impl Sink for Kept {
    const KEEPS: bool = true;

    fn take(&mut self, bytes: &[u8]) {
        self.parts.push(bytes.to_vec());
    }
}

/// [`Work`] as a trait object. The code is compiled once for each sink, so that the library is called directly.
pub trait Job {
    fn time(&mut self, messages: u64);
    fn keep(&mut self, messages: u64) -> Kept;
}

impl<W: Work> Job for W {
    #[inline(never)]
    fn time(&mut self, messages: u64) {
        self.run(messages, &mut Used);
    }

    fn keep(&mut self, messages: u64) -> Kept {
        let mut kept = Kept::default();
        self.run(messages, &mut kept);
        kept
    }
}

/// A masking function as a job.
pub struct Mask<F> {
    pub masking: Masking,
    pub apply: F,
}

impl<F: Fn(&mut [u8], [u8; 4])> Mask<F> {
    pub fn job(masking: &Masking, apply: F) -> Option<Box<dyn Job>>
    where
        F: 'static,
    {
        Some(Box::new(Self { masking: Masking::of(masking.payload(), masking.key), apply }))
    }
}

impl<F: Fn(&mut [u8], [u8; 4])> Work for Mask<F> {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let key = self.masking.key;
        for _ in 0..messages {
            (self.apply)(black_box(self.masking.payload_mut()), black_box(key));
            to.take(self.masking.payload());
        }
    }
}
