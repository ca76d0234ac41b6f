//! Peers that read nothing, or little.

use sansocket::{Bytes, Config, Connection, Message, Prepared, SendError};

use crate::common::*;
use crate::counting::bytes_in_use;

// attack: floods-5
#[test]
fn output_that_a_peer_does_not_read_stays_below_the_limit() {
    const LIMIT: usize = 1 << 20;
    let config = Config::default().max_output_len(LIMIT);
    let shared = Bytes::from(vec![b's'; 5000]);
    let prepared = Prepared::from(shared.clone());
    type Send<'a> = &'a dyn Fn(&mut Connection) -> Result<(), SendError>;
    let ways: [(&str, Send<'_>); 6] = [
        ("empty", &|end| end.send(b"")),
        ("small", &|end| end.send("a message")),
        ("large", &|end| end.send(&[0; 70_000])),
        ("shared", &|end| end.send(&Message::from(shared.clone()))),
        ("prepared", &|end| end.send(&prepared)),
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
            // Once the peer reads again, the memory is freed and sending succeeds.
            let ((), _, kept) = bytes_in_use(|| drop(written(end.output())));
            assert_eq!((kept, send(&mut end)), (0, Ok(())), "{role:?}, {way}");
        }
    }
}

// attack: floods-5
#[test]
fn answers_to_a_peer_that_never_reads_are_few() {
    let config = Config::default().max_output_len(1000);
    for role in ROLES {
        let mut end = connection(role, &config);
        while end.send("full").is_ok() {}
        let full = end.buffered_amount();
        let flood = wire(role, &[(PING, &[b'x'; 125]), (PONG, b""), (TEXT, b"echo this")]);
        for _ in 0..10_000 {
            end.receive(&flood);
            while end.next_event().unwrap().is_some() {}
            assert_eq!(end.send("echo this"), Err(SendError::OutputFull));
        }
        assert!(end.buffered_amount() <= full + 20 * 131, "{role:?}: {} bytes", end.buffered_amount());
    }
}

/// The bytes that move within an output that is kept full, while the peer takes `step` bytes and `step` bytes are sent, `rounds`
/// times.
fn moved_while_full(full: usize, step: usize, rounds: usize) -> usize {
    let mut end = Connection::server(Config::default().max_output_len(full));
    let message = vec![b'x'; step - 2];
    while end.send(&message).is_ok() {}
    let front = |end: &mut Connection| end.output().chunks().next().map(<[u8]>::as_ptr);
    let mut moved = 0;
    for _ in 0..rounds {
        end.output().advance(step);
        let (before, waiting) = (front(&mut end), end.output().len());
        end.send(&message).unwrap();
        if front(&mut end) != before {
            moved += waiting;
        }
    }
    moved
}

// attack: floods-7
#[test]
fn output_read_a_little_at_a_time_moves_each_byte_about_once() {
    const STEP: usize = 100;
    const ROUNDS: usize = 2000;
    // These limits fit the memory exactly: it doubles from the room for a short frame.
    for full in [131 << 10, 131 << 13] {
        let moved = moved_while_full(full, STEP, ROUNDS);
        // One move for each `full` bytes sent would cost about that.
        assert!(moved <= 4 * STEP * ROUNDS + 4 * full, "{full}: {moved} bytes moved for {}", STEP * ROUNDS);
    }
}
