//! The memory of compression: idle connections, and bombs.

use std::fmt::Write;
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

use sansocket::frame::{FrameHeader, Opcode};
use sansocket::handshake::client::{Handshake, Request};
use sansocket::{Config, Connection, Deflate, Limits, Outgoing, ProtocolError, Storage};

use crate::counting::bytes_in_use;
use crate::opened::{self, written};
use crate::receive;

/// The tests of this file count streams. All connections of the process share them, so one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many streams of each direction the process keeps, as `docs/compression.md` says.
const KEPT: usize = 32;

/// The two ends of a connection with these settings.
fn pair(settings: Option<Deflate>, limits: Limits) -> (Connection, Connection) {
    let config = Config::default().deflate(settings).limits(limits);
    let request = Request::new("ws://example.com/").unwrap();
    opened::pair(Handshake::new(&request, config.clone()).unwrap(), config)
}

/// Texts in both directions. Then the connection is idle, and its memory goes to `storage`.
fn talk(client: &mut Connection, server: &mut Connection, storage: &mut Storage, number: usize) {
    let mut text = String::new();
    (0..40).for_each(|n| write!(text, "{number}, {n}: {:x}; ", (number * 40 + n) * 0x9E37_79B9).unwrap());
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut *client, &mut *server];
        ends[from].reuse(storage);
        ends[from].send(&text).unwrap();
        let bytes = written(ends[from]);
        assert!(bytes.len() < text.len(), "it is compressed");
        ends[from].reclaim(storage);
        ends[to].reuse(storage);
        ends[to].receive(&bytes);
        if to == 0 {
            assert!(ends[to].next_event().unwrap().is_some());
        } else {
            while !ends[to].next_chunk().unwrap().unwrap().fin() {}
        }
        assert!(ends[to].next_event().unwrap().is_none());
        ends[to].reclaim(storage);
    }
}

/// The heap of an idle connection, in bytes, both ends together, after messages in both directions.
fn idle(settings: Option<&Deflate>, connections: usize) -> usize {
    let mut storage = Storage::new();
    let mut open = |number| {
        let (mut client, mut server) = pair(settings.cloned(), Limits::default());
        assert_eq!(client.negotiated().is_some(), settings.is_some());
        if settings.is_some() {
            talk(&mut client, &mut server, &mut storage, number);
        }
        client.reclaim(&mut storage);
        server.reclaim(&mut storage);
        (client, server)
    };
    // What the connections of the process share is not part of it: it is made before, and with takeover taken before.
    let _first: Vec<_> = (0..KEPT).map(|_| open(0)).collect();
    let mut all = Vec::with_capacity(connections);
    let (_, _, kept) = bytes_in_use(|| all.extend((1..=connections).map(&mut open)));
    kept / connections
}

// attack: deflate-5
#[test]
fn idle_connection_without_takeover_holds_200_bytes_more_at_most() {
    let _alone = alone();
    let without = idle(None, 1000);
    let with = idle(Some(&Deflate::default()), 1000);
    // Both ends were counted.
    assert!(with - without <= 2 * 200, "{without} bytes without, {with} with compression");
}

/// A compressor and an inflater of the default settings, without what was inflated last, in bytes.
const STREAMS: usize = 430_000;

/// The figures of `docs/compression.md`: a compressor, an inflater, and what was inflated last, up to a window.
#[test]
fn idle_connection_with_takeover_holds_what_the_documentation_says() {
    let _alone = alone();
    const DEFAULT: usize = 462_000;
    const FEED: usize = 218_200;
    let all = Deflate::default().takeover(true).peer_takeover(true);
    for (settings, documented) in [(all, DEFAULT), (Deflate::feed(), FEED)] {
        let each = idle(Some(&settings), 20) / 2;
        assert!((documented * 9 / 10..=documented).contains(&each), "{settings:?}: {each} bytes");
    }
}

/// A server with a thread for each connection: what one thread gave back serves the next one.
// attack: deflate-5
#[test]
fn idle_threads_hold_no_stream() {
    const THREADS: usize = 50;
    /// Two ends, the thread's memory for compressed bytes, and some room.
    const LITTLE: usize = 20 << 10;
    let _alone = alone();
    let all_have_talked = Barrier::new(THREADS);
    let one_at_a_time = Mutex::new(());
    let connection = |number| {
        let turn = one_at_a_time.lock().unwrap();
        let (_idle, _, kept) = bytes_in_use(|| {
            let (mut client, mut server) = pair(Some(Deflate::default()), Limits::default());
            talk(&mut client, &mut server, &mut Storage::new(), number);
            (client, server)
        });
        drop(turn);
        all_have_talked.wait();
        kept
    };
    let kept: Vec<usize> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || connection(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let holding: Vec<_> = kept.iter().filter(|bytes| **bytes > LITTLE).collect();
    assert!(holding.len() <= 1, "threads that made streams: {holding:?} bytes");
}

/// Many messages at once need many streams. When they have ended, the process keeps as many as the documentation says.
// attack: deflate-5
#[test]
fn streams_of_many_messages_at_once_are_not_all_kept() {
    const MESSAGES: usize = 100;
    /// Two ends and some room.
    const LITTLE: usize = 4 << 10;
    let _alone = alone();
    let mut storage = Storage::new();
    let mut fragment = |client: &mut Connection, server: &mut Connection, fin| {
        client.send(Outgoing::binary_fragment(&[0; 1000], fin)).unwrap();
        let bytes = written(client);
        client.reclaim(&mut storage);
        server.receive(&bytes);
        assert_eq!(server.next_chunk().unwrap().unwrap().fin(), fin);
        assert!(server.next_chunk().unwrap().is_none());
        server.reclaim(&mut storage);
    };
    let (_idle, peak, kept) = bytes_in_use(|| {
        let mut all: Vec<_> =
            (0..MESSAGES).map(|_| pair(Some(Deflate::default()), Limits::default())).collect();
        for fin in [false, true] {
            all.iter_mut().for_each(|(client, server)| fragment(client, server, fin));
        }
        all
    });
    assert!(peak > (MESSAGES - KEPT) * STREAMS * 9 / 10, "{peak} bytes at once");
    assert!(kept <= KEPT * STREAMS + MESSAGES * LITTLE, "{kept} bytes kept");
}

/// The compressed zeros of a gibibyte, about a mebibyte, without a frame; and the frames of a message of zeros before it, to
/// which it refers.
fn gibibyte_of_zeros(before: usize) -> (Vec<u8>, Vec<u8>) {
    let (_, mut sender) = pair(Some(Deflate::default().takeover(true).level(9)), Limits::default());
    let mut frame = |message: Outgoing<'_>| {
        sender.send(message).unwrap();
        written(&mut sender)
    };
    let first_message = if before > 0 { frame(Outgoing::from(&vec![0; before][..])) } else { Vec::new() };
    let piece = vec![0; 1 << 20];
    let mut fragment = || {
        let frame = frame(Outgoing::binary_fragment(&piece, false));
        let (_, header_len) = FrameHeader::decode(&frame).unwrap().unwrap();
        frame[header_len..].to_vec()
    };
    // Behind the first one they are all alike: they refer to zeros only.
    let (first, second) = (fragment(), fragment());
    ([first, second.repeat(1023)].concat(), first_message)
}

/// The payload in frames of `len` bytes, as from a server.
fn frames(opcode: Opcode, payload: &[u8], len: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    let count = payload.len().div_ceil(len);
    for (index, part) in payload.chunks(len).enumerate() {
        let opcode = if index == 0 { opcode } else { Opcode::Continuation };
        let header = FrameHeader::new(opcode, part.len() as u64).fin(index + 1 == count).rsv1(index == 0);
        let mut start = [0; FrameHeader::MAX_LEN];
        let header_len = header.encode(&mut start);
        wire.extend_from_slice(&start[..header_len]);
        wire.extend_from_slice(part);
    }
    wire
}

/// Reads of 16 KiB, up to an error.
fn read(connection: &mut Connection, wire: &[u8]) -> Option<ProtocolError> {
    wire.chunks(16 << 10).find_map(|part| receive(connection, part))
}

// attack: deflate-1
#[test]
fn bomb_of_a_gibibyte_costs_the_limit_and_a_mebibyte() {
    let _alone = alone();
    let (zeros, _) = gibibyte_of_zeros(0);
    let (refers_back, before) = gibibyte_of_zeros(60_000);
    assert!((1 << 19..3 << 19).contains(&zeros.len()), "{} bytes", zeros.len());
    for limit in [64 << 10, 1 << 20, 5_000_000, 16 << 20, 100 << 20] {
        for opcode in [Opcode::Binary, Opcode::Text] {
            for (shape, len, takeover) in [
                ("whole", usize::MAX, false),
                ("in fragments of 1000 bytes", 1000, false),
                ("behind another message", usize::MAX, true),
            ] {
                let limits = Limits::default().max_message_len(limit).max_frame_len(limit.max(2 << 20));
                let settings = Deflate::default().peer_takeover(takeover);
                let (mut receiver, _) = pair(Some(settings), limits);
                let mut wire = if takeover { before.clone() } else { Vec::new() };
                wire.extend(frames(opcode, if takeover { &refers_back } else { &zeros }, len));
                let (error, peak, _) = bytes_in_use(|| read(&mut receiver, &wire));
                let what = format!("{opcode:?}, {shape}, limit {limit}: {peak} bytes");
                let expected = ProtocolError::MessageTooLong { len: limit + 1, limit };
                assert_eq!(error, Some(expected), "{what}");
                assert!(peak as u64 <= limit + (1 << 20), "{what}");
            }
        }
    }
}
