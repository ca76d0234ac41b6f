//! The rows of the table.

use std::hint::black_box;
use std::sync::Arc;

use sansocket::frame::{Opcode, apply_mask};
use sansocket::{Config, Message, Role, Storage};

use crate::common::{
    KEY, RESPONSE, Stream, accept, ascii, binary, bytes, connection, multi_byte, push_fragments, push_masked,
    receive, send,
};
use crate::compressed::{Takeover, inflate};
use crate::shells::echo;

/// The number of messages in a row that reads no stream.
const MESSAGES: u64 = 1000;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The number of messages in one run.
    pub(crate) messages: u64,
    pub(crate) work: Box<dyn FnMut()>,
}

impl Row {
    pub(crate) fn run(&mut self) {
        (self.work)();
    }
}

/// A row that is made when it is needed: under Callgrind that takes seconds.
pub(crate) struct Unmade {
    pub(crate) name: &'static str,
    make: Box<dyn FnOnce() -> Row>,
}

impl Unmade {
    pub(crate) fn make(self) -> Row {
        (self.make)()
    }
}

macro_rules! rows {
    ($($make:ident($name:literal $(, $argument:expr)* $(,)?)),* $(,)?) => {
        vec![$(Unmade { name: $name, make: Box::new(move || $make($name $(, $argument)*)) }),*]
    };
}

pub(crate) fn all() -> Vec<Unmade> {
    let whole = |opcode, payload| Stream::of(payload, |to, payload| push_masked(to, opcode, true, payload));
    let fragments = |opcode, payload, len, ping_every| {
        Stream::of(payload, |to, payload| push_fragments(to, opcode, payload, len, ping_every))
    };
    rows![
        decode("decode binary 0 B", whole(Opcode::Binary, binary(0))),
        decode("decode binary 16 B", whole(Opcode::Binary, binary(16))),
        decode("decode binary 125 B", whole(Opcode::Binary, binary(125))),
        decode("decode text ASCII 16 B", whole(Opcode::Text, ascii(16).into())),
        decode("decode binary 64 KiB", whole(Opcode::Binary, binary(64 << 10))),
        decode("decode text ASCII 64 KiB", whole(Opcode::Text, ascii(64 << 10).into())),
        decode("decode text multi-byte 64 KiB", whole(Opcode::Text, multi_byte(64 << 10).into())),
        decode("decode binary 1 KiB in 64 B", fragments(Opcode::Binary, binary(1 << 10), 64, None)),
        decode("decode text 1 KiB in 64 B", fragments(Opcode::Text, multi_byte(1 << 10).into(), 64, None)),
        decode(
            "decode binary 64 KiB in 1 KiB, pings between",
            fragments(Opcode::Binary, binary(64 << 10), 1 << 10, Some(4)),
        ),
        encode("encode server 16 B", Role::Server),
        encode("encode client 16 B", Role::Client),
        write("write server 16 B", Role::Server, 16),
        write("write client 16 B", Role::Client, 16),
        write("write server 1 KiB", Role::Server, 1 << 10),
        write("write client 1 KiB", Role::Client, 1 << 10),
        inflate("inflate 64 B", 64, Takeover::On, 1000),
        inflate("inflate 64 B, no takeover", 64, Takeover::Off, 1000),
        inflate("inflate 1 KiB", 1 << 10, Takeover::On, 500),
        inflate("inflate 64 KiB", 64 << 10, Takeover::On, 20),
        echo("tokio echo 16 B, one a read", whole(Opcode::Binary, binary(16)), 2 + 4 + 16),
        echo("tokio echo 16 B, 64 a read", whole(Opcode::Binary, binary(16)), 64 * (2 + 4 + 16)),
        echo("tokio echo 1 KiB, 16 a read", whole(Opcode::Binary, binary(1 << 10)), 16 * (4 + 4 + 1024)),
        mask("mask 125 B"),
        handshake("handshake server"),
    ]
}

fn decode(name: &'static str, stream: Stream) -> Row {
    let messages = stream.messages;
    let mut connection = connection(Role::Server);
    let mut arrived = 0;
    receive(&mut connection, &stream.bytes, |data| {
        assert_eq!(data, stream.payload);
        arrived += 1;
    });
    assert_eq!(arrived, messages, "{name}");
    let work = move || receive(&mut connection, &stream.bytes, |data| _ = black_box(data));
    Row { name, messages, work: Box::new(work) }
}

fn encode(name: &'static str, role: Role) -> Row {
    let message = Message::from(binary(16));
    let mut connection = connection(role);
    let frame_len = if role == Role::Client { 2 + 4 + 16 } else { 2 + 16 };
    let mut written = 0;
    send(&mut connection, &message, |chunk| written += chunk.len());
    assert_eq!(written, frame_len, "{name}");
    let work = move || {
        for _ in 0..MESSAGES {
            send(&mut connection, black_box(&message), |chunk| _ = black_box(chunk));
        }
    };
    Row { name, messages: MESSAGES, work: Box::new(work) }
}

/// Each message is sent and written.
fn write(name: &'static str, role: Role, len: usize) -> Row {
    let message = Message::from(binary(len));
    let mut connection = connection(role);
    let mut room = vec![0; 2 * len + 64];
    connection.send(&message).expect("there is room");
    let mut rest = &mut room[..];
    let written = connection.output().write_to(&mut rest).expect("there is room");
    assert!(written > len && connection.output().is_empty(), "{name}");
    let work = move || {
        for _ in 0..MESSAGES {
            connection.send(black_box(&message)).expect("there is room");
            connection.output().write_to(&mut black_box(&mut room[..])).expect("there is room");
        }
    };
    Row { name, messages: MESSAGES, work: Box::new(work) }
}

/// Masks a payload that begins one byte behind a multiple of 64.
fn mask(name: &'static str) -> Row {
    let mut storage = binary(64 + 1 + 125);
    let begin = storage.as_ptr().align_offset(64) + 1;
    let plain = binary(125);
    let mut masked = plain.clone();
    apply_mask(&mut masked, KEY, 0);
    assert!(plain.iter().zip(KEY.0.iter().cycle()).map(|(byte, key)| byte ^ key).eq(masked), "{name}");
    let work = move || {
        let payload = storage.split_at_mut(begin).1.split_at_mut(125).0;
        for _ in 0..MESSAGES {
            apply_mask(black_box(payload), black_box(KEY), 0);
        }
    };
    Row { name, messages: MESSAGES, work: Box::new(work) }
}

fn handshake(name: &'static str) -> Row {
    let config = Arc::<Config>::default();
    let mut storage = Storage::new();
    assert_eq!(bytes(accept(&config, &mut storage).output()), RESPONSE);
    let work = move || {
        for _ in 0..MESSAGES {
            accept(&config, &mut storage).output().chunks().for_each(|chunk| _ = black_box(chunk));
        }
    };
    Row { name, messages: MESSAGES, work: Box::new(work) }
}
