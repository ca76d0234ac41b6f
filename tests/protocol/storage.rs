//! Memory that connections share: no byte of one reaches another.

use sansocket::handshake::server::Handshake;
use sansocket::{Config, Connection, Role, Storage};

use crate::common::*;

#[test]
fn message_is_whole_although_its_connection_changes_memory_between_reads() {
    let data: Vec<u8> = (0..=250).cycle().take(20_000).collect();
    let rows: [(&[Frame<'_>], Got); 3] = [
        (&[(BINARY, b"AAAABBBB")], Got::Binary(b"AAAABBBB".to_vec())),
        (&[(TEXT_BEGINS, b"AAAA"), (ENDS, b"BBBB")], text("AAAABBBB")),
        (&[(BINARY, &data)], Got::Binary(data.clone())),
    ];
    for (frames, message) in rows {
        for role in ROLES {
            let bytes = wire(role, frames);
            for part_len in [1.max(bytes.len() / 100), 1000, 7000] {
                let (mut end, mut intruder) =
                    (connection(role, &Config::default()), connection(role, &Config::default()));
                let mut storage = Storage::new();
                let mut events = Vec::new();
                for part in bytes.chunks(part_len) {
                    intruder.reuse(&mut storage);
                    let outcome = feed(&mut intruder, [&wire(role, &[(TEXT, &[b'x'; 3000])])[..]]);
                    assert_eq!(outcome.events, [Got::Text("x".repeat(3000))]);
                    intruder.reclaim(&mut storage);
                    end.reuse(&mut storage);
                    events.extend(feed(&mut end, [part]).events);
                    end.reclaim(&mut storage);
                }
                assert_eq!(events, core::slice::from_ref(&message), "{role:?}, parts of {part_len}");
            }
        }
    }
}

#[test]
fn text_of_one_client_does_not_reach_another_through_storage() {
    for len in 1..wire(Role::Server, &[(TEXT, b"for client A only")]).len() {
        let (mut a, mut b) = (Connection::server(Config::default()), Connection::server(Config::default()));
        let mut storage = Storage::new();
        let message = wire(Role::Server, &[(TEXT, b"for client A only")]);
        a.receive(&message[..len]);
        assert_eq!(a.has_event(), Ok(false));
        a.reclaim(&mut storage);
        b.reuse(&mut storage);
        assert_eq!(feed(&mut b, [&wire(Role::Server, &[(TEXT, b"B")])[..]]).events, [text("B")]);
        b.reclaim(&mut storage);
        a.reuse(&mut storage);
        assert_eq!(feed(&mut a, [&message[len..]]).events, [text("for client A only")]);
    }
}

#[test]
fn memory_with_an_event_that_was_found_is_not_reclaimed() {
    for role in ROLES {
        for first in [TEXT, PING, CLOSE] {
            let mut end = connection(role, &Config::default());
            let payload: &[u8] = if first == CLOSE { b"\x03\xe8" } else { b"found" };
            end.receive(&wire(role, &[(first, payload)]));
            assert_eq!(end.has_event(), Ok(true));
            let mut storage = Storage::new();
            end.reclaim(&mut storage);
            let mut intruder = connection(role, &Config::default());
            intruder.reuse(&mut storage);
            intruder.receive(&[0xFF; 100]);
            end.reuse(&mut storage);
            let expected = match first {
                TEXT => text("found"),
                PING => Got::Ping(b"found".to_vec()),
                _ => Got::Close(Some((1000, String::new()))),
            };
            assert_eq!(end.next_event().unwrap().map(Got::from), Some(expected));
        }
    }
}

#[test]
fn memory_of_a_failed_connection_is_read_to_as_new() {
    for role in ROLES {
        let mut failed = connection(role, &Config::default());
        // The rest of this frame would be the next read.
        failed.receive(&wire(role, &[(BINARY, &[0; 10_000])])[..100]);
        assert_eq!(failed.next_event(), Ok(None));
        failed.end_of_stream().unwrap_err();
        failed.next_event().unwrap_err();
        let mut storage = Storage::new();
        failed.reclaim(&mut storage);
        let (mut next, mut new) =
            (connection(role, &Config::default()), connection(role, &Config::default()));
        next.reuse(&mut storage);
        assert_eq!(next.unfilled().len(), new.unfilled().len());
    }
}

#[test]
#[should_panic(expected = "room for 0 bytes")]
fn room_of_a_handshake_is_not_filled_in_the_connection_that_takes_its_memory() {
    let mut storage = Storage::new();
    let mut handshake = Handshake::new(Config::default());
    handshake.unfilled()[..7].copy_from_slice(b"\x81\x05alice");
    handshake.reclaim(&mut storage);
    let mut other = Connection::server(Config::default());
    other.reuse(&mut storage);
    other.filled(7);
}

/// A program reads on to see the stream end.
#[cfg(feature = "std")]
#[test]
fn bytes_behind_the_end_are_not_kept() {
    for role in ROLES {
        for (frame, looks) in [((CLOSE, &b""[..]), 0), ((CLOSE, b""), 1), ((CLOSE, b""), 2), ((0x8F, b""), 1)]
        {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, &[frame]));
            let found = end.has_event();
            for _ in 0..looks {
                _ = end.next_event();
            }
            for _ in 0..10 {
                end.read_from(&mut &[0; 100_000][..]).unwrap();
                assert!(end.unread().len() <= 17 << 10, "{}", end.unread().len());
            }
            if looks == 0 {
                assert_eq!(
                    (found, end.next_event().unwrap().map(Got::from)),
                    (Ok(true), Some(Got::Close(None)))
                );
            }
        }
    }
}
