//! The time per byte. It must be the same for messages of every size, in one frame or many, in long reads and short.

use std::hint::black_box;

use sansocket::frame::Opcode;
use sansocket::{Config, Connection, Event, Limits};

use crate::measure::{Effort, cpu_time_of};
use crate::wire::{self, push_fragments, push_masked};

pub const LENGTHS: [usize; 4] = [64 << 10, 1 << 20, 16 << 20, 100 << 20];

pub struct Line {
    pub name: &'static str,
    arrival: Arrival,
    longest: usize,
}

enum Arrival {
    /// Frames made by `push`, in reads of at most `read_len` bytes.
    Frames { push: fn(&mut Vec<u8>, &[u8]), read_len: usize },
    /// Nothing is received. Memory of the length of the message is allocated and written: the time that the operating
    /// system takes to clear pages.
    MemoryAlone,
}

/// Nanoseconds per byte, for each length.
pub struct Times {
    pub name: &'static str,
    pub times: Vec<(usize, f64)>,
}

pub fn all() -> [Line; 4] {
    let frames = |push, read_len| Arrival::Frames { push, read_len };
    [
        Line { name: "linear: one frame", arrival: frames(one_frame, usize::MAX), longest: 100 << 20 },
        Line {
            name: "linear: fragments of 64 B",
            arrival: frames(fragments, usize::MAX),
            longest: 100 << 20,
        },
        Line { name: "linear: one frame, byte by byte", arrival: frames(one_frame, 1), longest: 16 << 20 },
        Line { name: "linear: memory alone", arrival: Arrival::MemoryAlone, longest: 100 << 20 },
    ]
}

fn one_frame(to: &mut Vec<u8>, payload: &[u8]) {
    push_masked(to, Opcode::Binary, true, payload);
}

fn fragments(to: &mut Vec<u8>, payload: &[u8]) {
    push_fragments(to, Opcode::Binary, payload, 64, None);
}

impl Line {
    pub fn measure(&self, effort: Effort) -> Times {
        // A quick run measures the two shortest lengths, which still show growth.
        let longest = if effort.is_quick() { 1 << 20 } else { self.longest };
        let lengths = LENGTHS.iter().filter(|&&len| len <= longest);
        Times { name: self.name, times: lengths.map(|&len| (len, self.per_byte(len, effort))).collect() }
    }

    /// The best of some rounds, each with a new connection. Short messages have more rounds.
    fn per_byte(&self, len: usize, effort: Effort) -> f64 {
        let payload = wire::binary(len);
        let mut bytes = Vec::new();
        if let Arrival::Frames { push, .. } = self.arrival {
            push(&mut bytes, &payload);
        }
        let rounds = (effort.rounds * (1 << 20) / len).clamp(3, effort.rounds);
        let times = (0..rounds).map(|_| {
            let taken = cpu_time_of(|| match self.arrival {
                Arrival::Frames { read_len, .. } => receive(&bytes, read_len, |data| {
                    // A comparison that takes no time.
                    let same = (data.len(), data.last()) == (payload.len(), payload.last());
                    assert!(same, "{}: the message has not arrived as it was sent", self.name);
                }),
                Arrival::MemoryAlone => drop(black_box(payload.clone())),
            });
            taken.as_nanos() as f64 / len as f64
        });
        times.fold(f64::INFINITY, f64::min)
    }
}

/// Receives one message with a new connection.
fn receive(mut wire: &[u8], read_len: usize, mut on_message: impl FnMut(&[u8])) {
    let limits = Limits::default().max_frame_len(u64::MAX).max_message_len(u64::MAX).max_fragments(u32::MAX);
    let mut connection = Connection::server(Config::default().limits(limits));
    let mut messages = 0;
    while !wire.is_empty() {
        let (mut part, rest) = wire.split_at(read_len.min(wire.len()));
        wire = rest;
        while !part.is_empty() {
            connection.read_from(&mut part).expect("a slice has no errors");
            while let Some(event) = connection.next_event().expect("the stream is valid") {
                if let Event::Binary(data) = event {
                    on_message(data);
                    messages += 1;
                }
            }
        }
    }
    assert_eq!(messages, 1);
}
