//! Which messages become of the bytes that are written.

use std::io::{ErrorKind, IoSlice};

use proptest::prelude::*;
use sansocket::{Connection, Event};

use crate::script::Script;
use crate::shells::{Setting, each};
use crate::{frame, pattern, untimed};

fn of(message_len: usize) -> Setting {
    Setting { message_len: Some(message_len), ..Setting::default() }
}

/// The binary messages on the wire.
fn messages(wire: &[u8]) -> Vec<Vec<u8>> {
    let mut client = Connection::client(untimed());
    client.receive(wire);
    let mut messages = Vec::new();
    while let Some(event) = client.next_event().unwrap() {
        let Event::Binary(data) = event else { panic!("{event:?}") };
        messages.push(data.to_vec());
    }
    messages
}

#[test]
fn flush_decides_where_a_message_ends() {
    each(&Script::new(b""), &untimed(), Setting::default(), |stream| {
        stream.flush().unwrap();
        stream.write_all(b"a").unwrap();
        stream.write_all(b"b").unwrap();
        assert_eq!(stream.written(), b"", "gathered");
        stream.flush().unwrap();
        stream.flush().unwrap();
        assert_eq!(stream.written(), b"\x82\x02ab");
        stream.write_all(b"c").unwrap();
        stream.flush().unwrap();
        assert_eq!(stream.written(), b"\x82\x02ab\x82\x01c");
    });
}

#[test]
fn long_writes_become_messages_of_at_most_the_length_that_was_set() {
    let rows: [(usize, usize, &[usize]); 6] = [
        (4, 10, &[4, 4, 2]),
        (4, 8, &[4, 4]),
        (1, 3, &[1, 1, 1]),
        (0, 2, &[1, 1]),
        (16 << 10, (16 << 10) + 1, &[16 << 10, 1]),
        (usize::MAX, 100_000, &[100_000]),
    ];
    for (message_len, len, expected) in rows {
        each(&Script::new(b""), &untimed(), of(message_len), |stream| {
            stream.write_all(&pattern(len)).unwrap();
            stream.flush().unwrap();
            let messages = messages(&stream.written());
            assert_eq!(messages.iter().map(Vec::len).collect::<Vec<_>>(), expected, "{message_len}");
            assert!(messages.concat() == pattern(len));
        });
    }
}

#[test]
fn default_is_a_message_of_16_kib() {
    each(&Script::new(b""), &untimed(), Setting::default(), |stream| {
        stream.write_all(&[7; 40_000]).unwrap();
        stream.flush().unwrap();
        let lens: Vec<_> = messages(&stream.written()).iter().map(Vec::len).collect();
        assert_eq!(lens, [16_384, 16_384, 7_232]);
    });
}

#[test]
fn length_of_a_message_is_bounded_by_the_output() {
    each(&Script::new(b""), &untimed().max_output_len(100), of(1000), |stream| {
        stream.write_all(&pattern(1000)).unwrap();
        stream.flush().unwrap();
        let messages = messages(&stream.written());
        assert!(messages.iter().all(|message| message.len() <= 86) && messages.concat() == pattern(1000));
    });
    each(&Script::new(b""), &untimed().max_output_len(5), of(1000), |stream| {
        assert_eq!(
            stream.write(b"x").unwrap_err().kind(),
            ErrorKind::InvalidInput,
            "no room for any message"
        );
    });
}

#[test]
fn slices_are_gathered_in_order() {
    each(&Script::new(b""), &untimed(), of(4), |stream| {
        let parts: [&[u8]; 5] = [b"ab", b"", b"c", b"defgh", b"i"];
        assert_eq!(stream.write_vectored(&parts.map(IoSlice::new)).unwrap(), 9);
        stream.flush().unwrap();
        assert_eq!(messages(&stream.written()), [&b"abcd"[..], b"efgh", b"i"]);
    });
}

#[test]
fn pings_are_answered_while_a_read_waits_and_written_bytes_stay_gathered() {
    let wire = [frame(0x89, b"?"), frame(0x82, b"x")].concat();
    each(&Script::new(&wire), &untimed(), Setting::default(), |stream| {
        stream.write_all(b"gathered").unwrap();
        assert_eq!(stream.read_to_end(1).0, b"x");
        assert_eq!(stream.written(), b"\x8a\x01?");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 1000 }))]

    #[test]
    fn messages_are_the_bytes_that_were_written(
        message_len in 1..40_000usize,
        writes in prop::collection::vec((prop_oneof![0..50usize, 0..100_000usize], any::<bool>()), 0..10),
    ) {
        each(&Script::new(b""), &untimed(), of(message_len), |stream| {
            let bytes = pattern(writes.iter().map(|(len, _)| len).sum());
            let (mut rest, mut flushed) = (&bytes[..], 0);
            for (len, flushes) in &writes {
                let (now, later) = rest.split_at(*len);
                stream.write_all(now).unwrap();
                rest = later;
                if *flushes {
                    stream.flush().unwrap();
                    flushed = bytes.len() - rest.len();
                    assert_eq!(messages(&stream.written()).concat().len(), flushed);
                }
            }
            stream.flush().unwrap();
            let messages = messages(&stream.written());
            assert!(messages.concat() == bytes);
            assert!(messages.iter().all(|message| (1..=message_len).contains(&message.len())));
            let ends: Vec<_> = messages.iter().scan(0, |end, message| { *end += message.len(); Some(*end) }).collect();
            assert!(flushed == 0 || ends.contains(&flushed), "a message ends where it was flushed");
        });
    }
}
