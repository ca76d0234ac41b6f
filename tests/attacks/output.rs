//! Peers that read nothing, or next to nothing.

use sansocket::{Buffer, Bytes, Config, Connection, Message, Prepared, SendError};

use crate::common::*;
use crate::counting::bytes_in_use;

// attack: floods-5
#[test]
fn what_a_peer_does_not_read_stays_below_the_limit() {
    const LIMIT: usize = 1 << 20;
    let config = Config { max_output_len: LIMIT, ..Config::default() };
    let shared = Bytes::from(vec![b's'; 5000]);
    let prepared = Prepared::from(shared.clone());
    type Send<'a> = &'a dyn Fn(&mut Connection) -> Result<(), SendError>;
    let ways: [(&str, Send<'_>); 6] = [
        ("empty", &|end| end.send_binary(b"")),
        ("small", &|end| end.send_text("a message")),
        ("large", &|end| end.send_binary(&[0; 70_000])),
        ("shared", &|end| end.send(&Message::from(shared.clone()))),
        ("prepared", &|end| end.send_prepared(&prepared)),
        ("pings", &|end| end.ping(&[0; 125])),
    ];
    for role in ROLES {
        for (way, send) in ways {
            let mut end = connection(role, &config);
            let (refused, peak, _) = bytes_in_use(|| {
                loop {
                    if let Err(refused) = send(&mut end) {
                        return refused;
                    }
                }
            });
            assert_eq!(refused, SendError::OutputFull, "{way}");
            assert!(end.buffered_amount() <= LIMIT, "{role:?}, {way}");
            assert!(peak <= 4 * LIMIT, "{role:?}, {way}: {peak} bytes");
            // The caller can act on it: once the peer reads again, all is well, and the room is given back.
            let ((), _, kept) = bytes_in_use(|| drop(written(end.output())));
            assert_eq!((kept, send(&mut end)), (0, Ok(())), "{role:?}, {way}");
        }
    }
}

// attack: floods-5
#[test]
fn a_peer_that_sends_and_never_reads_is_owed_a_few_answers() {
    let config = Config { max_output_len: 1000, ..Config::default() };
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &config), Buffer::new());
        while end.send_text("full").is_ok() {}
        let full = end.buffered_amount();
        let flood = wire(role, &[(PING, &[b'x'; 125]), (PONG, b""), (TEXT, b"echo this")]);
        for _ in 0..10_000 {
            input.extend_from_slice(&flood);
            while end.next_event(&mut input).unwrap().is_some() {}
            assert_eq!(end.send_text("echo this"), Err(SendError::OutputFull));
        }
        assert!(end.buffered_amount() <= full + 20 * 131, "{role:?}: {} bytes", end.buffered_amount());
    }
}

/// How many bytes move inside of an output that is kept full, while a peer takes `step` bytes and as many are sent,
/// `rounds` times.
fn moved_while_full(full: usize, step: usize, rounds: usize) -> usize {
    let mut end = Connection::server(Config { max_output_len: full, ..Config::default() });
    let message = vec![b'x'; step - 2];
    while end.send_binary(&message).is_ok() {}
    let front = |end: &mut Connection| end.output().chunks().next().map(<[u8]>::as_ptr);
    let mut moved = 0;
    for _ in 0..rounds {
        end.output().advance(step);
        let (before, waiting) = (front(&mut end), end.output().len());
        end.send_binary(&message).unwrap();
        if front(&mut end) != before {
            moved += waiting;
        }
    }
    moved
}

// attack: floods-7
#[test]
fn a_peer_that_reads_a_little_at_a_time_moves_little() {
    const STEP: usize = 100;
    const ROUNDS: usize = 2000;
    // Room for this many bytes is there as well as the limit allows: the storage doubles from the room for a short frame.
    for full in [131 << 10, 131 << 13] {
        let moved = moved_while_full(full, STEP, ROUNDS);
        // Closing up once for as much as has been sent since would cost about that.
        assert!(moved <= 4 * STEP * ROUNDS + 4 * full, "{full}: {moved} bytes moved for {}", STEP * ROUNDS);
    }
}
