//! The memory that receiving and sending take: each allocation is counted.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test panics if it meets something unexpected"
)]

mod counting;
#[cfg(feature = "deflate")]
#[path = "allocations/deflate.rs"]
mod deflate;
#[path = "allocations/idle.rs"]
mod idle;
#[cfg(feature = "deflate")]
mod opened;
#[path = "allocations/opening.rs"]
mod opening;

use counting::{allocations, bytes_in_use};
use sansocket::frame::{Decoder, FrameHeader, MaskKey, MaskKeySource, Opcode, copy_masked};
use sansocket::{CloseCode, Config, Connection, Event, Limits, Message, ProtocolError, Role};

const KEY: MaskKey = MaskKey([0x37, 0xfa, 0x21, 0x3d]);

struct SameKey;

impl MaskKeySource for SameKey {
    fn next_key(&mut self) -> MaskKey {
        KEY
    }
}

fn connection(role: Role, config: Config) -> Connection {
    match role {
        Role::Client => Connection::client_with_keys(config, SameKey),
        Role::Server => Connection::server(config),
    }
}

/// Adds a frame to the end with that role.
fn frame(to: Role, opcode: Opcode, fin: bool, payload: &[u8], out: &mut Vec<u8>) {
    let mask = (to == Role::Server).then_some(KEY);
    let header = FrameHeader::new(opcode, payload.len() as u64).fin(fin).mask(mask);
    let mut start = [0; FrameHeader::MAX_LEN];
    let len = header.encode(&mut start);
    out.extend_from_slice(&start[..len]);
    let begin = out.len();
    out.extend_from_slice(payload);
    copy_masked(&mut out[begin..], payload, mask.unwrap_or(MaskKey([0; 4])), 0);
}

/// Reads `wire` as from a socket, and sends each message back. The output is written at once.
fn echo(connection: &mut Connection, mut wire: &[u8]) {
    while !wire.is_empty() {
        connection.read_from(&mut wire).unwrap();
        let (receiver, sender) = connection.split_mut();
        while let Some(event) = receiver.next_event(sender).unwrap() {
            match event {
                Event::Text(text) => sender.send(text).unwrap(),
                Event::Binary(data) => sender.send(data).unwrap(),
                _ => {}
            }
            let n = sender.output().len();
            sender.output().advance(n);
        }
    }
}

/// Asserts that an echo of `wire` allocates nothing after the first time.
fn echo_allocates_nothing(role: Role, wire: &[u8], what: &str) {
    let mut connection = connection(role, Config::default());
    echo(&mut connection, wire);
    let again = allocations(|| (0..3).for_each(|_| echo(&mut connection, wire)));
    assert_eq!(again, 0, "{role:?}, {what}");
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn echo_of_messages_in_one_frame_allocates_nothing() {
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            for len in [0, 16, 125, 1 << 10, 16 << 10] {
                let mut wire = Vec::new();
                (0..100).for_each(|_| frame(role, opcode, true, &vec![b'x'; len], &mut wire));
                echo_allocates_nothing(role, &wire, &format!("{opcode:?} of {len} bytes"));
            }
        }
    }
}

#[test]
fn echo_of_fragments_with_pings_between_them_allocates_nothing() {
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            for len in [1, 100, 5000] {
                let mut wire = Vec::new();
                for _ in 0..10 {
                    frame(role, opcode, false, &vec![b'x'; len], &mut wire);
                    frame(role, Opcode::Ping, true, b"are you there?", &mut wire);
                    frame(role, Opcode::Continuation, false, &vec![b'x'; len], &mut wire);
                    frame(role, Opcode::Pong, true, b"", &mut wire);
                    frame(role, Opcode::Continuation, true, &vec![b'x'; len], &mut wire);
                }
                echo_allocates_nothing(role, &wire, &format!("{opcode:?} in fragments of {len} bytes"));
            }
        }
    }
}

/// Reads `wire` as from a socket, and writes the Pongs at once.
fn receive_and_pong(connection: &mut Connection, mut wire: &[u8]) {
    while !wire.is_empty() {
        connection.read_from(&mut wire).unwrap();
        while connection.next_event().unwrap().is_some() {}
        let n = connection.output().len();
        connection.output().advance(n);
    }
}

/// A message in fragments of `fragment_len` bytes. If they are long, a Ping comes before every fourth. (The answers to more
/// than 16 Pings in one read would take one allocation per read.)
fn in_fragments(to: Role, kind: Opcode, payload: &[u8], fragment_len: usize, out: &mut Vec<u8>) {
    let last = payload.len().div_ceil(fragment_len) - 1;
    for (index, fragment) in payload.chunks(fragment_len).enumerate() {
        if index % 4 == 3 && fragment_len >= 1 << 10 {
            frame(to, Opcode::Ping, true, b"are you there?", out);
        }
        let opcode = if index == 0 { kind } else { Opcode::Continuation };
        frame(to, opcode, index == last, fragment, out);
    }
}

#[test]
fn receiving_messages_of_any_length_and_fragmentation_allocates_nothing() {
    let text = "Grüße, 世界, здравствуй мир 🌍! ".repeat(20_000);
    let cut = |len: usize| &text.as_bytes()[..(0..=len).rfind(|&end| text.is_char_boundary(end)).unwrap()];
    for role in ROLES {
        for len in [1 << 10, 64 << 10, 1 << 20] {
            for (opcode, payload) in [(Opcode::Binary, &vec![b'x'; len][..]), (Opcode::Text, cut(len))] {
                let mut whole = Vec::new();
                (0..3).for_each(|_| frame(role, opcode, true, payload, &mut whole));
                let mut wires = vec![whole];
                for fragment_len in [64, 1 << 10] {
                    let mut wire = Vec::new();
                    (0..3).for_each(|_| in_fragments(role, opcode, payload, fragment_len, &mut wire));
                    wires.push(wire);
                }
                for (shape, wire) in wires.iter().enumerate() {
                    let mut connection = connection(role, Config::default());
                    receive_and_pong(&mut connection, wire);
                    let again = allocations(|| receive_and_pong(&mut connection, wire));
                    assert_eq!(again, 0, "{role:?}, {opcode:?} of {len} bytes, shape {shape}");
                }
            }
        }
    }
}

#[test]
fn sending_a_message_allocates_nothing() {
    for role in ROLES {
        for len in [0, 16, 1 << 10, 16 << 10, 64 << 10] {
            // A server references large payloads. A client copies them, and its output keeps less memory than the largest.
            if role == Role::Client && len > 16 << 10 {
                continue;
            }
            let message = Message::from(vec![b'x'; len]);
            // With the default keys of a client.
            let mut connection = match role {
                Role::Client => Connection::client(Config::default()),
                Role::Server => Connection::server(Config::default()),
            };
            let mut send = || {
                connection.send(&message).unwrap();
                let n = connection.output().len();
                connection.output().advance(n);
            };
            send();
            let again = allocations(|| (0..100).for_each(|_| send()));
            assert_eq!(again, 0, "{role:?}, {len} bytes");
        }
    }
}

/// Reads all of `wire` as from a socket, up to an error.
fn receive(connection: &mut Connection, mut wire: &[u8]) -> Option<ProtocolError> {
    while !wire.is_empty() {
        connection.read_from(&mut wire).unwrap();
        loop {
            match connection.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Some(error),
            }
        }
    }
    None
}

/// A connection that has been in use.
fn warm(role: Role, config: &Config) -> Connection {
    let mut connection = connection(role, config.clone());
    let mut wire = Vec::new();
    frame(role, Opcode::Text, true, b"a message", &mut wire);
    echo(&mut connection, &wire);
    connection
}

// attack: framing-3
// req: 6455-10.4-a
#[test]
fn section_10_4_claimed_length_costs_nothing() {
    for role in ROLES {
        for (opcode, fin) in [(Opcode::Text, true), (Opcode::Binary, true), (Opcode::Binary, false)] {
            let mut connection = warm(role, &Config::default());
            let header = claim(role, opcode, fin, 16 << 20);
            let claimed = allocations(|| assert_eq!(receive(&mut connection, &header), None));
            assert_eq!(claimed, 0, "{role:?} {opcode:?}");
            // Memory grows with the bytes that arrive.
            let (_, peak, _) = bytes_in_use(|| receive(&mut connection, &[0; 100]));
            assert!(peak <= 200, "{role:?} {opcode:?}: {peak} bytes for 100");
        }
    }
}

// attack: framing-3
// req: 6455-10.4-a, 6455-10.4-b
#[test]
fn section_10_4_length_over_the_limit_costs_a_close_frame() {
    for role in ROLES {
        for len in [(16 << 20) + 1, (1 << 32) + 5, i64::MAX as u64] {
            let mut connection = warm(role, &Config::default());
            let header = claim(role, Opcode::Binary, true, len);
            let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &header));
            assert_eq!(error, Some(ProtocolError::FrameTooLong { len, limit: 16 << 20 }));
            assert!(peak <= 256, "{role:?}: {peak} bytes for a claim of {len}");
        }
    }
}

fn claim(to: Role, opcode: Opcode, fin: bool, payload_len: u64) -> Vec<u8> {
    let mask = (to == Role::Server).then_some(KEY);
    let mut header = [0; FrameHeader::MAX_LEN];
    let len = FrameHeader::new(opcode, payload_len).fin(fin).mask(mask).encode(&mut header);
    header[..len].to_vec()
}

/// A message without end: `count` fragments with this payload each.
fn fragments(to: Role, opcode: Opcode, payload: &[u8], count: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    frame(to, opcode, false, payload, &mut wire);
    let mut next = Vec::new();
    frame(to, Opcode::Continuation, false, payload, &mut next);
    wire.extend(next.repeat(count - 1));
    wire
}

// attack: floods-2
#[test]
fn section_5_4_million_fragments_of_one_byte_cost_their_payload() {
    const FRAGMENTS: usize = 1 << 20;
    let limits = Limits::default().max_fragments(u32::MAX);
    let config = Config::default().limits(limits);
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let wire = fragments(role, opcode, b"x", FRAGMENTS);
            let mut connection = warm(role, &config);
            let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &wire));
            assert_eq!(error, None);
            assert!(peak <= FRAGMENTS + (64 << 10), "{role:?} {opcode:?}: {peak} bytes");
        }
    }
}

// attack: floods-2
// req: 6455-10.4-a
#[test]
fn section_5_4_million_empty_fragments_fail_at_the_limit_and_cost_nothing() {
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let wire = fragments(role, opcode, b"", 1_000_000);
            let mut connection = warm(role, &Config::default());
            let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &wire));
            assert_eq!(error, Some(ProtocolError::TooManyFragments { limit: 1 << 17 }));
            assert!(peak <= 256, "{role:?} {opcode:?}: {peak} bytes");
        }
    }
}

// attack: floods-1
#[test]
fn section_5_5_3_flood_of_pings_costs_a_few_pongs() {
    for role in ROLES {
        let mut ping = Vec::new();
        frame(role, Opcode::Ping, true, &[b'x'; 125], &mut ping);
        let wire = ping.repeat(100_000);
        let mut connection = warm(role, &Config::default());
        let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &wire));
        assert_eq!(error, None);
        assert!(peak <= 8 << 10, "{role:?}: {peak} bytes");
    }
}

#[test]
fn section_5_5_3_pong_that_replaces_another_allocates_nothing() {
    for role in ROLES {
        let mut connection = warm(role, &Config::default());
        let mut pings = Vec::new();
        (0..20).for_each(|i| frame(role, Opcode::Ping, true, &[i; 100], &mut pings));
        assert_eq!(receive(&mut connection, &pings), None);
        let again = allocations(|| assert_eq!(receive(&mut connection, &pings), None));
        assert_eq!(again, 0, "{role:?}");
    }
}

// attack: floods-6
#[test]
fn memory_of_a_large_message_is_freed() {
    const LEN: usize = 16 << 20;
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let (mut large, mut small) = (Vec::new(), Vec::new());
            frame(role, opcode, true, &vec![b'x'; LEN], &mut large);
            frame(role, opcode, true, b"small", &mut small);
            let mut connection = warm(role, &Config::default());
            let ((), peak, kept) = bytes_in_use(|| {
                echo(&mut connection, &large);
                echo(&mut connection, &small);
            });
            // The message and its echo, less the memory that was there before.
            assert!((2 * LEN - 1024..=5 * LEN).contains(&peak), "{role:?} {opcode:?}: {peak} bytes");
            assert!(kept <= 2 << 20, "{role:?} {opcode:?}: {kept} bytes kept");
        }
    }
}

// attack: floods-6
#[test]
fn memory_of_a_large_read_is_freed() {
    for role in ROLES {
        let mut large = Vec::new();
        frame(role, Opcode::Binary, true, &vec![b'x'; 8 << 20], &mut large);
        let mut connection = warm(role, &Config::default());
        let ((), _, kept) = bytes_in_use(|| {
            connection.receive(&large);
            assert!(connection.next_event().unwrap().is_some());
            assert_eq!(connection.next_event(), Ok(None));
        });
        assert!(kept <= 2 << 20, "{role:?}: {kept} bytes kept");
    }
}

#[test]
fn owned_message_takes_over_its_memory() {
    const LEN: usize = 4 << 20;
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let mut wire = Vec::new();
            frame(role, opcode, true, &vec![b'x'; LEN], &mut wire);
            let mut connection = warm(role, &Config::default());
            let (message, peak, kept) = bytes_in_use(|| {
                let mut wire = &wire[..];
                loop {
                    connection.read_from(&mut wire).unwrap();
                    if let Some(message) = connection.next_message().unwrap() {
                        return message;
                    }
                }
            });
            assert_eq!(message.len(), LEN);
            assert!(peak <= 3 * LEN, "{role:?} {opcode:?}: {peak} bytes at most");
            assert!(kept <= LEN + (LEN >> 2), "{role:?} {opcode:?}: {kept} bytes kept");
        }
    }
}

#[test]
fn section_7_close_frame_costs_its_reason() {
    for role in ROLES {
        let mut connection = warm(role, &Config::default());
        let mut wire = Vec::new();
        frame(role, Opcode::Close, true, &[&[0x03, 0xE8][..], &[b'r'; 123]].concat(), &mut wire);
        let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &wire));
        assert_eq!((error, connection.close_info().unwrap().code), (None, CloseCode::NORMAL));
        assert!(peak <= 256, "{role:?}: {peak} bytes");
    }
}

#[test]
fn decoder_allocates_nothing() {
    for role in ROLES {
        let mut wire = fragments(role, Opcode::Text, "€uro".as_bytes(), 1000);
        frame(role, Opcode::Ping, true, b"ping", &mut wire);
        frame(role, Opcode::Continuation, true, &[b'x'; 70_000], &mut wire);
        frame(role, Opcode::Close, true, b"\x03\xe8bye", &mut wire);
        frame(role, Opcode::Continuation, true, b"of nothing", &mut wire);
        let mut decoder = Decoder::new(role, Limits::default());
        let decoded = allocations(|| {
            let mut input = &mut wire[..];
            while decoder.decode(&mut input).is_ok_and(|chunk| chunk.is_some()) {}
            assert_eq!(decoder.decode(&mut input), Err(ProtocolError::NothingToContinue));
        });
        assert_eq!(decoded, 0, "{role:?}");
    }
}
