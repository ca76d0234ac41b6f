//! Messages in: sections 5.4, 5.6 and 6.2.

use sansocket::{Buffer, Bytes, Config, Event, Limits, Message, ProtocolError, Role, State};

use crate::common::*;
use crate::model::paths::take_in;

// req: 6455-5.2-g, 6455-5.4-a, 6455-5.4-i, 6455-6.2-a, 6455-6.2-c, 6455-6.2-g
#[test]
fn section_5_6_messages_in_one_frame() {
    let config = Config::default();
    for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
        let data = vec![b'd'; len];
        let string = String::from_utf8(data.clone()).unwrap();
        receives(&config, &[(BINARY, &data)], &[Got::Binary(data.clone())], None, &[]);
        receives(&config, &[(TEXT, &data)], &[Got::Text(string)], None, &[]);
    }
}

// req: 6455-5.4-b, 6455-5.4-e, 6455-5.4-i, 6455-5.4-n, 6455-5.6-b, 6455-5.6-c, 6455-6.2-c, 6455-6.2-d
#[test]
fn section_5_4_messages_in_fragments() {
    let config = Config::default();
    let (euro, crab) = ("€".as_bytes(), "🦀".as_bytes());
    let rows: [(&[Frame<'_>], Got); 9] = [
        (&[(TEXT_BEGINS, b"Hel"), (ENDS, b"lo")], text("Hello")),
        (&[(TEXT_BEGINS, b""), (ENDS, b"")], text("")),
        (&[(TEXT_BEGINS, b""), (GOES_ON, b""), (ENDS, b"Hello")], text("Hello")),
        (&[(TEXT_BEGINS, b"Hello"), (GOES_ON, b""), (ENDS, b"")], text("Hello")),
        (&[(TEXT_BEGINS, &euro[..1]), (GOES_ON, &euro[1..2]), (ENDS, &euro[2..])], text("€")),
        (&[(TEXT_BEGINS, &crab[..3]), (GOES_ON, b""), (ENDS, &crab[3..])], text("🦀")),
        (&[(BINARY_BEGINS, &euro[..2]), (ENDS, b"")], Got::Binary(b"\xe2\x82".to_vec())),
        (&[(BINARY_BEGINS, b""), (ENDS, b"")], Got::Binary(vec![])),
        (&[(BINARY_BEGINS, &[1; 200]), (GOES_ON, &[1; 300]), (ENDS, &[1])], Got::Binary(vec![1; 501])),
    ];
    for (frames, message) in rows {
        receives(&config, frames, &[message], None, &[]);
    }
}

// attack: framing-7
// req: 6455-5.4-c, 6455-5.4-g, 6455-6.2-b
#[test]
fn section_5_4_control_frames_between_fragments_leave_the_message_whole() {
    let euro = "€".as_bytes();
    receives(
        &Config::default(),
        &[
            (TEXT_BEGINS, b"price: "),
            (PING, b"one"),
            (GOES_ON, &euro[..1]),
            (PONG, b"unasked"),
            (PING, b""),
            (GOES_ON, &euro[1..]),
            (PONG, b""),
            (ENDS, b"5"),
            (TEXT, b"next"),
        ],
        &[
            Got::Ping(b"one".to_vec()),
            Got::Pong(b"unasked".to_vec()),
            Got::Ping(vec![]),
            Got::Pong(vec![]),
            text("price: €5"),
            text("next"),
        ],
        None,
        &[(PONG, b"one"), (PONG, b"")],
    );
}

// req: 6455-5.4-g
#[test]
fn section_5_4_a_close_between_fragments_ends_the_message_under_way() {
    let events = [text("whole"), Got::Close(Some((1001, "bye".into())))];
    let body = close_body(1001, "bye");
    let frames = [(TEXT, &b"whole"[..]), (BINARY_BEGINS, b"half"), (CLOSE, &body), (ENDS, b"half")];
    receives(&Config::default(), &frames, &events, None, &[(CLOSE, &close_body(1001, ""))]);
}

// req: 6455-6.2-e
#[test]
fn section_6_2_messages_follow_each_other_in_one_read() {
    let frames: [Frame<'_>; 6] =
        [(TEXT, b"1"), (BINARY, b""), (TEXT_BEGINS, b"2"), (ENDS, b"3"), (BINARY, b"\xff"), (TEXT, b"")];
    let events = [text("1"), Got::Binary(vec![]), text("23"), Got::Binary(vec![0xFF]), text("")];
    receives(&Config::default(), &frames, &events, None, &[]);
}

// attack: floods-3
// req: 6455-10.4-a, 6455-10.4-b, 6455-10.4-c
#[test]
fn section_10_4_limits_hold_over_all_fragments() {
    use ProtocolError::{FrameTooLong, MessageTooLong, TooManyFragments};
    let limits = Limits { max_frame_len: 10, max_message_len: 15, max_fragments: 4 };
    let config = Config { limits, ..Config::default() };
    let rows: [(&[Frame<'_>], &[Got], ProtocolError); 6] = [
        (&[(TEXT, b"ten bytes."), (TEXT, b"11 bytes...")], &[text("ten bytes.")], FrameTooLong),
        (&[(BINARY_BEGINS, &[0; 10]), (GOES_ON, &[0; 5]), (ENDS, &[0; 1])], &[], MessageTooLong),
        (&[(TEXT_BEGINS, &[b'x'; 8]), (ENDS, &[b'x'; 8])], &[], MessageTooLong),
        (
            &[(TEXT_BEGINS, b""), (GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b""), (ENDS, b"")],
            &[],
            TooManyFragments,
        ),
        (
            &[(BINARY_BEGINS, b"1"), (GOES_ON, b"2"), (GOES_ON, b"3"), (GOES_ON, b"4"), (ENDS, b"5")],
            &[],
            TooManyFragments,
        ),
        (
            &[(BINARY_BEGINS, b""), (PING, b"p"), (BINARY, &[0; 11])],
            &[Got::Ping(b"p".to_vec())],
            ProtocolError::InterleavedMessage,
        ),
    ];
    for (frames, events, error) in rows {
        let mut answers: Vec<Frame<'_>> = Vec::new();
        if frames.contains(&(PING, b"p")) {
            answers.push((PONG, b"p"));
        }
        let body = close_body(error.close_code().0, error.as_str());
        answers.push((CLOSE, &body));
        receives(&config, frames, events, Some(error), &answers);
    }
    let fits: [Frame<'_>; 5] =
        [(TEXT_BEGINS, b"1234567890"), (GOES_ON, b""), (GOES_ON, b"12345"), (ENDS, b""), (BINARY, &[0; 10])];
    receives(&config, &fits, &[text("123456789012345"), Got::Binary(vec![0; 10])], None, &[]);
}

/// Messages and the end as `next_message` tells them.
fn messages<'a>(
    role: Role,
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Message>, Option<ProtocolError>) {
    let (mut connection, mut input) = (connection(role, &Config::default()), Buffer::new());
    let mut messages = Vec::new();
    for read in reads {
        input.extend_from_slice(read);
        loop {
            match connection.next_message(&mut input) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

#[test]
fn section_6_2_owned_messages_are_those_of_the_events() {
    let rows: [(&[Frame<'_>], Option<ProtocolError>); 3] = [
        (&[(TEXT, b"a"), (PING, b""), (BINARY, b"b"), (TEXT_BEGINS, b"c"), (PONG, b""), (ENDS, b"d")], None),
        (
            &[
                (BINARY, b""),
                (BINARY_BEGINS, b"\xe2"),
                (ENDS, b""),
                (TEXT, b""),
                (CLOSE, b""),
                (TEXT, b"late"),
            ],
            None,
        ),
        (&[(TEXT, b"fine"), (TEXT, b"\xff")], Some(ProtocolError::InvalidUtf8)),
    ];
    for (frames, error) in rows {
        for role in ROLES {
            let bytes = wire(role, frames);
            let outcome = feed(&mut connection(role, &Config::default()), &mut Buffer::new(), [&bytes[..]]);
            assert_eq!(outcome.error, error);
            let expected: Vec<_> = outcome.events.into_iter().filter_map(owned).collect();
            for at in 0..bytes.len() {
                let (front, back) = bytes.split_at(at);
                assert_eq!(messages(role, [front, back]), (expected.clone(), error), "cut at {at}");
            }
        }
    }
}

fn owned(event: Got) -> Option<Message> {
    match event {
        Got::Text(text) => Some(text.into()),
        Got::Binary(data) => Some(data.into()),
        Got::Ping(_) | Got::Pong(_) | Got::Close(_) => None,
    }
}

#[test]
fn a_buffer_with_nothing_in_it_serves_every_connection_in_turn() {
    let config = Config::default();
    let mut room: Vec<_> = ROLES.iter().cycle().take(6).map(|role| connection(*role, &config)).collect();
    let mut shared = Buffer::new();
    for turn in 0..20 {
        for (i, connection) in room.iter_mut().enumerate() {
            assert!(shared.is_idle());
            let message = format!("message {turn} of {i}");
            let role = connection.role();
            let bytes = if turn % 2 == 0 {
                wire(role, &[(TEXT, message.as_bytes())])
            } else {
                let (front, back) = message.as_bytes().split_at(i);
                wire(role, &[(TEXT_BEGINS, front), (ENDS, back)])
            };
            let outcome = feed(connection, &mut shared, bytes.chunks(turn + 1));
            assert_eq!(outcome.events, [text(&message)]);
        }
    }
}

#[test]
fn a_buffer_is_not_idle_while_part_of_a_message_is_in_it() {
    for role in ROLES {
        let (mut connection, mut input) = (connection(role, &Config::default()), Buffer::new());
        let bytes = wire(role, &[(TEXT_BEGINS, b"Hel"), (ENDS, b"lo")]);
        for (i, byte) in bytes.iter().enumerate() {
            assert_eq!(connection.next_event(&mut input), Ok(None));
            let arrived = &bytes[..i];
            let first_len = wire(role, &[(TEXT_BEGINS, b"Hel")]).len();
            if arrived.is_empty() {
                assert!(input.is_idle());
            } else if arrived.len() >= first_len {
                assert!(!input.is_idle(), "{} bytes", arrived.len());
            }
            input.extend_from_slice(&[*byte]);
        }
        assert!(connection.next_event(&mut input).unwrap().is_some());
        assert!(input.is_idle());
    }
}

#[test]
fn a_frame_whose_header_alone_has_arrived_may_go_on_in_another_buffer() {
    for role in ROLES {
        let mut connection = connection(role, &Config::default());
        let bytes = wire(role, &[(TEXT, b"Hello")]);
        let (header, payload) = bytes.split_at(bytes.len() - 5);
        let mut first = Buffer::new();
        assert_eq!(feed(&mut connection, &mut first, [header]).events, []);
        assert!(first.is_idle());
        assert_eq!(feed(&mut connection, &mut Buffer::new(), [payload]).events, [text("Hello")]);
    }
}

#[test]
fn an_event_is_found_once_and_lent_as_often_as_is_wanted() {
    let mut connection = connection(Role::Client, &Config::default());
    let mut input = Buffer::new();
    input.extend_from_slice(&wire(Role::Client, &[(TEXT_BEGINS, b"a"), (ENDS, b"b"), (BINARY, b"c")]));
    for expected in [text("ab"), Got::Binary(b"c".to_vec())] {
        let found = connection.advance(&mut input).unwrap().unwrap();
        for _ in 0..3 {
            let event = connection.lend(&mut input, found).unwrap();
            assert_eq!(Got::from(event), expected);
            connection.send_text("while the event is at hand").unwrap();
        }
    }
    assert!(connection.advance(&mut input).unwrap().is_none());
}

#[test]
fn what_is_printed_is_how_things_stand_and_no_content() {
    let (mut end, mut input) = (connection(Role::Server, &Config::default()), Buffer::new());
    end.send_text("secret").unwrap();
    input.extend_from_slice(b"secret");
    assert_eq!(format!("{end:?}"), "Connection { role: Server, state: Open, buffered_amount: 8, .. }");
    assert_eq!(format!("{input:?}"), "Buffer { unread: 6, idle: false }");
}

#[test]
fn a_connection_knows_what_it_was_made_with() {
    for role in ROLES {
        let config = Config { max_output_len: 12_345, ..Config::default() };
        let end = connection(role, &config);
        assert_eq!((end.role(), end.config().max_output_len, end.subprotocol()), (role, 12_345, None));
    }
}

#[test]
fn messages_of_every_kind_cross_in_reads_of_any_length() {
    let mut pair = Pair::new(&Config::default());
    for read_len in [1, 7, usize::MAX] {
        pair.read_len = read_len;
        for message in [Message::from("a text"), Message::from(vec![0; 70_000]), Message::from(Bytes::new())]
        {
            pair.client.connection.send(&message).unwrap();
            pair.server.connection.send(&message).unwrap();
            pair.pump();
            let expected: Got = match &message {
                Message::Text(string) => text(string),
                Message::Binary(data) => Got::Binary(data.to_vec()),
            };
            for side in [&mut pair.client, &mut pair.server] {
                assert_eq!(core::mem::take(&mut side.events), core::slice::from_ref(&expected));
                assert_eq!((side.error, side.connection.state()), (None, State::Open));
            }
        }
    }
}

#[test]
fn a_frame_no_longer_than_a_read_is_lent_from_where_it_was_read_to() {
    for (mut input, read_len) in [
        (Buffer::new(), 17 << 10),
        (Buffer::with_read_len(0), 1 << 10),
        (Buffer::with_read_len(5000), 5000),
        (Buffer::with_read_len(64 << 10), 64 << 10),
    ] {
        let mut connection = connection(Role::Client, &Config::default());
        // The header has four bytes.
        for (len, assembled, most_reads) in
            [(read_len - 4, false, 1), (read_len - 3, true, 2), (10 * read_len, true, 11)]
        {
            let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
            let bytes = wire(Role::Client, &[(BINARY, &payload)]);
            let mut socket = &bytes[..];
            let mut reads = 0;
            let found = loop {
                if let Some(found) = connection.advance(&mut input).unwrap() {
                    break found;
                }
                let before = socket.len();
                socket = take_in(&mut input, socket);
                assert!(before - socket.len() <= 2 * read_len);
                reads += 1;
            };
            assert_eq!(found.is_assembled(), assembled, "{len} in {read_len}");
            assert!(reads <= most_reads, "{reads} reads: {len} in {read_len}");
            assert_eq!(connection.lend(&mut input, found).unwrap(), Event::Binary(&payload));
        }
    }
}
