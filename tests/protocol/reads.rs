//! Reads: how much each asks for, and where its bytes go.

use sansocket::{Chunk, Config, Connection, Event, Limits, Message, ProtocolError, Role};

use crate::common::*;
use crate::model::paths::{check_connection, fill};
use crate::model::reads::reads;

/// A binary frame that fits into one read of 17 KiB is waited for. Other messages that come in parts are assembled.
#[test]
fn message_is_lent_where_it_was_received_or_assembled() {
    let (fits, longer) = (vec![0; (17 << 10) - 4], vec![0; (17 << 10) - 3]);
    let rows: [(&[Frame<'_>], Option<usize>, bool); 8] = [
        (&[(BINARY, b"whole")], None, false),
        (&[(TEXT, b"whole")], None, false),
        (&[(BINARY_BEGINS, b"in "), (ENDS, b"fragments")], None, true),
        (&[(TEXT_BEGINS, b"in "), (ENDS, b"fragments")], None, true),
        (&[(BINARY, b"waited for")], Some(5), false),
        (&[(TEXT, b"validated at once")], Some(5), true),
        (&[(BINARY, &fits)], Some(100), false),
        (&[(BINARY, &longer)], Some(100), true),
    ];
    for (frames, cut, is_assembled) in rows {
        let mut end = connection(Role::Client, &Config::default());
        let bytes = wire(Role::Client, frames);
        let (front, back) = bytes.split_at(cut.unwrap_or(bytes.len()));
        end.receive(front);
        if cut.is_some() {
            assert_eq!(end.has_event(), Ok(false));
            end.receive(back);
        }
        let what = format!("{cut:?} {:02x?}", &bytes[..2]);
        assert_eq!(lent_from_assembly(&mut end), is_assembled, "{what}");
    }
}

/// Takes the next message. Gives whether it is lent from elsewhere than the bytes received.
fn lent_from_assembly(end: &mut Connection) -> bool {
    let received = end.unread().as_ptr_range();
    let data = match end.next_event().unwrap().unwrap() {
        Event::Text(text) => text.as_bytes(),
        Event::Binary(data) => data,
        event => panic!("{event:?}"),
    };
    !received.contains(&data.as_ptr())
}

#[test]
fn control_frame_that_has_event_found_is_neither_chunk_nor_message() {
    for first in [PING, PONG, CLOSE] {
        for by_chunk in [false, true] {
            let mut end = connection(Role::Client, &Config::default());
            end.receive(&unmasked(first, b""));
            assert_eq!(end.has_event(), Ok(true));
            if by_chunk {
                assert_eq!((end.has_chunk(), end.next_chunk()), (Ok(false), Ok(None)));
            } else {
                assert_eq!(end.next_message(), Ok(None));
            }
            assert_eq!(end.next_event(), Ok(None));
        }
    }
}

/// Long binary messages are read to where they are assembled, by each way to receive.
#[test]
fn long_messages_arrive_in_reads_of_any_length() {
    let data: Vec<u8> = (0..=250).cycle().take(100_000).collect();
    let frames: [Frame<'_>; 6] = [
        (BINARY, &data),
        (TEXT, b"between"),
        (BINARY_BEGINS, &data[..50_001]),
        (PING, b"p"),
        (ENDS, &data[50_001..]),
        (TEXT, b"last"),
    ];
    for role in ROLES {
        let bytes = wire(role, &frames);
        for len in [999, 17 << 10, 70_000, bytes.len()] {
            let reads: Vec<_> = bytes.chunks(len).collect();
            assert_eq!(check_connection(role, Limits::default(), &reads), None);
        }
    }
}

/// A program whose system writes to the room while it works, as with DMA or io_uring, takes chunks between `unfilled` and
/// `filled`.
#[test]
fn chunks_are_right_although_they_are_found_and_taken_between_unfilled_and_filled() {
    let data: Vec<u8> = (0..=250).cycle().take(200_000).collect();
    for role in ROLES {
        let bytes = wire(role, &[(BINARY, &data), (TEXT, b"next")]);
        // How many reads are filled at once, the first of them before `next_event`, so that long messages are read to where
        // they are assembled; and what is called before the others are filled.
        for (at_once, calls) in
            [(0, "t"), (2, "t"), (2, "tt"), (2, "f"), (2, "ff"), (2, "ft"), (2, "m"), (2, "tm")]
        {
            let mut end = connection(role, &Config::default());
            let (mut rest, mut binary, mut messages) = (&bytes[..], Vec::new(), Vec::new());
            for read in 0.. {
                let room = end.unfilled();
                let n = room.len().min(rest.len());
                let (read_now, behind) = rest.split_at(n);
                room[..n].copy_from_slice(read_now);
                rest = behind;
                for call in calls.chars().filter(|_| read >= at_once) {
                    match call {
                        't' => take_chunk(&mut end, &mut binary, &mut messages),
                        'f' => _ = end.has_chunk().unwrap(),
                        _ => match end.next_message().unwrap() {
                            Some(Message::Binary(data)) => binary.extend(data),
                            Some(Message::Text(text)) => messages.push(Got::Text(text.into())),
                            None => {}
                        },
                    }
                }
                end.filled(n);
                match read {
                    0 if at_once > 0 => assert_eq!(end.next_event(), Ok(None)),
                    _ if n == 0 => break,
                    _ => {}
                }
            }
            while end.has_chunk().unwrap() {
                take_chunk(&mut end, &mut binary, &mut messages);
            }
            let is_abandoned = calls == "tm";
            assert_eq!(messages.pop(), Some(text("next")), "{role:?} {at_once} {calls}");
            assert!(
                binary == data || is_abandoned && data.starts_with(&binary),
                "{role:?} {at_once} {calls}"
            );
        }
    }
}

/// As above, where a header and one byte of text at most have come before. The room is not where the rest is then expected.
#[test]
fn text_is_whole_although_its_beginning_is_found_between_unfilled_and_filled() {
    let long = "text, ".repeat(8_000);
    for role in ROLES {
        let bytes = wire(role, &[(TEXT, long.as_bytes())]);
        let header_len = bytes.len() - long.len();
        for before in [header_len, header_len + 1] {
            let mut end = connection(role, &Config::default());
            let (front, mut rest) = bytes.split_at(before);
            end.receive(front);
            while !rest.is_empty() {
                let room = end.unfilled();
                let n = room.len().min(rest.len());
                let (now, behind) = rest.split_at(n);
                room[..n].copy_from_slice(now);
                rest = behind;
                assert_eq!(end.next_event(), Ok(None));
                end.filled(n);
            }
            assert_eq!(end.next_event(), Ok(Some(Event::Text(&long))), "{role:?} {before}");
        }
    }
}

fn take_chunk(end: &mut Connection, binary: &mut Vec<u8>, messages: &mut Vec<Got>) {
    match end.next_chunk().unwrap() {
        Some(Chunk::Binary { data, .. }) => binary.extend(data),
        Some(Chunk::Text { text, .. }) => messages.push(Got::Text(text.into())),
        None => {}
    }
}

/// The next frame then begins at the front of the next read.
#[test]
fn rest_of_a_large_binary_frame_is_read_by_itself() {
    const READS: [usize; 2] = [17 << 10, 32 << 10];
    for role in ROLES {
        let header_len = if role == Role::Server { 8 } else { 4 };
        let data = vec![b'l'; READS[0] + READS[1] - header_len];
        let bytes = wire(role, &[(BINARY, &data), (TEXT, b"next")]);
        let mut end = connection(role, &Config::default());
        let mut rest = &bytes[..];
        for read in READS {
            assert_eq!(end.next_event(), Ok(None));
            let before = rest.len();
            rest = fill(&mut end, rest);
            assert_eq!(before - rest.len(), read, "{role:?}");
        }
        assert_eq!(end.next_event().unwrap().map(Got::from), Some(Got::Binary(data)));
        assert_eq!(rest, wire(role, &[(TEXT, b"next")]));
    }
}

/// A text longer than two reads is validated where it lies if one read brings its rest, and else as it comes. Either way a fault
/// shows with the read that brings it.
// req: 6455-8.1-a
#[test]
fn long_text_is_the_same_however_its_rest_comes_and_a_fault_shows_at_once() {
    let text = "Grüße, 世界! ".repeat(3500);
    let last = text.len() - 1;
    for fault in [None, Some(3), Some(1000), Some(17 << 10), Some(20_000), Some(last)] {
        let mut data = text.clone().into_bytes();
        if let Some(at) = fault {
            data[at] = 0xFF;
        }
        for role in ROLES {
            let mut bytes = wire(role, &[(TEXT, &data), (TEXT, b"next")]);
            // Nothing comes behind the fault.
            bytes.truncate(fault.map_or(bytes.len(), |at| wire(role, &[(TEXT, &data)]).len() - (last - at)));
            for lens in [&[0][..], &[20_000], &[20_000, 1], &[20_000, 100_000], &[1, 17_000, 3, 7]] {
                let error = check_connection(role, Limits::default(), &reads(&bytes, lens));
                assert_eq!(error, fault.map(|_| ProtocolError::InvalidUtf8), "{fault:?} {lens:?}");
            }
        }
    }
}

#[test]
fn parts_of_a_frame_longer_than_a_read_are_consumed_at_once() {
    for role in ROLES {
        let bytes = wire(role, &[(BINARY, &[0; 30 << 10])]);
        let mut end = connection(role, &Config::default());
        let mut arrived = 0;
        for read in bytes.chunks(5 << 10) {
            end.receive(read);
            arrived += read.len();
            assert_eq!(end.next_event().unwrap().is_some(), arrived == bytes.len());
            assert_eq!(end.unread(), b"");
        }
    }
}

#[cfg(feature = "std")]
#[test]
fn read_from_reads_once_and_checks_the_length_that_the_stream_claims() {
    use std::io::ErrorKind::{Interrupted, InvalidData, WouldBlock};

    use crate::script::{Script, Step};

    let steps =
        [Step::Error(Interrupted), Step::Error(WouldBlock), Step::Bytes(2), Step::Lie, Step::Bytes(1)];
    let mut stream = Script { reads: steps.into(), ..Script::new(b"abc") };
    let mut end = connection(Role::Server, &Config::default());
    let rows: [(Result<usize, _>, &[u8]); 5] =
        [(Err(WouldBlock), b""), (Ok(2), b"ab"), (Err(InvalidData), b"ab"), (Ok(1), b"abc"), (Ok(0), b"abc")];
    for (outcome, unread) in rows {
        assert_eq!(end.read_from(&mut stream).map_err(|error| error.kind()), outcome);
        assert_eq!(end.unread(), unread);
    }
}
