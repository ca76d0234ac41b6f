//! "_Fail the WebSocket Connection_": section 7.1.7, for each rule that a peer can break.

use sansocket::{CloseCode, Config, Limits, ProtocolError, Role, SendError, ShutdownStep, State};

use crate::common::*;
use crate::model::answers::close_code;

/// The rules that frames can break. The last frame of each row breaks the rule.
fn faults() -> Vec<(ProtocolError, Vec<Frame<'static>>)> {
    use ProtocolError::*;
    vec![
        (ReservedBits, vec![(TEXT | 0x40, b"x")]),
        (ReservedBits, vec![(TEXT | 0x20, b"x")]),
        (ReservedBits, vec![(PING | 0x10, b"")]),
        (UnknownOpcode, vec![(0x83, b"x")]),
        (UnknownOpcode, vec![(0x8F, b"")]),
        (FragmentedControl, vec![(0x09, b"")]),
        (FragmentedControl, vec![(0x08, b"\x03\xe8")]),
        (OversizedControl, vec![(PING, &[b'x'; 126])]),
        (OversizedControl, vec![(CLOSE, &[b'x'; 126])]),
        (NothingToContinue, vec![(ENDS, b"x")]),
        (NothingToContinue, vec![(GOES_ON, b"")]),
        (InterleavedMessage, vec![(TEXT_BEGINS, b"x"), (BINARY, b"")]),
        (InvalidUtf8, vec![(TEXT, b"ok\xff")]),
        (InvalidUtf8, vec![(TEXT, b"cut \xe2\x82")]),
        (InvalidUtf8, vec![(TEXT_BEGINS, b"\xe2\x82"), (ENDS, b"")]),
        (InvalidUtf8, vec![(TEXT_BEGINS, b"\xf0\x9f"), (PING, b""), (ENDS, b"x")]),
        (InvalidUtf8, vec![(CLOSE, b"\x03\xe8\xc0\x80")]),
        (TruncatedCloseCode, vec![(CLOSE, b"\x03")]),
        (InvalidCloseCode, vec![(CLOSE, b"\x03\xed")]),
        (FrameTooLong { len: 101, limit: 100 }, vec![(BINARY, &[0; 101])]),
        (MessageTooLong { len: 151, limit: 150 }, vec![(BINARY_BEGINS, &[0; 100]), (ENDS, &[0; 51])]),
        (
            TooManyFragments { limit: 3 },
            vec![(BINARY_BEGINS, b""), (GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b"")],
        ),
    ]
}

// req: 6455-7.1.5-c
#[test]
fn section_7_1_5_code_of_a_lost_connection_is_never_sent() {
    let lost = ProtocolError::ConnectionLost;
    assert_eq!((lost.close_code(), lost.close_code().is_sendable()), (CloseCode::ABNORMAL, false));
    assert_eq!(
        (lost.to_string(), lost.as_str()),
        (lost.as_str().into(), "connection lost without a closing handshake")
    );
}

#[test]
fn errors_about_limits_show_length_and_limit() {
    use ProtocolError::*;
    let rows = [
        (FrameTooLong { len: 101, limit: 100 }, "frame too long: 101 bytes, the limit is 100"),
        (MessageTooLong { len: 151, limit: 150 }, "message too long: 151 bytes, the limit is 150"),
        (TooManyFragments { limit: 3 }, "too many fragments: the limit is 3"),
    ];
    for (error, text) in rows {
        assert_eq!(error.to_string(), text);
        assert!(
            text.starts_with(error.as_str()) && !error.as_str().contains(':'),
            "the text of the Close frame is fixed"
        );
    }
    let error = SendError::MessageTooLong { len: 201, limit: 200 };
    assert_eq!(error.to_string(), "a message of 201 bytes with its header, the limit for the output is 200");
}

fn config() -> Config {
    Config::default().limits(Limits::default().max_frame_len(100).max_message_len(150).max_fragments(3))
}

// attack: framing-4, framing-6, close-4
// req: 6455-5.2-c, 6455-5.2-d, 6455-5.4-f, 6455-5.5-b, 6455-5.5-c, 6455-5.5.1-b, 6455-5.6-a, 6455-7.1.7-e, 6455-7.1.7-g, 6455-7.4.1-f, 6455-8.1-a, 6455-10.4-a, 6455-10.7-a, 6455-10.7-c
#[test]
fn section_7_1_7_events_before_the_fault_come_first_then_the_error() {
    for (error, fault) in faults() {
        let before: [Frame<'_>; 3] = [(TEXT, b"before"), (BINARY_BEGINS, b"be"), (ENDS, b"fore")];
        let frames = [&before[..], &fault, &[(TEXT, b"after"), (PING, b"after")]].concat();
        let mut events = vec![text("before"), Got::Binary(b"before".to_vec())];
        let body = close_body(close_code(error), error.as_str());
        let mut answers: Vec<Frame<'_>> = vec![(CLOSE, &body)];
        if fault.contains(&(PING, b"")) {
            events.push(Got::Ping(vec![]));
            answers.insert(0, (PONG, b""));
        }
        receives(&config(), &frames, &events, Some(error), &answers);
    }
}

// attack: framing-9
// req: 6455-7.1.7-a, 6455-7.1.7-b, 6455-7.1.7-c, 6455-7.1.7-g, 6455-10.4-a
#[test]
fn section_7_1_7_failed_connection_is_closed_and_gives_the_same_error_again() {
    for (error, fault) in faults() {
        for role in ROLES {
            let mut end = connection(role, &config());
            let outcome = feed(&mut end, [&wire(role, &fault)[..]]);
            assert_eq!((outcome.error, end.state()), (Some(error), State::Closed));
            let info = end.close_info().unwrap();
            assert_eq!((info.code, info.was_clean, info.fault), (CloseCode::ABNORMAL, false, Some(error)));
            assert_eq!(info.sent, Some(CloseCode(close_code(error))));
            assert_eq!(end.send("x"), Err(SendError::Closed));
            assert_eq!(end.next_timeout(), None);
            use ShutdownStep::{Discard, ShutdownWrite, Write};
            assert_eq!(end.shutdown_steps(), [Write, ShutdownWrite, Discard]);

            end.receive(&wire(role, &[(TEXT, b"x"), (CLOSE, b"\x03\xe8")]));
            assert_eq!(end.next_event(), Err(error));
            assert_eq!(end.next_message(), Err(error));
            assert_eq!(end.next_chunk(), Err(error));
            assert_eq!(end.end_of_stream(), Err(error));
            assert!(is_idle(&mut end), "bytes after the fault are discarded");
            assert!(end.output().is_empty(), "only one Close frame");
            assert_eq!(end.close_info().unwrap().code, CloseCode::ABNORMAL);
        }
    }
}

// attack: framing-5
// req: 6455-5.1-b, 6455-5.1-c, 6455-5.1-e, 6455-5.1-f
#[test]
fn section_5_1_wrong_masking_fails_the_connection() {
    for role in ROLES {
        let error = match role {
            Role::Client => ProtocolError::Masked,
            Role::Server => ProtocolError::NotMasked,
        };
        let good = wire(role, &[(TEXT, b"good")]);
        for bad in [wire(other(role), &[(TEXT, b"")]), wire(other(role), &[(PING, b"ping")])] {
            let outcome = at_every_split(|| connection(role, &config()), &[&good[..], &bad].concat());
            let output = wire(other(role), &[(CLOSE, &close_body(1002, error.as_str()))]);
            assert_eq!(outcome, Outcome { events: vec![text("good")], error: Some(error), output });
        }
    }
}

// attack: framing-2, framing-3
// req: 6455-5.2-h, 6455-5.2-j, 6455-10.4-a, 6455-10.4-b
#[test]
fn section_5_2_invalid_length_fails_the_connection() {
    use ProtocolError::*;
    let rows: [(&[u8], ProtocolError); 6] = [
        (&[126, 0, 125], NonMinimalLength),
        (&[127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], NonMinimalLength),
        (&[127, 0x80, 0, 0, 0, 0, 0, 0, 0], LengthOverflow),
        (
            &[127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            FrameTooLong { len: u64::MAX >> 1, limit: 100 },
        ),
        (&[127, 0, 0, 0, 1, 0, 0, 0, 5], FrameTooLong { len: (1 << 32) + 5, limit: 100 }),
        (&[126, 0, 126], FrameTooLong { len: 126, limit: 100 }),
    ];
    for role in ROLES {
        for (length, error) in rows {
            let mut bytes = [&[BINARY], length].concat();
            if role == Role::Server {
                bytes[1] |= 0x80;
                bytes.extend(KEY);
            }
            // The shortest of the frames arrive whole.
            bytes.extend([0; 126]);
            let outcome = at_every_split(|| connection(role, &config()), &bytes);
            let output = wire(other(role), &[(CLOSE, &close_body(close_code(error), error.as_str()))]);
            assert_eq!(outcome, Outcome { events: vec![], error: Some(error), output }, "{length:02x?}");
        }
    }
}

// attack: utf8-2
// req: 6455-8.1-a
#[test]
fn section_8_1_invalid_text_fails_before_its_frame_is_complete() {
    for role in ROLES {
        let bytes = wire(role, &[(TEXT, b"0123456789\xff and more that never comes")]);
        let header_len = if role == Role::Server { 6 } else { 2 };
        let up_to_fault = header_len + 10;
        let mut end = connection(role, &config());
        let possible = feed(&mut end, bytes[..up_to_fault].chunks(1));
        assert_eq!(possible.error, None);
        let fault = feed(&mut end, [&bytes[up_to_fault..=up_to_fault]]);
        assert_eq!(fault.error, Some(ProtocolError::InvalidUtf8));
    }
}

// req: 6455-7.1.7-g
#[test]
fn section_7_1_7_fault_while_closing_sends_no_second_close_frame() {
    for (error, fault) in faults() {
        for role in ROLES {
            let mut end = connection(role, &config());
            end.close(CloseCode::GOING_AWAY, "").unwrap();
            let outcome = feed(&mut end, [&wire(role, &fault)[..]]);
            assert_eq!(outcome.error, Some(error));
            let mut expected = vec![(CLOSE, &b"\x03\xe9"[..])];
            let (_, before) = fault.split_last().unwrap();
            expected.extend(before.iter().filter(|(first, _)| *first == PING).map(|(_, data)| (PONG, *data)));
            assert_eq!(outcome.output, wire(other(role), &expected));
            let info = end.close_info().unwrap();
            assert_eq!((info.sent, info.was_clean), (Some(CloseCode::GOING_AWAY), false));
        }
    }
}

// attack: close-4
// req: 6455-7.1.7-e
#[test]
fn section_7_1_7_close_frame_of_a_fault_is_queued_although_the_output_is_full() {
    for role in ROLES {
        let config = config().max_output_len(20);
        let mut end = connection(role, &config);
        end.send("full").unwrap();
        assert_eq!(end.send("full"), Err(SendError::OutputFull));
        let outcome = feed(&mut end, [&wire(role, &[(ENDS, b"")])[..]]);
        let body = close_body(1002, "continuation of no message");
        assert_eq!(outcome.output, wire(other(role), &[(TEXT, b"full"), (CLOSE, &body)]));
    }
}
