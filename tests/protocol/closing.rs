//! The closing handshake: sections 5.5.1 and 7.

use sansocket::{CloseCode, Config, Connection, ProtocolError, Role, ShutdownStep, State};

use crate::common::*;

/// `close_info`: the code, the reason, whether it was clean, and the code that was sent.
type Info = (u16, String, bool, Option<u16>);

fn info(end: &Connection) -> Info {
    let info = end.close_info().unwrap();
    (info.code.0, info.reason.into(), info.was_clean, info.sent.map(|code| code.0))
}

fn after(role: Role, frames: &[Frame<'_>]) -> Connection {
    let mut end = connection(role, &Config::default());
    feed(&mut end, [&wire(role, frames)[..]]);
    end
}

// req: 6455-5.5.1-a, 6455-5.5.1-c, 6455-5.5.1-e, 6455-5.5.1-g, 6455-5.5.1-h, 6455-5.5.1-j, 6455-6.2-b, 6455-7.1.5-a, 6455-7.1.5-b, 6455-7.1.6-a, 6455-7.4-a, 6455-7.4.1-a
#[test]
fn section_5_5_1_close_frame_is_answered_with_its_code() {
    let longest = "r".repeat(123);
    type Said<'a> = Option<(u16, &'a str)>;
    let rows: [(&[u8], Said<'_>, &[u8]); 6] = [
        (b"\x03\xe8", Some((1000, "")), b"\x03\xe8"),
        (b"\x03\xe9going", Some((1001, "going")), b"\x03\xe9"),
        (&close_body(3000, &longest), Some((3000, &longest)), b"\x0b\xb8"),
        (&close_body(4999, "até já"), Some((4999, "até já")), b"\x13\x87"),
        (b"\x03\xf6", Some((1014, "")), b"\x03\xf6"),
        (b"", None, b""),
    ];
    for (body, said, answer) in rows {
        let event = Got::Close(said.map(|(code, reason)| (code, reason.into())));
        receives(&Config::default(), &[(CLOSE, body)], &[event], None, &[(CLOSE, answer)]);
        for role in ROLES {
            let end = after(role, &[(CLOSE, body)]);
            // "If this Close control frame contains no status code, the code is considered to be 1005" (7.1.5).
            let (code, reason) = said.unwrap_or((1005, ""));
            assert_eq!(end.state(), State::Closed);
            assert_eq!(info(&end), (code, reason.into(), true, Some(code)));
        }
    }
}

// req: 6455-7.4.1-b, 6455-7.4.2-a, 6455-7.4.2-b, 6455-7.4.2-c
#[test]
fn section_7_4_close_frame_with_a_forbidden_code_fails_the_connection() {
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        let error = ProtocolError::InvalidCloseCode;
        let answer = close_body(1002, error.as_str());
        receives(&Config::default(), &[(CLOSE, &code.to_be_bytes())], &[], Some(error), &[(CLOSE, &answer)]);
    }
}

// attack: close-2
// req: 6455-7.1.1-a, 6455-7.1.5-a, 6455-7.1.6-a
#[test]
fn section_5_5_1_bytes_after_a_close_frame_are_ignored() {
    let rest: [Frame<'_>; 6] = [
        (TEXT, b"late"),
        (PING, b"late"),
        (CLOSE, b"\x03\xe9"),
        (TEXT, b"\xff"),
        (PING | 0x70, b""),
        (0x83, b""),
    ];
    for (first, payload) in rest {
        let frames: [Frame<'_>; 3] = [(TEXT, b"in time"), (CLOSE, b"\x03\xe8bye"), (first, payload)];
        let events = [text("in time"), Got::Close(Some((1000, "bye".into())))];
        receives(&Config::default(), &frames, &events, None, &[(CLOSE, b"\x03\xe8")]);
    }
    for role in ROLES {
        let mut end = after(role, &[(CLOSE, b"\x03\xe8bye"), (CLOSE, b"\x03\xe9another")]);
        assert_eq!(info(&end), (1000, "bye".into(), true, Some(1000)));
        assert_eq!(end.end_of_stream(), Ok(()));
    }
}

// req: 6455-7.1.2-a, 6455-7.1.2-b, 6455-7.1.3-a, 6455-7.1.4-a, 6455-7.3-a, 6455-7.3-c
#[test]
fn section_7_1_3_either_side_can_start_the_closing_handshake() {
    for (read_len, role) in [1, 3, usize::MAX].into_iter().flat_map(|len| ROLES.map(|role| (len, role))) {
        let mut pair = Pair::new(&Config::default());
        pair.read_len = read_len;
        let (one, _) = sides(&mut pair, role);
        one.connection.close(CloseCode(3999), "enough").unwrap();
        assert_eq!(one.connection.state(), State::Closing);
        assert_eq!(info(&one.connection), (1006, String::new(), false, Some(3999)));
        pair.pump();
        let (one, two) = sides(&mut pair, role);
        assert_eq!(one.events, [Got::Close(Some((3999, String::new())))]);
        assert_eq!(two.events, [Got::Close(Some((3999, "enough".into())))]);
        assert_eq!(info(&one.connection), (3999, String::new(), true, Some(3999)));
        assert_eq!(info(&two.connection), (3999, "enough".into(), true, Some(3999)));
        for side in [one, two] {
            assert_eq!((side.connection.state(), side.error), (State::Closed, None));
            assert_eq!(side.connection.end_of_stream(), Ok(()));
        }
    }
}

/// The side with that role, and the other.
fn sides(pair: &mut Pair, role: Role) -> (&mut Side, &mut Side) {
    match role {
        Role::Client => (&mut pair.client, &mut pair.server),
        Role::Server => (&mut pair.server, &mut pair.client),
    }
}

// attack: close-3
// req: 6455-5.5.1-o, 6455-7.1.5-a, 6455-7.1.6-a
#[test]
fn section_7_1_3_both_sides_can_close_at_once() {
    let mut pair = Pair::new(&Config::default());
    pair.client.connection.close(CloseCode(3001), "client").unwrap();
    pair.server.connection.close(CloseCode(3002), "server").unwrap();
    pair.pump();
    assert_eq!(pair.client.events, [Got::Close(Some((3002, "server".into())))]);
    assert_eq!(pair.server.events, [Got::Close(Some((3001, "client".into())))]);
    assert_eq!(info(&pair.client.connection), (3002, "server".into(), true, Some(3001)));
    assert_eq!(info(&pair.server.connection), (3001, "client".into(), true, Some(3002)));
}

// req: 6455-5.5.1-l, 6455-5.5.1-m, 6455-7.1.1-c, 6455-7.1.1-e, 6455-7.1.1-f, 6455-7.1.7-a, 6455-7.1.7-c
#[test]
fn section_7_1_1_server_ends_the_transport_first() {
    use ShutdownStep::{Discard, ShutdownWrite, Write};
    let mut pair = Pair::new(&Config::default());
    for side in [&pair.client, &pair.server] {
        assert_eq!(side.connection.shutdown_steps(), []);
    }
    pair.client.connection.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(pair.client.connection.shutdown_steps(), [], "the server's Close frame is awaited");
    pair.pump();
    assert_eq!(pair.server.connection.shutdown_steps(), [Write, ShutdownWrite, Discard]);
    assert_eq!(pair.client.connection.shutdown_steps(), [Write, Discard, ShutdownWrite]);
    for role in ROLES {
        let failed = after(role, &[(ENDS, b"")]);
        assert_eq!(
            failed.shutdown_steps(),
            [Write, ShutdownWrite, Discard],
            "after an error either end is first"
        );
        let mut lost = connection(role, &Config::default());
        lost.end_of_stream().unwrap_err();
        assert_eq!(lost.shutdown_steps(), [], "no transport is left");
    }
}

#[test]
fn section_7_1_messages_sent_before_the_close_frame_arrive_while_closing() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        let frames: [Frame<'_>; 6] = [
            (TEXT_BEGINS, b"half"),
            (GOES_ON, b" and"),
            (ENDS, b" half"),
            (BINARY, b"b"),
            (PONG, b""),
            (CLOSE, b"\x03\xe8"),
        ];
        let bytes = wire(role, &frames);
        let first = feed(&mut end, [&bytes[..9]]);
        assert_eq!(first.events, []);
        end.close(CloseCode::GOING_AWAY, "").unwrap();
        let rest = feed(&mut end, bytes[9..].chunks(2));
        let close = Got::Close(Some((1000, String::new())));
        assert_eq!(
            rest.events,
            [text("half and half"), Got::Binary(b"b".to_vec()), Got::Pong(vec![]), close]
        );
        assert_eq!(rest.output, wire(other(role), &[(CLOSE, b"\x03\xe9")]), "one Close frame, with our code");
        assert_eq!(info(&end), (1000, String::new(), true, Some(1001)));
    }
}

// attack: close-3
// req: 6455-7.1.4-a, 6455-7.1.5-c, 6455-7.2.1-b
#[test]
fn section_7_1_5_stream_that_ends_without_a_closing_handshake_is_1006() {
    let lost = Err(ProtocolError::ConnectionLost);
    for role in ROLES {
        let mut open = connection(role, &Config::default());
        assert_eq!(open.end_of_stream(), lost);
        assert_eq!(info(&open), (1006, String::new(), false, None));
        assert!(open.output().is_empty(), "no peer is there to read a Close frame");

        let mut inside_frame = connection(role, &Config::default());
        feed(&mut inside_frame, [&wire(role, &[(TEXT, b"Hello")])[..4]]);
        assert_eq!(inside_frame.end_of_stream(), lost);
        assert_eq!(inside_frame.next_event(), lost.map(|()| None));

        let mut closing = connection(role, &Config::default());
        closing.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(closing.end_of_stream(), lost);
        assert_eq!(
            (closing.state(), info(&closing)),
            (State::Closed, (1006, String::new(), false, Some(1000)))
        );

        let mut closed = after(role, &[(CLOSE, b"")]);
        assert_eq!(closed.end_of_stream(), Ok(()));
        assert_eq!(closed.end_of_stream(), Ok(()));
        assert!(info(&closed).2);

        let mut failed = after(role, &[(ENDS, b"")]);
        assert_eq!(failed.end_of_stream(), Err(ProtocolError::NothingToContinue));
    }
}

// req: 6455-6.1-b, 6455-6.1-c
#[test]
fn section_7_1_5_nothing_is_sent_after_the_end_of_the_stream() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.end_of_stream().unwrap_err();
        assert_eq!(end.send("x"), Err(sansocket::SendError::Closed));
        assert_eq!(end.close(CloseCode::NORMAL, ""), Err(sansocket::SendError::Closed));
        assert_eq!(end.next_timeout(), None);
    }
}
