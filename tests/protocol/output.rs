//! `Output`: what waits, in pieces, and the ways to write it.

use bytes::Buf;
use sansocket::{Bytes, Config, Connection, Message};

use crate::common::*;

/// A server with so many small and large messages in turn, each of which is two pieces; and all their bytes.
fn filled(pairs: u8) -> (Connection, Vec<u8>) {
    let mut server = Connection::server(Config::default());
    let mut expected = Vec::new();
    for i in 0..pairs {
        let large = vec![i; 4096];
        server.send_text("small").unwrap();
        server.send(&Message::from(Bytes::from(large.clone()))).unwrap();
        expected.extend([unmasked(TEXT, b"small"), unmasked(BINARY, &large)].concat());
    }
    (server, expected)
}

#[test]
fn it_is_a_buf_of_what_waits() {
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
fn a_buf_gives_as_many_pieces_as_there_are_and_as_there_is_room_for() {
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
fn more_than_waits_is_all_of_it() {
    for n in [0, 1] {
        let (mut server, expected) = filled(1);
        server.output().advance(expected.len() + n);
        assert_eq!((server.output().len(), server.output().chunks().count()), (0, 0));
        server.send_text("next").unwrap();
        assert_eq!(written(server.output()), unmasked(TEXT, b"next"));
    }
}

#[test]
fn storage_is_given_away_while_nothing_waits_and_taken_where_there_is_none() {
    let (mut server, expected) = filled(1);
    assert!(server.output().reclaim().is_empty(), "something waits");
    assert_eq!(written(server.output()), expected);
    let storage = server.output().reclaim();
    assert!(!storage.is_empty());
    assert!(server.output().reclaim().is_empty(), "it is given away once");

    let place = storage.as_ptr();
    server.output().reuse(storage);
    server.output().reuse(vec![0; 1000]);
    server.send_text("here").unwrap();
    assert_eq!(server.output().chunks().map(<[u8]>::as_ptr).next(), Some(place));
    server.output().reuse(vec![0; 1000]);
    assert_eq!(written(server.output()), unmasked(TEXT, b"here"));
}

#[test]
fn what_is_printed_of_it_is_its_length() {
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
    fn a_write_takes_what_the_stream_does() {
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
        assert_eq!(stream.write_calls, 6, "nothing waits, so the stream is left alone");
    }

    #[test]
    fn a_write_that_fails_loses_nothing() {
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
    fn everything_is_written_in_as_few_writes_as_the_system_allows_and_then_flushed() {
        // 32 pieces go into one `writev`, and a pair of messages is two.
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
            "the stream's own, though nothing was written"
        );
    }

    #[test]
    fn a_message_sent_through_follows_what_waits_whatever_the_stream_takes() {
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
                server.send_binary_through(&payload, &mut stream).unwrap();
                assert_eq!(stream.write_calls, 2);
                assert_eq!(stream.written, expected[..stream.written.len()], "{pairs} pairs, {n}");
                if pairs < 16 {
                    assert_eq!(stream.written.len(), n.min(all), "in one write");
                }
                assert_eq!(server.buffered_amount(), all - stream.written.len());
                server.send_text_through("next", &mut stream).unwrap();
                server.output().write_all_to(&mut stream).unwrap();
                expected.extend(unmasked(TEXT, b"next"));
                assert_eq!(stream.written, expected, "{pairs} pairs, {n}");
            }
        }
    }

    #[test]
    fn a_message_sent_through_a_stream_that_fails_waits() {
        for step in [ErrorKind::WouldBlock, ErrorKind::BrokenPipe]
            .map(Step::Error)
            .into_iter()
            .chain([Step::Bytes(0)])
        {
            let (mut server, mut expected) = filled(2);
            let mut stream = Script { writes: [step].into(), ..Script::default() };
            assert!(matches!(server.send_text_through("waits", &mut stream), Err(Error::Io(_))));
            expected.extend(unmasked(TEXT, b"waits"));
            assert_eq!(written(server.output()), expected);
        }
    }

    #[test]
    fn a_client_masks_what_it_sends_through_and_what_may_not_be_sent_leaves_the_stream_alone() {
        let config = Config { max_output_len: 100, ..Config::default() };
        let mut client = connection(Role::Client, &config);
        let mut stream = Script::default();
        client.send_text_through("Hello", &mut stream).unwrap();
        assert_eq!(stream.written, masked(TEXT, KEY, b"Hello"));
        for role in ROLES {
            let mut end = connection(role, &config);
            let mut stream = Script::default();
            let refused = end.send_binary_through(&[0; 100], &mut stream);
            assert!(matches!(refused, Err(Error::Send(SendError::MessageTooLong))));
            assert_eq!((stream.write_calls, end.buffered_amount()), (0, 0));
        }
    }
}
