//! Bytes that arrive between a call that finds and the call that takes.

use sansocket::{Chunk, Config, Connection, Role};

use crate::common::*;
use crate::model::paths::fill;

/// How bytes arrive between a look and the call that lends.
#[derive(Clone, Copy, Debug)]
enum Arrival {
    Receive,
    Fill,
    /// `unfilled`, with nothing filled; then `receive`.
    FillNothing,
    #[cfg(feature = "std")]
    Read,
}

const ARRIVALS: &[Arrival] = &[
    Arrival::Receive,
    Arrival::Fill,
    Arrival::FillNothing,
    #[cfg(feature = "std")]
    Arrival::Read,
];

impl Arrival {
    fn give(self, end: &mut Connection, mut bytes: &[u8]) {
        match self {
            Self::Receive => end.receive(bytes),
            Self::Fill => {
                while !bytes.is_empty() {
                    bytes = fill(end, bytes);
                }
            }
            Self::FillNothing => {
                end.unfilled().fill(0xFF);
                end.filled(0);
                end.receive(bytes);
            }
            #[cfg(feature = "std")]
            Self::Read => {
                while !bytes.is_empty() {
                    end.read_from(&mut bytes).unwrap();
                }
            }
        }
    }
}

/// Conversations whose messages are whole, fragmented, assembled and waited for.
fn conversations() -> Vec<Vec<(u8, Vec<u8>)>> {
    let frame = |first: u8, payload: &[u8]| (first, payload.to_vec());
    let data = |len: usize| (0..=250).cycle().take(len).collect::<Vec<u8>>();
    vec![
        vec![frame(TEXT, b"whole"), frame(BINARY, b"and whole"), frame(TEXT, b"")],
        vec![
            frame(TEXT_BEGINS, "é in ".as_bytes()),
            frame(PING, b"between"),
            frame(GOES_ON, b"fragments \xc3"),
            frame(ENDS, b"\xa9"),
            frame(PONG, b""),
            frame(BINARY_BEGINS, b"binary "),
            frame(GOES_ON, b""),
            frame(ENDS, b"fragments"),
            frame(CLOSE, b"\x03\xe8bye"),
        ],
        // The memory for reading has to grow, and its content has to move.
        vec![
            frame(BINARY, &data(600)),
            frame(TEXT, &[b't'; 700]),
            frame(PING, b"p"),
            frame(BINARY, &data(5000)),
            frame(TEXT, b"last"),
        ],
        // Read directly to where the message is assembled.
        vec![frame(BINARY, &data(70_000)), frame(TEXT, b"next"), frame(BINARY, &data(30_000))],
    ]
}

/// The conversations at both ends: a connection, its input and the events that it gives if nothing comes in between.
fn cases() -> Vec<(Role, Vec<u8>, Vec<Got>)> {
    let mut cases = Vec::new();
    for conversation in conversations() {
        let frames: Vec<Frame<'_>> =
            conversation.iter().map(|(first, payload)| (*first, &payload[..])).collect();
        for role in ROLES {
            let bytes = wire(role, &frames);
            let events = feed(&mut small_reads(role), [&bytes[..]]).events;
            cases.push((role, bytes, events));
        }
    }
    cases
}

fn small_reads(role: Role) -> Connection {
    connection(role, &Config::default().read_len(1 << 10))
}

/// `step` gives the next event, and is told whether to let bytes arrive in the middle. Tries each way to arrive, in parts of
/// several lengths, from each cut on.
fn at_every_split_and_arrival(
    cases: Vec<(Role, Vec<u8>, Vec<Got>)>,
    step: impl Fn(&mut Connection, &mut dyn FnMut(&mut Connection)) -> Option<Got>,
) {
    for (role, bytes, expected) in cases {
        for at in cuts(bytes.len()) {
            for arrival in ARRIVALS {
                for part_len in [1.max(bytes.len() / 50), usize::MAX] {
                    let mut end = small_reads(role);
                    let (front, back) = bytes.split_at(at);
                    let mut parts = back.chunks(part_len.min(bytes.len()));
                    end.receive(front);
                    let mut events = Vec::new();
                    loop {
                        let event = step(&mut end, &mut |end| {
                            parts.next().into_iter().for_each(|part| arrival.give(end, part));
                        });
                        events.extend(event.clone());
                        if event.is_none() {
                            let Some(part) = parts.next() else { break };
                            arrival.give(&mut end, part);
                        }
                    }
                    assert_eq!(events, expected, "{role:?} cut at {at}, {arrival:?} of {part_len}");
                }
            }
        }
    }
}

#[test]
fn event_found_by_has_event_is_valid_after_further_bytes_arrive() {
    at_every_split_and_arrival(cases(), |end, arrive| {
        if !end.has_event().unwrap() {
            return None;
        }
        arrive(end);
        assert_eq!(end.has_event(), Ok(true));
        end.next_event().unwrap().map(Got::from)
    });
}

#[test]
fn message_found_by_has_event_is_valid_after_further_bytes_arrive() {
    let is_message = |event: &Got| matches!(event, Got::Text(_) | Got::Binary(_));
    let mut cases = cases();
    cases.iter_mut().for_each(|(.., events)| events.retain(is_message));
    at_every_split_and_arrival(cases, |end, arrive| {
        if !end.has_event().unwrap() {
            return None;
        }
        arrive(end);
        // `None` if the event was a control frame: then there may be more.
        loop {
            match end.next_message().unwrap() {
                Some(message) => return Some(message.into()),
                None if !end.has_event().unwrap() => return None,
                None => {}
            }
        }
    });
}

#[test]
fn chunk_found_by_has_chunk_is_valid_after_further_bytes_arrive() {
    let is_message = |event: &Got| matches!(event, Got::Text(_) | Got::Binary(_));
    let mut cases = cases();
    cases.iter_mut().for_each(|(.., events)| events.retain(is_message));
    at_every_split_and_arrival(cases, |end, arrive| {
        let mut data = Vec::new();
        let mut idle = 0;
        loop {
            if !end.has_chunk().unwrap() {
                if data.is_empty() || idle > 1000 {
                    return None;
                }
                idle += 1;
                arrive(end);
                continue;
            }
            arrive(end);
            assert_eq!(end.has_chunk(), Ok(true));
            let chunk = end.next_chunk().unwrap().unwrap();
            data.extend_from_slice(chunk.as_bytes());
            if chunk.fin() {
                return Some(match chunk {
                    Chunk::Text { .. } => Got::Text(String::from_utf8(data).unwrap()),
                    Chunk::Binary { .. } => Got::Binary(data),
                });
            }
        }
    });
}

/// A message that is asked for as a whole first, so that it is read directly to where it is assembled, and then in chunks.
#[test]
fn chunk_of_a_directly_read_message_is_valid_after_further_bytes_arrive() {
    let data: Vec<u8> = (0..=250).cycle().take(100_000).collect();
    for role in ROLES {
        for arrival in ARRIVALS {
            let bytes = wire(role, &[(BINARY, &data)]);
            let mut end = connection(role, &Config::default());
            let mut rest = &bytes[..];
            for _ in 0..2 {
                rest = fill(&mut end, rest);
                assert_eq!(end.next_event(), Ok(None));
            }
            let (mut received, mut parts) = (Vec::new(), rest.chunks(3000));
            while received.len() < data.len() {
                parts.next().into_iter().for_each(|part| arrival.give(&mut end, part));
                if end.has_chunk().unwrap() {
                    parts.next().into_iter().for_each(|part| arrival.give(&mut end, part));
                    let chunk = end.next_chunk().unwrap().unwrap();
                    received.extend_from_slice(chunk.as_bytes());
                    assert_eq!(chunk.fin(), received.len() == data.len());
                }
            }
            assert_eq!(received, data, "{role:?} {arrival:?}");
        }
    }
}
