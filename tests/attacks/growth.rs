//! Floods and dribbles: what they cost, and that twice as much costs twice as much.

use sansocket::{Buffer, Config, Limits, ProtocolError, Role};

use crate::common::*;
use crate::counting::{allocations, bytes_asked_for, bytes_in_use};
use crate::{ByteByByte, receive};

/// A connection and a buffer that have been in use.
fn warm(role: Role, config: &Config) -> (sansocket::Connection, Buffer) {
    let (mut end, mut input) = (connection(role, config), Buffer::new());
    receive(&mut end, &mut input, &wire(role, &[(TEXT, b"a message")])[..]);
    (end, input)
}

// attack: floods-1
#[test]
fn a_million_pongs_that_nobody_asked_for() {
    for role in ROLES {
        let flood = wire(role, &[(PONG, &[b'x'; 125]), (PONG, b"")]).repeat(10_000);
        let (mut end, mut input) = warm(role, &Config::default());
        let asked_for = allocations(|| {
            for _ in 0..50 {
                assert_eq!(receive(&mut end, &mut input, &flood[..]).1, None);
            }
        });
        assert_eq!((asked_for, end.buffered_amount()), (0, 0), "{role:?}");
    }
}

/// The cost of some bytes that arrive one by one.
#[derive(Debug)]
struct Cost {
    /// How often memory was asked for, and for how much in all.
    allocations: usize,
    asked_for: usize,
    /// How many bytes were moved within the buffer.
    moved: usize,
    most_in_use: usize,
}

fn dribble(role: Role, config: &Config, bytes: &[u8]) -> Cost {
    let ends = |work: &mut dyn FnMut() -> usize| work();
    let (mut end, mut input) = warm(role, config);
    let (mut moved, mut asked_for, mut most_in_use) = (0, 0, 0);
    let allocations = allocations(|| {
        asked_for = bytes_asked_for(|| {
            let (received, peak, _) = bytes_in_use(|| receive(&mut end, &mut input, ByteByByte(bytes)));
            assert_eq!(received.1, None);
            (moved, most_in_use) = (ends(&mut || received.0), peak);
        });
    });
    assert!(input.is_idle());
    Cost { allocations, asked_for, moved, most_in_use }
}

// attack: floods-4
#[test]
fn a_large_frame_byte_by_byte() {
    const LEN: usize = 128 << 10;
    for role in ROLES {
        for first in [TEXT, BINARY] {
            let cost = |len| dribble(role, &Config::default(), &wire(role, &[(first, &vec![b'x'; len])]));
            let (once, twice) = (cost(LEN), cost(2 * LEN));
            let what = format!("{role:?} {first:x}: {once:?}, {twice:?}");
            // The message, and another of half the size while it grows.
            assert!(once.most_in_use <= 3 * LEN && twice.most_in_use <= 6 * LEN, "{what}");
            assert!(once.asked_for <= 4 * LEN && twice.asked_for <= 8 * LEN, "{what}");
            assert!(twice.allocations <= once.allocations + 1, "{what}");
            // The bytes of a header wait for the rest of it, those of a payload for nothing.
            assert!(once.moved <= 20 && twice.moved <= 20, "{what}");
        }
    }
}

// attack: floods-4
#[test]
fn fragments_and_control_frames_byte_by_byte() {
    for role in ROLES {
        let cost = |count: usize| {
            let middle = wire(role, &[(GOES_ON, b"x"), (PING, &[b'p'; 125]), (GOES_ON, b"")]).repeat(count);
            let message = [wire(role, &[(TEXT_BEGINS, b"")]), middle, wire(role, &[(ENDS, b"")])].concat();
            (message.len(), dribble(role, &Config::default(), &message))
        };
        let ((len, once), (_, twice)) = (cost(1000), cost(2000));
        let what = format!("{role:?}: {once:?}, {twice:?}");
        // At most a control frame moves, and only at the end of a read's room.
        assert!(once.moved <= len / 10 && twice.moved <= len / 5, "{what}");
        assert!(once.most_in_use <= 16 << 10 && twice.most_in_use <= 16 << 10, "{what}");
        assert!(twice.asked_for <= 2 * once.asked_for + (8 << 10), "{what}");
    }
}

// attack: floods-4
#[test]
fn a_message_of_100_megabytes_in_one_frame_and_in_100_000() {
    const LEN: usize = 100_000_000;
    let limits = Limits { max_frame_len: LEN as u64, max_message_len: LEN as u64, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let payload = vec![0; LEN];
    let in_fragments = |count: usize| {
        let fragments = payload.chunks(LEN / count).enumerate();
        let frames = fragments.map(|(i, fragment)| {
            let opcode = if i == 0 { BINARY_BEGINS } else { GOES_ON };
            unmasked(opcode | if i + 1 == count { 0x80 } else { 0 }, fragment)
        });
        frames.flatten().collect::<Vec<_>>()
    };
    for count in [1, 100_000] {
        let bytes = in_fragments(count);
        let (mut end, mut input) = warm(Role::Client, &config);
        let (mut moved, mut peak) = (0, 0);
        let asked_for = bytes_asked_for(|| {
            let (received, most, kept) = bytes_in_use(|| receive(&mut end, &mut input, &bytes[..]));
            assert_eq!(received.1, None);
            assert!(kept <= 4 * LEN, "until the message has been used");
            (moved, peak) = (received.0, most);
        });
        assert!(peak <= 3 * LEN && asked_for <= 5 * LEN, "{count}: {peak} at most, {asked_for} in all");
        assert!(moved <= LEN / 10, "{count}: {moved} bytes moved");
        // Nor is it kept for ever.
        input.extend_from_slice(b"");
        assert_eq!(end.next_event(&mut input), Ok(None));
        let ((), _, kept) = bytes_in_use(|| drop(input));
        assert_eq!(kept, 0);
    }
}

// attack: floods-2
#[test]
fn empty_fragments_count_whatever_comes_between_them() {
    for role in ROLES {
        let limits = Limits { max_fragments: 1000, ..Limits::default() };
        let config = Config { limits, ..Config::default() };
        for between in [&[][..], &[(PING, &b"p"[..])], &[(PONG, b"")]] {
            let part = wire(role, &[&[(GOES_ON, &b""[..])][..], between].concat());
            let received = |count: usize| {
                let (mut end, mut input) = warm(role, &config);
                let bytes = [wire(role, &[(BINARY_BEGINS, b"")]), part.repeat(count)].concat();
                let ((_, error), peak, _) = bytes_in_use(|| receive(&mut end, &mut input, &bytes[..]));
                assert!(peak <= 8 << 10, "{role:?}: {peak} bytes");
                error
            };
            assert_eq!(received(999), None);
            assert_eq!(received(1000), Some(ProtocolError::TooManyFragments));
            assert_eq!(received(1_000_000 / part.len()), Some(ProtocolError::TooManyFragments));
        }
    }
}
