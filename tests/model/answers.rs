//! The automatic answers of an endpoint: sections 5.5.1, 5.5.2 and 7.1.7.

use sansocket::{Limits, ProtocolError, Role};

use super::event::Got;
use super::receiver::{judge, judge_header};
use super::wire::{CLOSE, PONG, close_body, other, wire};

/// The bytes that this role sends if it writes each answer before it looks for the next event.
pub(crate) fn answers(from: Role, events: &[Got], error: Option<ProtocolError>) -> Vec<u8> {
    let mut frames = Vec::new();
    for event in events {
        match event {
            Got::Ping(payload) => frames.push((PONG, payload.clone())),
            Got::Close(None) => frames.push((CLOSE, vec![])),
            Got::Close(Some((code, _))) => frames.push((CLOSE, close_body(*code, ""))),
            Got::Text(_) | Got::Binary(_) | Got::Pong(_) => {}
        }
    }
    frames.extend(error.map(|error| (CLOSE, close_body(close_code(error), error.as_str()))));
    let frames: Vec<_> = frames.iter().map(|(first, payload)| (*first, &payload[..])).collect();
    wire(other(from), &frames)
}

/// Section 7.4.1, without the code of the crate.
pub(crate) fn close_code(error: ProtocolError) -> u16 {
    use ProtocolError::*;
    match error {
        InvalidUtf8 | InvalidDeflate => 1007,
        FrameTooLong { .. } | MessageTooLong { .. } | TooManyFragments { .. } => 1009,
        _ => 1002,
    }
}

/// Checks that `bytes` are whole and valid frames, with nothing but Pongs behind a Close frame. Gives the events.
pub(crate) fn check_sent(from: Role, bytes: &[u8]) -> Vec<Got> {
    let mut verdict = judge(other(from), &unlimited(), bytes);
    assert!(verdict.broken.is_empty() && !verdict.undecided, "sent forbidden bytes: {verdict:?}");
    let (mut rest, mut closed) = (bytes, false);
    while let (Some(header), _) = judge_header(rest) {
        let (_, behind) = rest.split_at(header.len);
        assert!(!closed || header.first == PONG, "{:02x} behind a Close frame", header.first);
        let payload = behind.get(..usize::try_from(header.payload_len).unwrap()).expect("half a frame");
        if closed {
            let key = header.key.unwrap_or_default();
            verdict.events.push(Got::Pong(
                payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect(),
            ));
        }
        closed |= header.first == CLOSE;
        rest = &behind[payload.len()..];
    }
    assert_eq!(rest, b"", "half a frame");
    verdict.events
}

fn unlimited() -> Limits {
    Limits::default().max_frame_len(u64::MAX).max_message_len(u64::MAX).max_fragments(u32::MAX)
}
