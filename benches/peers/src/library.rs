//! What a library is asked to do, and where its results go.

use std::hint::black_box;
use std::sync::Arc;

use sansocket::{Bytes, Role};

use crate::wire::Stream;

/// One library. What it does not implement it does not offer.
pub trait Library {
    fn name(&self) -> &'static str;

    /// What its numbers include, in one line.
    fn includes(&self) -> &'static str;

    /// As a server: messages out of a stream.
    fn decode(&self, _: &Arc<Stream>) -> Option<Box<dyn Job>> {
        None
    }

    /// The same binary message over and over, each one written to a stream that takes everything.
    fn encode(&self, _: &Message) -> Option<Box<dyn Job>> {
        None
    }

    /// The bare masking function: a payload masked in place.
    fn mask(&self, _: &Masking) -> Option<Box<dyn Job>> {
        None
    }

    /// As a server: a request in, the 101 out.
    fn accept(&self, _: &'static [u8]) -> Option<Box<dyn Job>> {
        None
    }
}

/// A message to be sent.
#[derive(Clone)]
pub struct Message {
    pub role: Role,
    pub data: Bytes,
}

/// A payload at an address that is not aligned, the same way for everybody.
pub struct Masking {
    storage: Vec<u8>,
    begin: usize,
    pub key: [u8; 4],
}

impl Masking {
    pub fn of(payload: &[u8], key: [u8; 4]) -> Self {
        let mut storage = vec![0; payload.len() + 64];
        // One behind the beginning of a cache line.
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

/// Some number of messages, from where the last call ended.
pub trait Work {
    fn run(&mut self, messages: u64, to: &mut impl Sink);
}

/// What a library hands out or writes.
pub trait Sink {
    /// Whether what is taken is looked at.
    const KEEPS: bool;

    fn take(&mut self, bytes: &[u8]);
}

/// Where the time is taken: the bytes count as used, and no more.
pub struct Used;

impl Sink for Used {
    const KEEPS: bool = false;

    #[inline(always)]
    fn take(&mut self, bytes: &[u8]) {
        black_box(bytes);
    }
}

/// Where the results are checked.
#[derive(Default)]
pub struct Kept {
    pub pieces: Vec<Vec<u8>>,
}

impl Sink for Kept {
    const KEEPS: bool = true;

    fn take(&mut self, bytes: &[u8]) {
        self.pieces.push(bytes.to_vec());
    }
}

/// [`Work`] behind a pointer; compiled once for each sink, so that nothing stands between the library and its caller.
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
