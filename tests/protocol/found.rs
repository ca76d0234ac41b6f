//! Events and chunks that were found and not taken yet: they are taken once, and invalid text fails the connection.

use sansocket::{Config, Connection, ProtocolError, State};

use crate::common::*;

// req: 6455-5.5.2-b, 6455-5.5.1-e
#[test]
fn has_event_answers_a_ping_once_and_a_close_frame_once() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        let answers: [Frame<'_>; 2] = [(PONG, b"p"), (CLOSE, b"\x03\xe8")];
        end.receive(&wire(role, &[(PING, b"p"), (CLOSE, b"\x03\xe8bye"), (TEXT, b"late")]));
        for (answer, event) in
            answers.iter().zip([Got::Ping(b"p".to_vec()), Got::Close(Some((1000, "bye".into())))])
        {
            for _ in 0..3 {
                assert_eq!(end.has_event(), Ok(true));
            }
            assert_eq!(end.next_event().unwrap().map(Got::from), Some(event));
            assert_eq!(written(end.output()), wire(other(role), &[*answer]));
        }
        assert_eq!((end.has_event(), end.state()), (Ok(false), State::Closed));
        assert!(end.output().is_empty());
    }
}

/// A call for what comes next, by one of the methods.
type Call = fn(&mut Connection) -> Result<bool, ProtocolError>;

const HAS_EVENT: Call = |end| end.has_event();
const HAS_CHUNK: Call = |end| end.has_chunk();
const NEXT_EVENT: Call = |end| Ok(end.next_event()?.is_some());
const NEXT_CHUNK: Call = |end| Ok(end.next_chunk()?.is_some());
const NEXT_MESSAGE: Call = |end| Ok(end.next_message()?.is_some());

// req: 6455-8.1-a
#[test]
fn section_8_1_invalid_text_fails_the_connection_in_each_order_of_calls() {
    let whole: &[Frame<'_>] = &[(TEXT, b"\xff\xff"), (TEXT, b"after")];
    let last: &[Frame<'_>] = &[(TEXT_BEGINS, b"fine"), (ENDS, b"\xff"), (TEXT, b"after")];
    let cut: &[Frame<'_>] = &[(TEXT_BEGINS, b"fine\xe2\x82"), (ENDS, b""), (TEXT, b"after")];
    let rows: [(&[Frame<'_>], &[Call]); 13] = [
        (whole, &[HAS_EVENT, HAS_EVENT, NEXT_EVENT]),
        (whole, &[HAS_EVENT, NEXT_CHUNK]),
        (whole, &[HAS_EVENT, HAS_CHUNK, NEXT_CHUNK]),
        (whole, &[HAS_EVENT, NEXT_MESSAGE]),
        (whole, &[HAS_CHUNK, NEXT_EVENT]),
        (whole, &[HAS_CHUNK, HAS_EVENT, NEXT_EVENT]),
        (whole, &[HAS_CHUNK, NEXT_MESSAGE]),
        (last, &[HAS_CHUNK, NEXT_EVENT]),
        (last, &[HAS_CHUNK, HAS_EVENT]),
        (last, &[HAS_CHUNK, NEXT_CHUNK, NEXT_MESSAGE]),
        (last, &[NEXT_CHUNK, HAS_EVENT]),
        (cut, &[HAS_CHUNK, NEXT_EVENT]),
        (cut, &[NEXT_CHUNK, HAS_CHUNK]),
    ];
    let error = ProtocolError::InvalidUtf8;
    for (row, (frames, calls)) in rows.into_iter().enumerate() {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, frames));
            let (last, before) = calls.split_last().unwrap();
            for call in before {
                assert_eq!(call(&mut end), Ok(true), "row {row}");
            }
            assert_eq!(last(&mut end), Err(error), "row {row}");
            assert_eq!(
                written(end.output()),
                wire(other(role), &[(CLOSE, &close_body(1007, error.as_str()))])
            );
            assert_eq!((end.state(), end.next_event()), (State::Closed, Err(error)));
        }
    }
}

#[test]
fn every_call_gives_the_same_error_after_the_connection_is_lost() {
    for call in [NEXT_EVENT, NEXT_CHUNK, NEXT_MESSAGE] {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, &[(TEXT, b"\xff")]));
            assert_eq!(end.has_event(), Ok(true));
            let lost = ProtocolError::ConnectionLost;
            assert_eq!(end.end_of_stream(), Err(lost));
            assert_eq!((call(&mut end), end.next_event()), (Err(lost), Err(lost)));
        }
    }
}

#[test]
fn last_chunk_that_was_found_and_not_taken_is_no_whole_message() {
    let binary: [Frame<'_>; 3] = [(BINARY_BEGINS, b"one "), (ENDS, b"two"), (TEXT, b"next")];
    let in_text: [Frame<'_>; 3] = [(TEXT_BEGINS, b"one "), (ENDS, b"two"), (TEXT, b"next")];
    for frames in [binary, in_text] {
        for role in ROLES {
            let new = || {
                let mut end = connection(role, &Config::default());
                end.receive(&wire(role, &frames));
                assert_eq!(end.next_chunk().unwrap().map(|chunk| chunk.as_bytes().len()), Some(4));
                assert_eq!(end.has_chunk(), Ok(true));
                end
            };
            assert_eq!(new().next_event().unwrap().map(Got::from), Some(text("next")));
            assert_eq!(new().next_message().unwrap().map(Got::from), Some(text("next")));
            let mut found = new();
            assert_eq!(found.has_event(), Ok(true));
            assert_eq!(found.next_event().unwrap().map(Got::from), Some(text("next")));
            let last = new().next_chunk().unwrap().map(|chunk| (chunk.as_bytes().to_vec(), chunk.fin()));
            assert_eq!(last, Some((b"two".to_vec(), true)));
        }
    }
}

#[test]
fn event_is_lent_once() {
    let rows: [(Frame<'_>, Got); 3] = [
        ((TEXT, b"once"), text("once")),
        ((PING, b"once"), Got::Ping(b"once".to_vec())),
        ((BINARY, b"once"), Got::Binary(b"once".to_vec())),
    ];
    for (frame, event) in rows {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            end.receive(&wire(role, &[frame]));
            assert_eq!(end.has_event(), Ok(true));
            assert_eq!(end.next_event().unwrap().map(Got::from), Some(event.clone()));
            assert_eq!(end.next_event(), Ok(None));
            assert_eq!(end.next_message(), Ok(None));
            assert_eq!(end.next_chunk(), Ok(None));
            assert_eq!((end.has_event(), end.state()), (Ok(false), State::Open));
        }
    }
}
