//! `Output`: the bytes that wait, in chunks, and the ways to write them.

use bytes::Buf;
use sansocket::{Bytes, Config, Connection, Message, Storage};

use crate::common::*;

/// A server whose output holds `pairs` pairs of a small and a large message; and all their bytes. A pair is two chunks.
fn filled(pairs: u8) -> (Connection, Vec<u8>) {
    let mut server = Connection::server(Config::default());
    let mut expected = Vec::new();
    for i in 0..pairs {
        let large = vec![i; 4096];
        server.send("small").unwrap();
        server.send(&Message::from(Bytes::from(large.clone()))).unwrap();
        expected.extend([unmasked(TEXT, b"small"), unmasked(BINARY, &large)].concat());
    }
    (server, expected)
}

#[test]
fn output_is_a_buf_of_the_bytes_that_wait() {
    let (mut server, expected) = filled(3);
    let output = server.output();
    let mut read = Vec::new();
    while output.has_remaining() {
        assert_eq!(output.remaining(), expected.len() - read.len());
        assert_eq!(Some(output.chunk()), output.chunks().next());
        let n = output.chunk().len().min(1000);
        read.extend_from_slice(&output.chunk()[..n]);
        Buf::advance(output, n);
    }
    assert_eq!(read, expected);
    assert_eq!((output.remaining(), output.chunk()), (0, &[][..]));
}

#[cfg(feature = "std")]
#[test]
fn chunks_vectored_gives_as_many_chunks_as_fit() {
    use std::io::IoSlice;

    let (mut server, _) = filled(3);
    for (room, count) in [(0, 0), (1, 1), (4, 4), (6, 6), (20, 6)] {
        let output = server.output();
        let mut slices = vec![IoSlice::new(b"not written to"); room];
        assert_eq!(output.chunks_vectored(&mut slices), count);
        assert!(slices[..count].iter().map(|slice| &slice[..]).eq(output.chunks().take(count)));
    }
}

#[test]
fn advancing_by_all_that_waits_empties_the_output() {
    let (mut server, expected) = filled(1);
    server.output().advance(expected.len());
    assert_eq!((server.output().len(), server.output().chunks().count()), (0, 0));
    server.send("next").unwrap();
    assert_eq!(written(server.output()), unmasked(TEXT, b"next"));
}

/// Where the output keeps a short frame, which is then written.
fn place(end: &mut Connection) -> *const u8 {
    end.send("here").unwrap();
    let place = end.output().chunk().as_ptr();
    assert_eq!(written(end.output()), unmasked(TEXT, b"here"));
    place
}

#[test]
fn output_gives_storage_its_memory_only_while_nothing_waits() {
    let (mut server, expected) = filled(1);
    let mut storage = Storage::new();
    let waiting = server.output().chunk().as_ptr();
    server.output().reclaim(&mut storage);
    assert_eq!(server.output().chunk().as_ptr(), waiting, "something waits");
    assert_eq!(written(server.output()), expected);
    let memory = place(&mut server);
    server.output().reclaim(&mut storage);

    let (mut second, mut third) = (filled(0).0, filled(0).0);
    second.output().reuse(&mut storage);
    assert_eq!(place(&mut second), memory);
    third.output().reuse(&mut storage);
    assert_ne!(place(&mut third), memory, "the memory is given away once");
}

#[test]
fn output_takes_memory_from_storage_only_without_memory_of_its_own() {
    let (mut server, mut other) = (filled(0).0, filled(0).0);
    let (own, others) = (place(&mut server), place(&mut other));
    let mut storage = Storage::new();
    other.output().reclaim(&mut storage);
    server.output().reuse(&mut storage);
    assert_eq!(place(&mut server), own);
    server.output().reclaim(&mut storage);
    server.output().reuse(&mut storage);
    assert_eq!(place(&mut server), others, "storage keeps the memory that it has");
}

#[test]
fn debug_shows_the_length() {
    let (mut server, expected) = filled(1);
    let printed = format!("{:?}", server.output());
    assert_eq!(printed, format!("Output {{ len: {}, .. }}", expected.len()));
}

#[cfg(feature = "std")]
mod streams {
    use std::io::ErrorKind;

    use sansocket::{Error, Role, SendError};

    use super::*;
    use crate::script::{Script, Step};

    #[test]
    fn write_to_drops_the_bytes_that_the_stream_took() {
        let (mut server, expected) = filled(3);
        let interrupted = Step::Error(ErrorKind::Interrupted);
        let steps = [Step::Bytes(1), interrupted, interrupted, Step::Bytes(5000), Step::Bytes(4096)];
        let mut stream = Script { writes: steps.into(), ..Script::default() };
        for (n, so_far) in [(1, 1), (5000, 5001), (4096, 9097), (expected.len() - 9097, expected.len())] {
            assert_eq!(server.output().write_to(&mut stream).unwrap(), n);
            assert_eq!(stream.written, expected[..so_far]);
            assert_eq!(server.output().len(), expected.len() - so_far);
        }
        assert_eq!(stream.write_calls, 6);
        assert_eq!(server.output().write_to(&mut stream).unwrap(), 0);
        assert_eq!(stream.write_calls, 6, "nothing waits, so nothing is written");
    }

    #[test]
    fn failed_write_loses_nothing() {
        let (mut server, expected) = filled(2);
        let failures = [
            (Step::Error(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe),
            (Step::Bytes(0), ErrorKind::WriteZero),
        ];
        for (step, kind) in failures {
            for all in [false, true] {
                let mut stream = Script { writes: [step].into(), ..Script::default() };
                let output = server.output();
                let failed = if all {
                    output.write_all_to(&mut stream)
                } else {
                    output.write_to(&mut stream).map(drop)
                };
                assert_eq!(failed.unwrap_err().kind(), kind);
                assert_eq!(output.chunks().collect::<Vec<_>>().concat(), expected);
            }
        }
    }

    #[test]
    fn write_all_to_writes_32_chunks_at_a_time_and_flushes() {
        // 32 chunks go into one `writev`, and a pair of messages is two chunks.
        for (pairs, writes) in [(0, 0), (1, 1), (16, 1), (17, 2), (40, 3)] {
            let (mut server, expected) = filled(pairs);
            let mut stream = Script::default();
            server.output().write_all_to(&mut stream).unwrap();
            assert_eq!((stream.written.len(), stream.write_calls), (expected.len(), writes), "{pairs} pairs");
            assert_eq!(stream.written, expected);
        }
        let mut stream = Script { flushes: [ErrorKind::WouldBlock].into(), ..Script::default() };
        let (mut server, _) = filled(0);
        let flushed = server.output().write_all_to(&mut stream);
        assert_eq!(
            flushed.unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "the error of the flush, although nothing was written"
        );
    }

    #[test]
    fn send_and_write_keeps_the_order_after_a_write_of_any_length() {
        let payload: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        for pairs in [0, 1, 20] {
            let waiting = filled(pairs).1.len();
            let all = waiting + 10 + payload.len();
            let behind = [0, 1, 9, 10, 11, 5000, payload.len() + 9].map(|n| waiting + n);
            for n in [1, 2, waiting.saturating_sub(1)]
                .into_iter()
                .chain(behind)
                .chain([all, all + 1])
                .map(|n| n.max(1))
            {
                let (mut server, mut expected) = filled(pairs);
                expected.extend(unmasked(BINARY, &payload));
                let steps = [Step::Error(ErrorKind::Interrupted), Step::Bytes(n)];
                let mut stream = Script { writes: steps.into(), ..Script::default() };
                server.send_and_write(&payload, &mut stream).unwrap();
                assert_eq!(stream.write_calls, 2);
                assert_eq!(stream.written, expected[..stream.written.len()], "{pairs} pairs, {n}");
                if pairs < 16 {
                    assert_eq!(stream.written.len(), n.min(all), "in one write");
                }
                assert_eq!(server.buffered_amount(), all - stream.written.len());
                server.send_and_write("next", &mut stream).unwrap();
                server.output().write_all_to(&mut stream).unwrap();
                expected.extend(unmasked(TEXT, b"next"));
                assert_eq!(stream.written, expected, "{pairs} pairs, {n}");
            }
        }
    }

    #[test]
    fn send_and_write_queues_the_message_if_the_stream_fails() {
        for step in [ErrorKind::WouldBlock, ErrorKind::BrokenPipe]
            .map(Step::Error)
            .into_iter()
            .chain([Step::Bytes(0)])
        {
            let (mut server, mut expected) = filled(2);
            let mut stream = Script { writes: [step].into(), ..Script::default() };
            assert!(matches!(server.send_and_write("waits", &mut stream), Err(Error::Io(_))));
            expected.extend(unmasked(TEXT, b"waits"));
            assert_eq!(written(server.output()), expected);
        }
    }

    #[test]
    fn send_and_write_masks_for_a_client_and_writes_nothing_on_a_send_error() {
        let config = Config::default().max_output_len(100);
        let mut client = connection(Role::Client, &config);
        let mut stream = Script::default();
        client.send_and_write("Hello", &mut stream).unwrap();
        assert_eq!(stream.written, masked(TEXT, KEY, b"Hello"));
        for role in ROLES {
            let mut end = connection(role, &config);
            let mut stream = Script::default();
            let refused = end.send_and_write(&[0; 100], &mut stream);
            assert!(matches!(refused, Err(Error::Send(SendError::MessageTooLong { len: 114, limit: 100 }))));
            assert_eq!((stream.write_calls, end.buffered_amount()), (0, 0));
        }
    }
}
