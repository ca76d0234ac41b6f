//! What receiving and sending cost in memory, by a count of every allocation.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that meets what it did not expect is to end there"
)]

mod counting;

use std::sync::Arc;

use counting::{allocations, bytes_in_use};
use sansocket::frame::{Decoder, FrameHeader, MaskKey, MaskKeys, Opcode, copy_masked};
use sansocket::{Buffer, CloseCode, Config, Connection, Event, Limits, Message, ProtocolError, Role};

const KEY: MaskKey = MaskKey([0x37, 0xfa, 0x21, 0x3d]);

struct SameKey;

impl MaskKeys for SameKey {
    fn next_key(&mut self) -> MaskKey {
        KEY
    }
}

fn connection(role: Role, config: Config) -> Connection {
    match role {
        Role::Client => Connection::client(config, SameKey),
        Role::Server => Connection::server(config),
    }
}

/// Adds a frame to the end with that role.
fn frame(to: Role, opcode: Opcode, fin: bool, payload: &[u8], out: &mut Vec<u8>) {
    let mask = (to == Role::Server).then_some(KEY);
    let header = FrameHeader { fin, rsv1: false, opcode, mask, payload_len: payload.len() as u64 };
    let mut start = [0; FrameHeader::MAX_LEN];
    let len = header.encode(&mut start);
    out.extend_from_slice(&start[..len]);
    let begin = out.len();
    out.extend_from_slice(payload);
    copy_masked(&mut out[begin..], payload, mask.unwrap_or(MaskKey([0; 4])), 0);
}

/// Reads `wire` as a socket would give it, and sends every message back. The output is written at once.
fn echo(connection: &mut Connection, input: &mut Buffer, mut wire: &[u8]) {
    while !wire.is_empty() {
        input.read_from(&mut wire).unwrap();
        while let Some(event) = connection.next_event(input).unwrap() {
            match event {
                Event::Text(text) => connection.send_text(text).unwrap(),
                Event::Binary(data) => connection.send_binary(data).unwrap(),
                _ => {}
            }
            let n = connection.output().len();
            connection.output().advance(n);
        }
    }
}

/// Asserts that an echo of `wire` costs nothing once it has been done before.
fn echoes_for_free(role: Role, wire: &[u8], what: &str) {
    let (mut connection, mut input) = (connection(role, Config::default()), Buffer::new());
    echo(&mut connection, &mut input, wire);
    let again = allocations(|| (0..3).for_each(|_| echo(&mut connection, &mut input, wire)));
    assert_eq!(again, 0, "{role:?}, {what}");
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn an_echo_of_messages_in_one_frame_allocates_nothing() {
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            for len in [0, 16, 125, 1 << 10, 16 << 10] {
                let mut wire = Vec::new();
                (0..100).for_each(|_| frame(role, opcode, true, &vec![b'x'; len], &mut wire));
                echoes_for_free(role, &wire, &format!("{opcode:?} of {len} bytes"));
            }
        }
    }
}

#[test]
fn an_echo_of_fragments_with_pings_between_them_allocates_nothing() {
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
                echoes_for_free(role, &wire, &format!("{opcode:?} in fragments of {len} bytes"));
            }
        }
    }
}

/// Reads `wire` as a socket would give it, and writes the Pongs at once.
fn receive_and_pong(connection: &mut Connection, input: &mut Buffer, mut wire: &[u8]) {
    while !wire.is_empty() {
        input.read_from(&mut wire).unwrap();
        while connection.next_event(input).unwrap().is_some() {}
        let n = connection.output().len();
        connection.output().advance(n);
    }
}

/// A message in fragments of so many bytes, with a Ping before every fourth of them where they are long: where more
/// than 16 come in one read, the last is kept aside, and that is one allocation a read.
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
fn messages_of_every_size_and_shape_are_received_for_nothing() {
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
                    let (mut connection, mut input) = (connection(role, Config::default()), Buffer::new());
                    receive_and_pong(&mut connection, &mut input, wire);
                    let again = allocations(|| receive_and_pong(&mut connection, &mut input, wire));
                    assert_eq!(again, 0, "{role:?}, {opcode:?} of {len} bytes, shape {shape}");
                }
            }
        }
    }
}

#[test]
fn a_message_is_sent_for_nothing() {
    for role in ROLES {
        for len in [0, 16, 1 << 10, 16 << 10, 64 << 10] {
            // A server refers to what is large; a client has to copy it, and an output that has been written keeps
            // less than the largest.
            if role == Role::Client && len > 16 << 10 {
                continue;
            }
            let message = Message::from(vec![b'x'; len]);
            // With the keys that a client has by default.
            let mut connection = Connection::new(role, Config::default());
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

#[test]
fn a_connection_without_traffic_costs_next_to_nothing() {
    let config = std::sync::Arc::new(Config::default());
    let (idle, _, kept) = bytes_in_use(|| (Connection::server(config), Buffer::new()));
    assert_eq!(kept, 0);
    drop(idle);
}

/// Reads all of `wire`, as a socket would give it, up to an error.
fn receive(connection: &mut Connection, input: &mut Buffer, mut wire: &[u8]) -> Option<ProtocolError> {
    while !wire.is_empty() {
        input.read_from(&mut wire).unwrap();
        loop {
            match connection.next_event(input) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Some(error),
            }
        }
    }
    None
}

/// A connection and a buffer that have been in use.
fn warm(role: Role, config: &Config) -> (Connection, Buffer) {
    let (mut connection, mut input) = (connection(role, config.clone()), Buffer::new());
    let mut wire = Vec::new();
    frame(role, Opcode::Text, true, b"a message", &mut wire);
    echo(&mut connection, &mut input, &wire);
    (connection, input)
}

// attack: framing-3
// req: 6455-10.4-a
#[test]
fn section_10_4_a_length_that_is_only_claimed_costs_nothing() {
    for role in ROLES {
        for (opcode, fin) in [(Opcode::Text, true), (Opcode::Binary, true), (Opcode::Binary, false)] {
            let (mut connection, mut input) = warm(role, &Config::default());
            let header = claim(role, opcode, fin, 16 << 20);
            let claimed = allocations(|| assert_eq!(receive(&mut connection, &mut input, &header), None));
            assert_eq!(claimed, 0, "{role:?} {opcode:?}");
            // What has arrived of it is kept, and nothing for the rest.
            let (_, peak, _) = bytes_in_use(|| receive(&mut connection, &mut input, &[0; 100]));
            assert!(peak <= 200, "{role:?} {opcode:?}: {peak} bytes for 100");
        }
    }
}

// attack: framing-3
// req: 6455-10.4-a, 6455-10.4-b
#[test]
fn section_10_4_a_length_over_the_limit_costs_a_close_frame() {
    for role in ROLES {
        for len in [(16 << 20) + 1, (1 << 32) + 5, i64::MAX as u64] {
            let (mut connection, mut input) = warm(role, &Config::default());
            let header = claim(role, Opcode::Binary, true, len);
            let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &mut input, &header));
            assert_eq!(error, Some(ProtocolError::FrameTooLong));
            assert!(peak <= 256, "{role:?}: {peak} bytes for a claim of {len}");
        }
    }
}

fn claim(to: Role, opcode: Opcode, fin: bool, payload_len: u64) -> Vec<u8> {
    let mask = (to == Role::Server).then_some(KEY);
    let mut header = [0; FrameHeader::MAX_LEN];
    let len = FrameHeader { fin, rsv1: false, opcode, mask, payload_len }.encode(&mut header);
    header[..len].to_vec()
}

/// A message in `count` fragments with this payload each, and no end.
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
fn section_5_4_a_million_fragments_of_one_byte_cost_their_payload() {
    const FRAGMENTS: usize = 1 << 20;
    let limits = Limits { max_fragments: u32::MAX, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let wire = fragments(role, opcode, b"x", FRAGMENTS);
            let (mut connection, mut input) = warm(role, &config);
            let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &mut input, &wire));
            assert_eq!(error, None);
            assert!(peak <= FRAGMENTS + (64 << 10), "{role:?} {opcode:?}: {peak} bytes");
        }
    }
}

// attack: floods-2
// req: 6455-10.4-a
#[test]
fn section_5_4_a_million_empty_fragments_fail_at_the_limit_and_cost_nothing() {
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let wire = fragments(role, opcode, b"", 1_000_000);
            let (mut connection, mut input) = warm(role, &Config::default());
            let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &mut input, &wire));
            assert_eq!(error, Some(ProtocolError::TooManyFragments));
            assert!(peak <= 256, "{role:?} {opcode:?}: {peak} bytes");
        }
    }
}

// attack: floods-1
#[test]
fn section_5_5_3_a_flood_of_pings_costs_a_few_pongs() {
    for role in ROLES {
        let mut ping = Vec::new();
        frame(role, Opcode::Ping, true, &[b'x'; 125], &mut ping);
        let wire = ping.repeat(100_000);
        let (mut connection, mut input) = warm(role, &Config::default());
        let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &mut input, &wire));
        assert_eq!(error, None);
        assert!(peak <= 8 << 10, "{role:?}: {peak} bytes");
    }
}

#[test]
fn section_5_5_3_a_pong_that_takes_the_place_of_another_allocates_nothing() {
    for role in ROLES {
        let (mut connection, mut input) = warm(role, &Config::default());
        let mut pings = Vec::new();
        (0..20).for_each(|i| frame(role, Opcode::Ping, true, &[i; 100], &mut pings));
        assert_eq!(receive(&mut connection, &mut input, &pings), None);
        let again = allocations(|| assert_eq!(receive(&mut connection, &mut input, &pings), None));
        assert_eq!(again, 0, "{role:?}");
    }
}

// attack: floods-6
#[test]
fn a_large_message_gives_its_memory_back() {
    const LEN: usize = 16 << 20;
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let (mut large, mut small) = (Vec::new(), Vec::new());
            frame(role, opcode, true, &vec![b'x'; LEN], &mut large);
            frame(role, opcode, true, b"small", &mut small);
            let (mut connection, mut input) = warm(role, &Config::default());
            let ((), peak, kept) = bytes_in_use(|| {
                echo(&mut connection, &mut input, &large);
                echo(&mut connection, &mut input, &small);
            });
            // The message, and its echo, less the little that was there before.
            assert!((2 * LEN - 1024..=5 * LEN).contains(&peak), "{role:?} {opcode:?}: {peak} bytes");
            assert!(kept <= 2 << 20, "{role:?} {opcode:?}: {kept} bytes kept");
        }
    }
}

// attack: floods-6
#[test]
fn a_large_read_gives_its_memory_back() {
    for role in ROLES {
        let mut large = Vec::new();
        frame(role, Opcode::Binary, true, &vec![b'x'; 8 << 20], &mut large);
        let (mut connection, mut input) = warm(role, &Config::default());
        let ((), _, kept) = bytes_in_use(|| {
            input.extend_from_slice(&large);
            assert!(connection.next_event(&mut input).unwrap().is_some());
            assert_eq!(connection.next_event(&mut input), Ok(None));
        });
        assert!(kept <= 2 << 20, "{role:?}: {kept} bytes kept");
    }
}

#[test]
fn an_owned_message_costs_itself() {
    const LEN: usize = 4 << 20;
    for role in ROLES {
        for opcode in [Opcode::Text, Opcode::Binary] {
            let mut wire = Vec::new();
            frame(role, opcode, true, &vec![b'x'; LEN], &mut wire);
            let (mut connection, mut input) = warm(role, &Config::default());
            let (message, peak, kept) = bytes_in_use(|| {
                let mut wire = &wire[..];
                loop {
                    input.read_from(&mut wire).unwrap();
                    if let Some(message) = connection.next_message(&mut input).unwrap() {
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
fn section_7_a_reason_is_all_that_is_kept_of_a_close_frame() {
    for role in ROLES {
        let (mut connection, mut input) = warm(role, &Config::default());
        let mut wire = Vec::new();
        frame(role, Opcode::Close, true, &[&[0x03, 0xE8][..], &[b'r'; 123]].concat(), &mut wire);
        let (error, peak, _) = bytes_in_use(|| receive(&mut connection, &mut input, &wire));
        assert_eq!((error, connection.close_info().unwrap().code), (None, CloseCode::NORMAL));
        assert!(peak <= 256, "{role:?}: {peak} bytes");
    }
}

#[test]
fn a_decoder_allocates_nothing_whatever_comes() {
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

// attack: server-1, client-1
#[test]
fn section_4_a_head_of_20_megabytes_costs_as_much_as_the_limit() {
    use sansocket::handshake::{client, server};

    let request = client::Request::new("ws://example.com/").unwrap();
    for filler in [&b"x"[..], b"X: y\r\n"] {
        let part = filler.repeat(1000);
        let feed = |input: &mut Buffer, receive: &mut dyn FnMut(&mut Buffer) -> bool| {
            let refused = (0..20 << 20).step_by(part.len()).position(|_| {
                input.extend_from_slice(&part);
                receive(input)
            });
            assert!(refused.unwrap() <= 40, "after {refused:?} parts");
        };
        let ((), peak, _) = bytes_in_use(|| {
            let (mut handshake, mut input) = (server::Handshake::new(Config::default()), Buffer::new());
            input.extend_from_slice(b"GET / HTTP/1.1\r\nX: ");
            feed(&mut input, &mut |input| handshake.receive(input).is_err());
        });
        assert!(peak <= 128 << 10, "server: {peak} bytes");
        let ((), peak, _) = bytes_in_use(|| {
            let mut handshake = client::Handshake::new(&request, Config::default()).unwrap();
            let mut input = Buffer::new();
            input.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nX: ");
            feed(&mut input, &mut |input| handshake.receive(input).is_err());
        });
        assert!(peak <= 128 << 10, "client: {peak} bytes");
    }
}

#[test]
fn an_opening_handshake_allocates_three_times() {
    use sansocket::handshake::server::{Handshake, Incoming};

    let config = std::sync::Arc::new(Config::default());
    let mut input = Buffer::new();
    input.spare();
    // The head, where its headers stand in it, and the output; whatever the number of headers.
    for headers in [0, 1, 90] {
        let lines = "X-Header: of no consequence\r\n".repeat(headers);
        let request = format!(
            "GET /chat?room=rust HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n{lines}\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
        );
        let accepted = allocations(|| {
            let mut handshake = Handshake::new(std::sync::Arc::clone(&config));
            input.read_from(&mut request.as_bytes()).unwrap();
            let incoming = handshake.receive(&mut input).unwrap();
            let Some(Incoming::Upgrade(request)) = incoming else { panic!("not a whole request") };
            let mut connection = handshake.respond(request.accept()).unwrap().unwrap();
            assert!(!connection.output().is_empty());
        });
        assert_eq!(accepted, 3, "{headers} headers");
    }
}

/// What ten thousand idle connections cost ten thousand times.
#[test]
#[cfg(target_pointer_width = "64")]
fn an_idle_connection_is_small_and_has_nothing_on_the_heap() {
    assert!(size_of::<Connection>() < 300, "{} bytes", size_of::<Connection>());
    let config = Arc::new(Config::default());
    let mut wire = Vec::new();
    frame(Role::Server, Opcode::Text, true, b"hello", &mut wire);
    let (_connection, most, kept) = bytes_in_use(|| {
        let (mut connection, mut input) = (Connection::server(config), Buffer::new());
        input.extend_from_slice(&wire);
        assert!(connection.next_event(&mut input).unwrap().is_some());
        connection.send_text("hello").unwrap();
        let waiting = connection.output().len();
        connection.output().advance(waiting);
        connection.output().reclaim();
        connection
    });
    assert!(most > 0, "it was counted");
    assert_eq!(kept, 0);
}
