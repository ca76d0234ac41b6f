//! Messages in: sections 5.4, 5.6 and 6.2.

use sansocket::{Bytes, Config, Event, Limits, Message, ProtocolError, Role, State, Storage};

use crate::common::*;
use crate::model::paths::fill;

// req: 6455-5.2-g, 6455-5.4-a, 6455-5.4-i, 6455-6.2-a, 6455-6.2-c, 6455-5.2-l, 6455-6.2-g
#[test]
fn section_5_6_message_in_one_frame_is_received() {
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
fn section_5_4_message_in_fragments_is_received() {
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
fn section_5_4_message_is_whole_despite_control_frames_between_its_fragments() {
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
fn section_5_4_close_between_fragments_drops_the_message() {
    let events = [text("whole"), Got::Close(Some((1001, "bye".into())))];
    let body = close_body(1001, "bye");
    let frames = [(TEXT, &b"whole"[..]), (BINARY_BEGINS, b"half"), (CLOSE, &body), (ENDS, b"half")];
    receives(&Config::default(), &frames, &events, None, &[(CLOSE, &close_body(1001, ""))]);
}

// req: 6455-6.2-e
#[test]
fn section_6_2_several_messages_in_one_read_are_received() {
    let frames: [Frame<'_>; 6] =
        [(TEXT, b"1"), (BINARY, b""), (TEXT_BEGINS, b"2"), (ENDS, b"3"), (BINARY, b"\xff"), (TEXT, b"")];
    let events = [text("1"), Got::Binary(vec![]), text("23"), Got::Binary(vec![0xFF]), text("")];
    receives(&Config::default(), &frames, &events, None, &[]);
}

// attack: floods-3
// req: 6455-10.4-a, 6455-10.4-b, 6455-10.4-c
#[test]
fn section_10_4_limits_hold_for_all_fragments_together() {
    use ProtocolError::{FrameTooLong, MessageTooLong, TooManyFragments};
    let limits = Limits::default().max_frame_len(10).max_message_len(15).max_fragments(4);
    let config = Config::default().limits(limits);
    let rows: [(&[Frame<'_>], &[Got], ProtocolError); 6] = [
        (
            &[(TEXT, b"ten bytes."), (TEXT, b"11 bytes...")],
            &[text("ten bytes.")],
            FrameTooLong { len: 11, limit: 10 },
        ),
        (
            &[(BINARY_BEGINS, &[0; 10]), (GOES_ON, &[0; 5]), (ENDS, &[0; 1])],
            &[],
            MessageTooLong { len: 16, limit: 15 },
        ),
        (&[(TEXT_BEGINS, &[b'x'; 8]), (ENDS, &[b'x'; 8])], &[], MessageTooLong { len: 16, limit: 15 }),
        (
            &[(TEXT_BEGINS, b""), (GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b""), (ENDS, b"")],
            &[],
            TooManyFragments { limit: 4 },
        ),
        (
            &[(BINARY_BEGINS, b"1"), (GOES_ON, b"2"), (GOES_ON, b"3"), (GOES_ON, b"4"), (ENDS, b"5")],
            &[],
            TooManyFragments { limit: 4 },
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

/// The messages and the error that `next_message` gives.
fn messages<'a>(
    role: Role,
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Message>, Option<ProtocolError>) {
    let mut connection = connection(role, &Config::default());
    let mut messages = Vec::new();
    for read in reads {
        connection.receive(read);
        loop {
            match connection.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

#[test]
fn section_6_2_next_message_gives_the_messages_of_next_event() {
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
            let outcome = feed(&mut connection(role, &Config::default()), [&bytes[..]]);
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
fn one_storage_serves_all_connections_in_turn() {
    let config = Config::default();
    let mut room: Vec<_> = ROLES.iter().cycle().take(6).map(|role| connection(*role, &config)).collect();
    let mut storage = Storage::new();
    let mut memory = None;
    for turn in 0..20 {
        for (i, connection) in room.iter_mut().enumerate() {
            let message = format!("message {turn} of {i}");
            let role = connection.role();
            let bytes = if turn % 2 == 0 {
                wire(role, &[(TEXT, message.as_bytes())])
            } else {
                let (front, back) = message.as_bytes().split_at(i);
                wire(role, &[(TEXT_BEGINS, front), (ENDS, back)])
            };
            connection.reuse(&mut storage);
            let outcome = feed(connection, bytes.chunks(turn + 1));
            assert_eq!(outcome.events, [text(&message)]);
            let place = connection.unfilled().as_ptr();
            assert_eq!(*memory.get_or_insert(place), place, "all of them use the same memory");
            connection.reclaim(&mut storage);
        }
    }
}

#[test]
fn memory_is_kept_while_part_of_a_message_waits_in_it() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        let bytes = wire(role, &[(TEXT_BEGINS, b"Hel"), (ENDS, b"lo")]);
        for (i, byte) in bytes.iter().enumerate() {
            assert_eq!(end.next_event(), Ok(None));
            let arrived = &bytes[..i];
            let first_len = wire(role, &[(TEXT_BEGINS, b"Hel")]).len();
            if arrived.is_empty() {
                assert_eq!(end.unread(), b"");
            } else if arrived.len() >= first_len {
                assert!(!is_idle(&mut end), "{} bytes", arrived.len());
            }
            end.receive(&[*byte]);
        }
        assert!(end.next_event().unwrap().is_some());
        assert!(is_idle(&mut end));
    }
}

#[test]
fn frame_whose_header_has_arrived_goes_on_in_other_memory() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        let bytes = wire(role, &[(TEXT, b"Hello")]);
        let (header, payload) = bytes.split_at(bytes.len() - 5);
        assert_eq!(feed(&mut end, [header]).events, []);
        assert!(is_idle(&mut end));
        end.reclaim(&mut Storage::new());
        assert_eq!(feed(&mut end, [payload]).events, [text("Hello")]);
    }
}

#[test]
fn event_that_was_found_is_lent_once_and_sending_is_possible_meanwhile() {
    let mut connection = connection(Role::Client, &Config::default());
    connection.receive(&wire(Role::Client, &[(TEXT_BEGINS, b"a"), (ENDS, b"b"), (BINARY, b"c")]));
    let (receiver, sender) = connection.split_mut();
    for expected in [text("ab"), Got::Binary(b"c".to_vec())] {
        for _ in 0..3 {
            assert_eq!(receiver.has_event(sender), Ok(true));
        }
        let event = receiver.next_event(sender).unwrap().unwrap();
        for _ in 0..3 {
            sender.send("while the event is alive").unwrap();
        }
        assert_eq!(Got::from(event), expected);
    }
    assert_eq!(receiver.has_event(sender), Ok(false));
    assert_eq!(receiver.next_event(sender), Ok(None));
}

#[test]
fn debug_shows_state_and_lengths_without_content() {
    let mut end = connection(Role::Server, &Config::default());
    end.send("secret").unwrap();
    end.receive(b"secret");
    assert_eq!(format!("{end:?}"), "Connection { role: Server, state: Open, buffered_amount: 8, .. }");
    let (receiver, sender) = end.split_mut();
    assert_eq!(format!("{receiver:?}"), "Receiver { unread: 6, .. }");
    assert_eq!(format!("{sender:?}"), "Sender { role: Server, state: Open, buffered_amount: 8, .. }");
}

#[test]
fn connection_reports_role_config_and_subprotocol() {
    for role in ROLES {
        let config = Config::default().max_output_len(12_345);
        let end = connection(role, &config);
        assert_eq!((end.role(), end.config().max_output_len, end.subprotocol()), (role, 12_345, None));
    }
}

#[test]
fn messages_of_each_kind_cross_in_reads_of_any_length() {
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
fn frame_no_longer_than_a_read_is_lent_where_it_was_received() {
    let rows = [(None, 17 << 10), (Some(0), 1 << 10), (Some(5000), 5000), (Some(64 << 10), 64 << 10)];
    for (configured, read_len) in rows {
        let default = Config::default();
        let config = configured.map_or(default.clone(), |read_len| default.read_len(read_len));
        let mut end = connection(Role::Client, &config);
        // The header has four bytes.
        for (len, assembled, most_reads) in
            [(read_len - 4, false, 1), (read_len - 3, true, 2), (10 * read_len, true, 11)]
        {
            let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
            let bytes = wire(Role::Client, &[(BINARY, &payload)]);
            let mut socket = &bytes[..];
            let mut reads = 0;
            let received = loop {
                let received = end.unread().as_ptr_range();
                if end.has_event().unwrap() {
                    break received;
                }
                let before = socket.len();
                socket = fill(&mut end, socket);
                // The rest of a longer frame is read in larger parts: see `Config::read_len`.
                let most = if reads == 0 { read_len } else { 8 * read_len };
                assert!(before - socket.len() <= most);
                reads += 1;
            };
            assert!(reads <= most_reads, "{reads} reads: {len} in {read_len}");
            let event = end.next_event().unwrap();
            assert_eq!(event, Some(Event::Binary(&payload)));
            let Some(Event::Binary(data)) = event else { panic!() };
            assert_eq!(!received.contains(&data.as_ptr()), assembled, "{len} in {read_len}");
        }
    }
}
