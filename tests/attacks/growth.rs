//! The cost of floods and of bytes that arrive one by one: twice the bytes cost at most twice as much.

use sansocket::{Config, Connection, Limits, ProtocolError, Role};

use crate::common::*;
use crate::counting::{allocations, bytes_asked_for, bytes_in_use};
use crate::{ByteByByte, receive};

/// A connection that has been in use.
fn warm(role: Role, config: &Config) -> Connection {
    let mut end = connection(role, config);
    receive(&mut end, &wire(role, &[(TEXT, b"a message")])[..]);
    end
}

// attack: floods-1
#[test]
fn million_unsolicited_pongs_allocate_nothing() {
    for role in ROLES {
        let flood = wire(role, &[(PONG, &[b'x'; 125]), (PONG, b"")]).repeat(10_000);
        let mut end = warm(role, &Config::default());
        let asked_for = allocations(|| {
            for _ in 0..50 {
                assert_eq!(receive(&mut end, &flood[..]).1, None);
            }
        });
        assert_eq!((asked_for, end.buffered_amount()), (0, 0), "{role:?}");
    }
}

/// The cost of some bytes that arrive one by one.
#[derive(Debug)]
struct Cost {
    /// The number of allocations, and their bytes in all.
    allocations: usize,
    asked_for: usize,
    /// The bytes that moved within the memory for reading.
    moved: usize,
    most_in_use: usize,
}

fn dribble(role: Role, config: &Config, bytes: &[u8]) -> Cost {
    let ends = |work: &mut dyn FnMut() -> usize| work();
    let mut end = warm(role, config);
    let (mut moved, mut asked_for, mut most_in_use) = (0, 0, 0);
    let allocations = allocations(|| {
        asked_for = bytes_asked_for(|| {
            let (received, peak, _) = bytes_in_use(|| receive(&mut end, ByteByByte(bytes)));
            assert_eq!(received.1, None);
            (moved, most_in_use) = (ends(&mut || received.0), peak);
        });
    });
    assert!(is_idle(&mut end));
    Cost { allocations, asked_for, moved, most_in_use }
}

// attack: floods-4
#[test]
fn large_frame_byte_by_byte_costs_linear_memory_and_moves_no_payload() {
    const LEN: usize = 128 << 10;
    for role in ROLES {
        for first in [TEXT, BINARY] {
            let cost = |len| dribble(role, &Config::default(), &wire(role, &[(first, &vec![b'x'; len])]));
            let (once, twice) = (cost(LEN), cost(2 * LEN));
            let what = format!("{role:?} {first:x}: {once:?}, {twice:?}");
            // The message, and its smaller memory while it grows.
            assert!(once.most_in_use <= 3 * LEN && twice.most_in_use <= 6 * LEN, "{what}");
            assert!(once.asked_for <= 4 * LEN && twice.asked_for <= 8 * LEN, "{what}");
            assert!(twice.allocations <= once.allocations + 1, "{what}");
            // Only the bytes of a header wait for more bytes.
            assert!(once.moved <= 20 && twice.moved <= 20, "{what}");
        }
    }
}

// attack: floods-4
#[test]
fn fragments_and_control_frames_byte_by_byte_cost_linear_memory() {
    for role in ROLES {
        let cost = |count: usize| {
            let middle = wire(role, &[(GOES_ON, b"x"), (PING, &[b'p'; 125]), (GOES_ON, b"")]).repeat(count);
            let message = [wire(role, &[(TEXT_BEGINS, b"")]), middle, wire(role, &[(ENDS, b"")])].concat();
            (message.len(), dribble(role, &Config::default(), &message))
        };
        let ((len, once), (_, twice)) = (cost(1000), cost(2000));
        let what = format!("{role:?}: {once:?}, {twice:?}");
        // At most a control frame moves, and only at the end of the room for a read.
        assert!(once.moved <= len / 10 && twice.moved <= len / 5, "{what}");
        assert!(once.most_in_use <= 16 << 10 && twice.most_in_use <= 16 << 10, "{what}");
        assert!(twice.asked_for <= 2 * once.asked_for + (8 << 10), "{what}");
    }
}

// attack: floods-4
#[test]
fn message_of_100_megabytes_costs_three_times_its_length_in_any_number_of_frames() {
    const LEN: usize = 100_000_000;
    let limits = Limits::default().max_frame_len(LEN as u64).max_message_len(LEN as u64);
    let config = Config::default().limits(limits);
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
        let mut end = warm(Role::Client, &config);
        let (mut moved, mut peak) = (0, 0);
        let asked_for = bytes_asked_for(|| {
            let (received, most, kept) = bytes_in_use(|| receive(&mut end, &bytes[..]));
            assert_eq!(received.1, None);
            assert!(kept <= 4 * LEN, "the message is kept while it is lent");
            (moved, peak) = (received.0, most);
        });
        assert!(peak <= 3 * LEN && asked_for <= 5 * LEN, "{count}: {peak} at most, {asked_for} in all");
        assert!(moved <= LEN / 10, "{count}: {moved} bytes moved");
        // The memory is freed after that.
        end.receive(b"");
        assert_eq!(end.next_event(), Ok(None));
        let ((), _, kept) = bytes_in_use(|| drop(end));
        assert_eq!(kept, 0);
    }
}

// attack: floods-2
#[test]
fn empty_fragments_count_despite_control_frames_between_them() {
    for role in ROLES {
        let limits = Limits::default().max_fragments(1000);
        let config = Config::default().limits(limits);
        for between in [&[][..], &[(PING, &b"p"[..])], &[(PONG, b"")]] {
            let part = wire(role, &[&[(GOES_ON, &b""[..])][..], between].concat());
            let received = |count: usize| {
                let mut end = warm(role, &config);
                let bytes = [wire(role, &[(BINARY_BEGINS, b"")]), part.repeat(count)].concat();
                let ((_, error), peak, _) = bytes_in_use(|| receive(&mut end, &bytes[..]));
                assert!(peak <= 8 << 10, "{role:?}: {peak} bytes");
                error
            };
            assert_eq!(received(999), None);
            assert_eq!(received(1000), Some(ProtocolError::TooManyFragments { limit: 1000 }));
            assert_eq!(
                received(1_000_000 / part.len()),
                Some(ProtocolError::TooManyFragments { limit: 1000 })
            );
        }
    }
}
