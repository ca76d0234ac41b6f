//! Compressed messages (RFC 7692): text, buffers that are full where the input ends, and what connections share.

use sansocket::{Config, Connection, Deflate, Message, Outgoing, Prepared, ProtocolError, Role};

use crate::common::*;
use crate::counting::bytes_freed;
use crate::model::agreed;
use crate::model::blocks::{self, Block, Symbol};
use crate::model::receiver::Compression;

/// The first bytes of whole messages that are compressed.
const DEFLATED_TEXT: u8 = TEXT | 0x40;
const DEFLATED_BINARY: u8 = BINARY | 0x40;

fn end(role: Role, takeover: bool) -> Connection {
    agreed::end(role, &Config::default(), Compression { takeover, window_bits: 15 })
}

/// A text in parts, each of them a stored block in a fragment of its own.
fn fragments(to: Role, text: &[u8], cuts: u32) -> Vec<u8> {
    let (mut bytes, mut start) = (Vec::new(), 0);
    for stop in 1..=text.len() {
        let is_last = stop == text.len();
        if !is_last && cuts >> (stop - 1) & 1 == 0 {
            continue;
        }
        let part = &text[start..stop];
        let len = part.len() as u8;
        let mut block = [&[0, len, 0, !len, 0xFF], part].concat();
        if is_last {
            block.push(0);
        }
        let opcode = if start == 0 { 0x41 } else { 0 };
        bytes.extend(wire(to, &[(if is_last { 0x80 } else { 0 } | opcode, &block)]));
        start = stop;
    }
    bytes
}

/// Bytes from each class of RFC 3629.
const CLASSES: [u8; 12] = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xC1, 0xC2, 0xE0, 0xED, 0xF0, 0xF4];

// attack: utf8-4
#[test]
fn text_of_compressed_messages_agrees_with_std_at_every_split() {
    let mut valid_end = end(Role::Client, false);
    let mut check = |text: &[u8]| {
        for cuts in 0..1_u32 << (text.len() - 1) {
            let bytes = fragments(Role::Client, text, cuts);
            if let Ok(valid) = std::str::from_utf8(text) {
                // A connection goes on behind valid text.
                valid_end.receive(&bytes);
                assert_eq!(valid_end.next_message(), Ok(Some(Message::from(valid))));
                continue;
            }
            let mut invalid_end = end(Role::Client, false);
            invalid_end.receive(&bytes);
            assert_eq!(invalid_end.next_message(), Err(ProtocolError::InvalidUtf8), "{text:02x?} {cuts:b}");
        }
    };
    for a in 0..=255 {
        check(&[a]);
    }
    for a in CLASSES {
        for b in CLASSES {
            check(&[a, b]);
            CLASSES.iter().for_each(|c| check(&[a, b, *c]));
        }
    }
    for four in
        [b"\xf0\x9f\xa6\x80", b"\xf0\x8f\xa6\x80", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf0\x9f\xa6A"]
    {
        check(four);
    }
}

/// Where bytes end in messages of zeros: the steps in which they are inflated are of 512 bytes, of four times the input, of
/// 16 KiB for text and of 256 KiB for binary data.
fn lens() -> impl Iterator<Item = usize> {
    let around = |len: usize| len - 3..=len + 3;
    (1..=20).chain(
        [512, 1024, 1536, 2048, 16 << 10, 32 << 10, 48 << 10, 256 << 10, 512 << 10]
            .into_iter()
            .flat_map(around),
    )
}

/// As many zeros, in codes that give up to 258 bytes each: the output is full while codes wait.
fn zeros(len: usize) -> Vec<u8> {
    let mut symbols = vec![Symbol::Literal(0)];
    let mut rest = len - 1;
    while rest > 0 {
        let run = match rest {
            0..=2 => 0,
            // No run of one or two bytes is left.
            259 | 260 => 250,
            _ => rest.min(258),
        };
        symbols.push(if run == 0 { Symbol::Literal(0) } else { Symbol::Match(run, 1) });
        rest -= run.max(1);
    }
    blocks::message(&[(Block::Fixed(symbols), false)])
}

/// The messages that `bytes` give in reads of this length, as messages and as chunks.
fn received(role: Role, bytes: &[u8], read_len: usize) -> [Vec<u8>; 2] {
    let (mut by_message, mut by_chunk) = (end(role, true), end(role, true));
    let mut data = [Vec::new(), Vec::new()];
    for read in bytes.chunks(read_len) {
        by_message.receive(read);
        while let Some(message) = by_message.next_message().unwrap() {
            data[0].extend(message.as_bytes());
        }
        by_chunk.receive(read);
        while let Some(chunk) = by_chunk.next_chunk().unwrap() {
            data[1].extend(chunk.as_bytes());
        }
    }
    data
}

// attack: deflate-2
#[test]
fn nothing_is_lost_where_output_is_full_at_the_end_of_the_input() {
    for len in lens() {
        let payload = zeros(len);
        for first in [DEFLATED_TEXT, DEFLATED_BINARY] {
            // Behind it, a message that refers to its last three bytes.
            let behind = blocks::message(&[(Block::Fixed(vec![Symbol::Match(3, 3.min(len))]), false)]);
            let bytes = wire(Role::Client, &[(first, &payload), (first, &behind)]);
            for read_len in [bytes.len(), payload.len().saturating_sub(1).max(1), 7] {
                let expected = vec![0; len + 3];
                assert!(
                    received(Role::Client, &bytes, read_len) == [expected.clone(), expected],
                    "{len} zeros"
                );
            }
        }
    }
}

/// Compressing, for each length of the message around those of the output buffers.
// attack: deflate-2
#[test]
fn nothing_is_lost_where_compressed_output_is_full() {
    let mut state = 7_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..70_000).map(|_| noise()).collect();
    for takeover in [false, true] {
        let settings = Deflate::default().min_len(0).takeover(takeover).peer_takeover(takeover).mem_level(1);
        let config = Config::default().deflate(Some(settings));
        let (mut client, mut server) = agreed::pair(config.clone(), config);
        let lens = (1..300)
            .chain([1023, 1024, 1025, 4095, 4096, 4097, 16_383, 16_384, 32_768, 65_535, 65_536, 70_000]);
        for len in lens {
            server.send(&noise[..len]).unwrap();
            client.receive(&written(server.output()));
            assert_eq!(client.next_message(), Ok(Some(Message::from(&noise[..len]))), "{len} bytes");
        }
    }
}

// attack: deflate-5
#[test]
fn compression_is_off_unless_it_is_asked_for() {
    assert_eq!(Config::default().deflate, None);
    let asks = Config::default().deflate(Some(Deflate::default()));
    for (client, server) in [(Config::default(), asks.clone()), (asks, Config::default())] {
        let (client, server) = agreed::pair(client, server);
        assert_eq!((client.negotiated(), server.negotiated()), (None, None));
    }
}

/// A match of that length and distance.
fn refers_back(len: usize, distance: usize) -> Vec<u8> {
    wire(
        Role::Client,
        &[(DEFLATED_BINARY, &blocks::message(&[(Block::Fixed(vec![Symbol::Match(len, distance)]), false)]))],
    )
}

/// Streams that other connections have used, in every state in which they were left, in this thread and in others.
// attack: deflate-5
#[test]
fn shared_inflater_shows_nothing_of_another_connection() {
    let secret = Block::Stored(b"the secret of another connection".repeat(30));
    let whole = blocks::message(&[(secret.clone(), false)]);
    let with_bfinal = blocks::message(&[(secret.clone(), true), (secret, true)]);
    let broken = [&whole[..], b"\xff"].concat();
    let frames: [&[Frame<'_>]; 5] = [
        &[(DEFLATED_BINARY, &whole)],
        &[(DEFLATED_BINARY, &with_bfinal)],
        &[(DEFLATED_BINARY, &whole), (DEFLATED_BINARY & 0x7F, &whole)],
        &[(DEFLATED_BINARY, &whole), (DEFLATED_BINARY, &broken)],
        &[(DEFLATED_TEXT, b"\x01"), (DEFLATED_BINARY, &whole[..whole.len() - 1])],
    ];
    for frames in frames {
        for takeover in [false, true] {
            let other = || {
                let mut other = end(Role::Client, takeover);
                other.receive(&wire(Role::Client, frames));
                while let Ok(Some(_)) = other.next_chunk() {}
            };
            let in_other_thread = || std::thread::scope(|scope| scope.spawn(other).join().unwrap());
            for distance in [1, 3, 30, 500, 960] {
                for use_streams in [&other as &dyn Fn(), &in_other_thread] {
                    use_streams();
                    let mut end = end(Role::Client, false);
                    end.receive(&refers_back(3, distance));
                    assert_eq!(end.next_message(), Err(ProtocolError::InvalidDeflate), "{distance} back");
                }
            }
        }
    }
}

/// What is sent does not depend on what other connections have sent, in this thread and in others.
// attack: deflate-5
#[test]
fn shared_deflater_refers_to_nothing_of_another_connection() {
    let text = "{\"user\":\"alice\",\"token\":\"0123456789abcdef\"}".repeat(20);
    for level in 1..=9 {
        let settings = Deflate::default().level(level).min_len(0);
        let server = |takeover| {
            let config = Config::default().deflate(Some(settings.clone().takeover(takeover)));
            let client = Config::default().deflate(Some(Deflate::default().peer_takeover(true)));
            agreed::pair(client, config).1
        };
        let sent = |server: &mut Connection, text: &str| {
            server.send(text).unwrap();
            written(server.output())
        };
        // With takeover the compressor is a new one, and the first message refers to nothing.
        let new = sent(&mut server(true), &text);
        for parts in [&[&text[..]][..], &[&text[..500], &text[500..]], &[&text, ""]] {
            let other = || {
                let mut other = server(false);
                for (at, part) in parts.iter().enumerate() {
                    other.send(Outgoing::text_fragment(part, at + 1 == parts.len())).unwrap();
                }
                other.send(&Prepared::from(&text[..])).unwrap();
                assert!(sent(&mut other, &text).ends_with(&new), "level {level}, the same connection");
            };
            other();
            assert!(sent(&mut server(false), &text) == new, "level {level}");
            std::thread::scope(|scope| scope.spawn(other).join().unwrap());
            assert!(sent(&mut server(false), &text) == new, "level {level}, another thread");
        }
    }
}

/// A message that the program keeps has at most about twice its length, after messages of any length.
// attack: deflate-5
#[test]
fn message_does_not_keep_the_memory_that_it_was_inflated_in() {
    let stored = |len: usize| blocks::message(&[(Block::Stored(vec![b'a'; len]), false)]);
    for first in [DEFLATED_TEXT, DEFLATED_BINARY] {
        for before in [0, 1000, 100_000] {
            for (len, payload) in
                [(64, stored(64)), (1000, stored(1000)), (1000, zeros(1000)), (20_000, zeros(20_000))]
            {
                let mut end = end(Role::Client, false);
                // A longer message, taken as an event, leaves its memory to the next one.
                if before > 0 {
                    end.receive(&wire(Role::Client, &[(first, &zeros(before))]));
                    assert!(end.next_event().unwrap().is_some());
                }
                end.receive(&wire(Role::Client, &[(first, &payload)]));
                assert_eq!(end.has_event(), Ok(true));
                let message = end.next_message().unwrap().unwrap();
                drop(end);
                assert_eq!(message.as_bytes().len(), len);
                let freed = bytes_freed(|| drop(message));
                assert!(freed <= 2 * len + 100, "{freed} bytes for {len} behind {before}, {first:02x}");
            }
        }
    }
}
