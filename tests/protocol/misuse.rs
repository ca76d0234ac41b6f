//! Wrong calls, and calls in an unusual order: each of them is right or panics.

use sansocket::{CloseCode, Config, Connection, Storage};

use crate::common::*;

#[test]
fn bytes_written_to_unfilled_arrive_although_events_are_taken_before_filled() {
    for role in ROLES {
        for events_before in 0..4 {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, &[(TEXT, b"first"), (TEXT, b"other")]));
            let next = wire(role, &[(BINARY, b"second")]);
            end.unfilled()[..next.len()].copy_from_slice(&next);
            let mut events = Vec::new();
            (0..events_before).for_each(|_| events.extend(end.next_event().unwrap().map(Got::from)));
            end.filled(next.len());
            while let Some(event) = end.next_event().unwrap() {
                events.push(event.into());
            }
            let expected = [text("first"), text("other"), Got::Binary(b"second".to_vec())];
            assert_eq!(events, expected, "{role:?}, {events_before} events before");
        }
    }
}

#[test]
fn next_timeout_is_a_point_in_time_and_the_wait_is_the_difference() {
    use core::time::Duration;

    let mut end = Connection::server(Config::default().keepalive(Some(Duration::from_secs(20))));
    let now = Duration::from_secs(1000);
    end.handle_timeout(now);
    let due = end.next_timeout().unwrap();
    assert_eq!(due.duration_since(now), Duration::from_secs(20));
    assert_eq!(due.duration_since(now + Duration::from_secs(30)), Duration::ZERO, "it is overdue");
}

#[test]
fn filled_is_right_although_the_connection_ended_after_unfilled() {
    for frame in [(CLOSE, &b"\x03\xe8"[..]), (TEXT, b"\xff"), (ENDS, b"")] {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, &[frame]));
            let late = wire(role, &[(TEXT, b"late")]);
            end.unfilled()[..late.len()].copy_from_slice(&late);
            let ended = (0..2).map(|_| end.next_event().map(|event| event.map(Got::from))).last();
            end.filled(late.len());
            assert_eq!(end.next_event().map(|event| event.map(Got::from)), ended.unwrap());
            assert!(is_idle(&mut end));
        }
    }
}

#[test]
#[should_panic(expected = "there was room for")]
fn filled_with_more_than_there_was_room_for_panics() {
    let mut end = Connection::server(Config::default());
    let room = end.unfilled().len();
    end.filled(room + 1);
}

#[test]
#[should_panic(expected = "there was room for")]
fn filled_without_unfilled_panics() {
    Connection::server(Config::default()).filled(1);
}

#[test]
#[should_panic(expected = "there was room for")]
fn filled_twice_after_one_unfilled_panics() {
    let mut end = Connection::server(Config::default());
    end.unfilled();
    end.filled(1);
    end.filled(1);
}

#[test]
#[should_panic(expected = "there was room for")]
fn filled_after_receive_panics() {
    let mut end = Connection::server(Config::default());
    end.unfilled();
    end.receive(b"\x81");
    end.filled(1);
}

#[test]
#[should_panic(expected = "there was room for")]
fn filled_after_the_memory_was_reclaimed_panics() {
    let mut end = Connection::server(Config::default());
    end.unfilled();
    let mut storage = Storage::new();
    end.reclaim(&mut storage);
    end.reuse(&mut storage);
    end.filled(1);
}

#[test]
fn filled_with_all_the_room_is_right() {
    for _ in 0..2 {
        let mut end = Connection::server(Config::default());
        let room = end.unfilled().len();
        end.filled(room);
        assert_eq!(end.unread().len(), room);
        end.filled(0);
    }
}

#[test]
#[should_panic(expected = "bytes wait")]
fn advancing_the_output_by_more_than_waits_panics() {
    let mut end = Connection::server(Config::default());
    end.send("short").unwrap();
    end.output().advance(1000);
}

#[test]
#[should_panic(expected = "bytes wait")]
fn advancing_an_empty_output_panics() {
    Connection::server(Config::default()).output().advance(1);
}

#[test]
fn output_is_written_by_a_plain_loop_over_chunk_and_advance() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        let large = vec![b'l'; 5000];
        end.send("small").unwrap();
        end.send(&sansocket::Bytes::from(large.clone())).unwrap();
        end.close(CloseCode::NORMAL, "").unwrap();
        let mut wire_bytes = Vec::new();
        let output = end.output();
        while !output.is_empty() {
            let chunk = output.chunk();
            let n = chunk.len().min(700);
            wire_bytes.extend_from_slice(&chunk[..n]);
            output.advance(n);
        }
        assert_eq!(output.chunk(), b"");
        let frames: [Frame<'_>; 3] = [(TEXT, b"small"), (BINARY, &large), (CLOSE, b"\x03\xe8")];
        assert_eq!(wire_bytes, wire(other(role), &frames));
    }
}

#[cfg(debug_assertions)]
mod two_connections {
    use super::*;

    fn two() -> [Connection; 2] {
        [Connection::server(Config::default()), Connection::server(Config::default())]
    }

    #[test]
    #[should_panic(expected = "two connections")]
    fn next_event_with_the_sender_of_another_connection_panics() {
        let [mut a, mut b] = two();
        let _ = a.split_mut().0.next_event(b.split_mut().1);
    }

    #[test]
    #[should_panic(expected = "two connections")]
    fn has_event_with_the_sender_of_another_connection_panics() {
        let [mut a, mut b] = two();
        let _ = a.split_mut().0.has_event(b.split_mut().1);
    }

    #[test]
    #[should_panic(expected = "two connections")]
    fn next_chunk_with_the_sender_of_another_connection_panics() {
        let [mut a, mut b] = two();
        let _ = a.split_mut().0.next_chunk(b.split_mut().1);
    }

    #[test]
    #[should_panic(expected = "two connections")]
    fn end_of_stream_with_the_sender_of_another_connection_panics() {
        let [mut a, mut b] = two();
        let _ = a.split_mut().0.end_of_stream(b.split_mut().1);
    }
}
