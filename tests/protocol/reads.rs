//! What reads bring, and where they are read to.

use sansocket::{Buffer, Config, Limits, Role};

use crate::common::*;
use crate::model::paths::{check_connection, take_in};

/// A binary frame that fits into one read of 17 KiB is waited for; all else that comes in parts is put together.
#[test]
fn what_is_put_together_is_known_before_it_is_taken() {
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
        let (mut end, mut input) = (connection(Role::Client, &Config::default()), Buffer::new());
        let bytes = wire(Role::Client, frames);
        let (front, back) = bytes.split_at(cut.unwrap_or(bytes.len()));
        input.extend_from_slice(front);
        let mut found = end.advance(&mut input).unwrap();
        if cut.is_some() {
            assert!(found.is_none());
            input.extend_from_slice(back);
            found = end.advance(&mut input).unwrap();
        }
        let found = found.unwrap();
        assert_eq!(
            (found.is_data(), found.is_assembled()),
            (true, is_assembled),
            "{cut:?} {:02x?}",
            &bytes[..2]
        );
    }
}

#[test]
fn control_frames_are_known_before_they_are_lent() {
    for first in [PING, PONG, CLOSE] {
        let (mut end, mut input) = (connection(Role::Client, &Config::default()), Buffer::new());
        input.extend_from_slice(&unmasked(first, b""));
        let found = end.advance(&mut input).unwrap().unwrap();
        assert!(!found.is_data() && !found.is_assembled());
    }
}

/// What is long is read to where it is put together, by whichever call it is taken.
#[test]
fn long_messages_arrive_whatever_a_read_brings() {
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

/// So that the next frame begins at the front of what is read next.
#[test]
fn the_rest_of_a_large_binary_frame_is_read_by_itself() {
    const READS: [usize; 2] = [17 << 10, 32 << 10];
    for role in ROLES {
        let header_len = if role == Role::Server { 8 } else { 4 };
        let data = vec![b'l'; READS[0] + READS[1] - header_len];
        let bytes = wire(role, &[(BINARY, &data), (TEXT, b"next")]);
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        let mut rest = &bytes[..];
        for read in READS {
            assert_eq!(end.next_event(&mut input), Ok(None));
            let before = rest.len();
            rest = take_in(&mut input, rest);
            assert_eq!(before - rest.len(), read, "{role:?}");
        }
        assert_eq!(end.next_event(&mut input).unwrap().map(Got::from), Some(Got::Binary(data)));
        assert_eq!(rest, wire(role, &[(TEXT, b"next")]));
    }
}

#[test]
fn what_has_arrived_of_a_frame_longer_than_a_read_is_taken_at_once() {
    for role in ROLES {
        let bytes = wire(role, &[(BINARY, &[0; 30 << 10])]);
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        let mut arrived = 0;
        for read in bytes.chunks(5 << 10) {
            input.extend_from_slice(read);
            arrived += read.len();
            assert_eq!(end.next_event(&mut input).unwrap().is_some(), arrived == bytes.len());
            assert_eq!(input.unread(), b"");
        }
    }
}

#[cfg(feature = "std")]
#[test]
fn a_stream_is_read_once_and_not_believed() {
    use std::io::ErrorKind::{Interrupted, InvalidData, WouldBlock};

    use crate::script::{Script, Step};

    let steps =
        [Step::Error(Interrupted), Step::Error(WouldBlock), Step::Bytes(2), Step::Lie, Step::Bytes(1)];
    let mut stream = Script { reads: steps.into(), ..Script::new(b"abc") };
    let mut input = Buffer::new();
    let rows: [(Result<usize, _>, &[u8]); 5] =
        [(Err(WouldBlock), b""), (Ok(2), b"ab"), (Err(InvalidData), b"ab"), (Ok(1), b"abc"), (Ok(0), b"abc")];
    for (outcome, unread) in rows {
        assert_eq!(input.read_from(&mut stream).map_err(|error| error.kind()), outcome);
        assert_eq!(input.unread(), unread);
    }
}
