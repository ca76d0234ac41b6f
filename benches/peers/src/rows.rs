//! The rows of the table: the tasks and their bounds.

use std::sync::Arc;

use sansocket::frame::Opcode;
use sansocket::{Bytes, Role};

use crate::compressed::Trades;
use crate::libraries::{CODEC, LIMIT};
use crate::library::{Job, Library, Masking, Message};
use crate::wire::{self, KEY, REQUEST, Stream, push_fragments, push_masked};

/// One line of the table.
pub struct Row {
    pub name: String,
    pub bound: Bound,
    pub task: Task,
}

/// Times on the machine where the bounds were set, in nanoseconds per message. The bound in a run is the ratio of the two,
/// multiplied by the time of `limit` in that run.
#[derive(Clone, Copy)]
pub struct Bound {
    pub limit: f64,
    pub ours: f64,
}

impl Bound {
    pub fn ratio(self) -> f64 {
        self.ours / self.limit
    }
}

pub enum Task {
    Decode(Arc<Stream>),
    Encode(Message),
    Mask(Masking),
    Accept,
    Compress(Arc<Trades>),
    Inflate(Arc<Trades>),
}

impl Task {
    /// The library that the bound is a ratio to.
    pub fn base(&self) -> &'static str {
        if matches!(self, Self::Compress(_) | Self::Inflate(_)) { CODEC } else { LIMIT }
    }

    /// How many messages belong together.
    pub fn unit(&self) -> u64 {
        if let Self::Encode(message) = self { message.a_write } else { 1 }
    }

    pub fn job(&self, library: &dyn Library) -> Option<Box<dyn Job>> {
        match self {
            Self::Decode(stream) => library.decode(stream),
            Self::Encode(message) => library.encode(message),
            Self::Mask(masking) => library.mask(masking),
            Self::Accept => library.accept(REQUEST),
            Self::Compress(trades) => library.compress(trades),
            Self::Inflate(trades) => library.inflate(trades),
        }
    }
}

pub fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    decode(&mut rows);
    encode(&mut rows);
    mask(&mut rows);
    rows.push(row("handshake server".into(), 467.0, 650.0, Task::Accept));
    compression(&mut rows);
    rows
}

fn row(name: String, limit: f64, ours: f64, task: Task) -> Row {
    Row { name, bound: Bound { limit, ours }, task }
}

fn decode(rows: &mut Vec<Row>) {
    let mut push = |name: String, limit, ours, stream| {
        rows.push(row(format!("decode {name}"), limit, ours, Task::Decode(Arc::new(stream))));
    };
    let whole = |opcode, payload| Stream::of(payload, |to, payload| push_masked(to, opcode, true, payload));
    for (len, limit, ours) in [
        (0, 5.0, 5.0),
        (16, 6.4, 7.0),
        (125, 14.0, 12.0),
        (1 << 10, 33.0, 38.0),
        (5 << 10, 123.0, 129.0),
        (16 << 10, 492.0, 390.0),
        (64 << 10, 2589.0, 2500.0),
        (100 << 10, 3023.0, 3174.0),
        (1 << 20, 47_700.0, 51_000.0),
    ] {
        let stream = whole(Opcode::Binary, wire::binary(len));
        push(format!("binary {}", wire::size(len)), limit, ours, stream);
    }
    for (len, limit, ours) in [(16, 17.0, 11.0), (1 << 10, 48.0, 55.0), (64 << 10, 2638.0, 2770.0)] {
        let stream = whole(Opcode::Text, wire::ascii(len).into());
        push(format!("text ASCII {}", wire::size(len)), limit, ours, stream);
    }
    for (len, limit, ours) in [(1 << 10, 120.0, 130.0), (64 << 10, 7760.0, 7900.0)] {
        let stream = whole(Opcode::Text, wire::multi_byte(len).into());
        push(format!("text multi-byte {}", wire::size(len)), limit, ours, stream);
    }

    let fragments = |opcode, payload, fragment_len, ping_every| {
        Stream::of(payload, |to, payload| push_fragments(to, opcode, payload, fragment_len, ping_every))
    };
    let stream = fragments(Opcode::Binary, wire::binary(64 << 10), 1 << 10, Some(4));
    push("binary 64 KiB in 1 KiB, pings between".into(), 3700.0, 3700.0, stream);
    let text = wire::multi_byte(64 << 10);
    let ends = (1 << 10..text.len()).step_by(1 << 10);
    let inside = ends.filter(|&end| !text.is_char_boundary(end)).count();
    assert!(inside > 16, "only {inside} fragments end inside characters");
    let stream = fragments(Opcode::Text, text.clone().into(), 1 << 10, None);
    push("text multi-byte 64 KiB in 1 KiB".into(), 6149.0, 6456.0, stream);
    let stream = fragments(Opcode::Text, text.into(), 1 << 10, Some(4));
    push("text multi-byte 64 KiB in 1 KiB, pings between".into(), 8750.0, 11_000.0, stream);
    let stream = fragments(Opcode::Binary, wire::binary(1 << 10), 64, None);
    push("binary 1 KiB in 64 B".into(), 108.0, 240.0, stream);
}

fn encode(rows: &mut Vec<Row>) {
    let (server, client) = (Role::Server, Role::Client);
    for (name, role, len, a_write, limit, ours) in [
        ("server 16 B", server, 16, 1, 2.4, 9.8),
        ("server 16 B, 64 a write", server, 16, 64, 2.4, 5.2),
        ("server 1 KiB", server, 1 << 10, 1, 3.7, 19.2),
        ("server 1 KiB, 64 a write", server, 1 << 10, 64, 18.3, 18.3),
        ("server 64 KiB by reference", server, 64 << 10, 1, 1.4, 15.0),
        ("client 16 B", client, 16, 1, 2.8, 7.0),
        ("client 16 B, 64 a write", client, 16, 64, 3.0, 6.3),
        ("client 1 KiB", client, 1 << 10, 1, 13.0, 18.0),
        ("client 1 KiB, 64 a write", client, 1 << 10, 64, 24.5, 22.0),
        ("client 16 KiB", client, 16 << 10, 1, 145.0, 190.0),
    ] {
        let message = Message { role, data: Bytes::from(wire::binary(len)), a_write };
        rows.push(row(format!("encode {name}"), limit, ours, Task::Encode(message)));
    }
}

fn mask(rows: &mut Vec<Row>) {
    for (len, limit, ours) in [(125, 6.0, 6.5), (1 << 10, 13.6, 15.5), (16 << 10, 118.0, 125.0)] {
        let masking = Masking::of(&wire::binary(len), KEY.0);
        rows.push(row(format!("mask {}", wire::size(len)), limit, ours, Task::Mask(masking)));
    }
}

/// The bounds are set, not measured: 15 % above bare zlib-rs for messages of 64 B, else 5 %.
fn compression(rows: &mut Vec<Row>) {
    let sizes = [(64, 1.15), (1 << 10, 1.05), (64 << 10, 1.05)];
    for (name, task) in [("compress", Task::Compress as fn(_) -> _), ("inflate", Task::Inflate)] {
        for (len, bound) in sizes {
            for takeover in [true, false] {
                let trades = Arc::new(Trades::new(len, takeover));
                let with = if takeover { "takeover" } else { "no takeover" };
                rows.push(row(format!("{name} {}, {with}", wire::size(len)), 1.0, bound, task(trades)));
            }
        }
    }
}
