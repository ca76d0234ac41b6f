//! "_Fail the WebSocket Connection_": section 7.1.7, for everything that a peer can do wrong.

use sansocket::{Buffer, CloseCode, Config, Limits, ProtocolError, Role, SendError, State};

use crate::common::*;
use crate::model::answers::close_code;

const LIMITS: Limits = Limits { max_frame_len: 100, max_message_len: 150, max_fragments: 3 };

/// Each rule that frames can break, at either end; the last frame of each row breaks it.
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
        (FrameTooLong, vec![(BINARY, &[0; 101])]),
        (MessageTooLong, vec![(BINARY_BEGINS, &[0; 100]), (ENDS, &[0; 51])]),
        (TooManyFragments, vec![(BINARY_BEGINS, b""), (GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b"")]),
    ]
}

// req: 6455-7.1.5-c
#[test]
fn section_7_1_5_a_lost_connection_has_a_code_that_is_never_sent() {
    let lost = ProtocolError::ConnectionLost;
    assert_eq!((lost.close_code(), lost.close_code().is_sendable()), (CloseCode::ABNORMAL, false));
    assert_eq!(
        (lost.to_string(), lost.as_str()),
        (lost.as_str().into(), "connection lost without a closing handshake")
    );
}

fn config() -> Config {
    Config { limits: LIMITS, ..Config::default() }
}

// attack: framing-4, framing-6, close-4
// req: 6455-5.2-c, 6455-5.2-d, 6455-5.4-f, 6455-5.5-b, 6455-5.5-c, 6455-5.5.1-b, 6455-5.6-a, 6455-7.1.7-e, 6455-7.1.7-g, 6455-7.4.1-f, 6455-8.1-a, 6455-10.4-a, 6455-10.7-a, 6455-10.7-c
#[test]
fn section_7_1_7_events_before_the_fault_then_the_error_and_the_right_close_frame() {
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
fn section_7_1_7_a_failed_connection_is_closed_and_says_why() {
    for (error, fault) in faults() {
        for role in ROLES {
            let (mut end, mut input) = (connection(role, &config()), Buffer::new());
            let outcome = feed(&mut end, &mut input, [&wire(role, &fault)[..]]);
            assert_eq!((outcome.error, end.state()), (Some(error), State::Closed));
            let info = end.close_info().unwrap();
            assert_eq!((info.code, info.was_clean, info.fault), (CloseCode::ABNORMAL, false, Some(error)));
            assert_eq!(info.sent, Some(CloseCode(close_code(error))));
            assert_eq!(end.send_text("x"), Err(SendError::Closed));
            assert_eq!(end.next_timeout(), None);
            assert!(end.ends_transport());

            input.extend_from_slice(&wire(role, &[(TEXT, b"x"), (CLOSE, b"\x03\xe8")]));
            assert_eq!(end.next_event(&mut input), Err(error));
            assert_eq!(end.next_message(&mut input), Err(error));
            assert_eq!(end.next_piece(&mut input), Err(error));
            assert_eq!(end.receive_eof(), Err(error));
            assert!(input.is_idle(), "what came after the fault is discarded");
            assert!(end.output().is_empty(), "one Close frame is enough");
            assert_eq!(end.close_info().unwrap().code, CloseCode::ABNORMAL);
        }
    }
}

// attack: framing-5
// req: 6455-5.1-b, 6455-5.1-c, 6455-5.1-e, 6455-5.1-f
#[test]
fn section_5_1_a_frame_masked_the_wrong_way_fails_the_connection() {
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
fn section_5_2_lengths_that_may_not_be() {
    use ProtocolError::*;
    let rows: [(&[u8], ProtocolError); 6] = [
        (&[126, 0, 125], NonMinimalLength),
        (&[127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], NonMinimalLength),
        (&[127, 0x80, 0, 0, 0, 0, 0, 0, 0], LengthOverflow),
        (&[127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], FrameTooLong),
        (&[127, 0, 0, 0, 1, 0, 0, 0, 5], FrameTooLong),
        (&[126, 0, 126], FrameTooLong),
    ];
    for role in ROLES {
        for (length, error) in rows {
            let mut bytes = [&[BINARY], length].concat();
            if role == Role::Server {
                bytes[1] |= 0x80;
                bytes.extend(KEY);
            }
            // The shortest of them are all there.
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
fn section_8_1_text_fails_before_its_frame_is_complete() {
    for role in ROLES {
        let bytes = wire(role, &[(TEXT, b"0123456789\xff and more that never comes")]);
        let header_len = if role == Role::Server { 6 } else { 2 };
        let up_to_fault = header_len + 10;
        let (mut end, mut input) = (connection(role, &config()), Buffer::new());
        let possible = feed(&mut end, &mut input, bytes[..up_to_fault].chunks(1));
        assert_eq!(possible.error, None);
        let fault = feed(&mut end, &mut input, [&bytes[up_to_fault..=up_to_fault]]);
        assert_eq!(fault.error, Some(ProtocolError::InvalidUtf8));
    }
}

// req: 6455-7.1.7-g
#[test]
fn section_7_1_7_a_fault_while_closing_is_not_followed_by_a_second_close_frame() {
    for (error, fault) in faults() {
        for role in ROLES {
            let (mut end, mut input) = (connection(role, &config()), Buffer::new());
            end.close(CloseCode::GOING_AWAY, "").unwrap();
            let outcome = feed(&mut end, &mut input, [&wire(role, &fault)[..]]);
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
fn section_7_1_7_the_close_frame_of_a_fault_fits_into_a_full_output() {
    for role in ROLES {
        let config = Config { max_output_len: 20, ..config() };
        let (mut end, mut input) = (connection(role, &config), Buffer::new());
        end.send_text("full").unwrap();
        assert_eq!(end.send_text("full"), Err(SendError::OutputFull));
        let outcome = feed(&mut end, &mut input, [&wire(role, &[(ENDS, b"")])[..]]);
        let body = close_body(1002, "continuation of no message");
        assert_eq!(outcome.output, wire(other(role), &[(TEXT, b"full"), (CLOSE, &body)]));
    }
}
