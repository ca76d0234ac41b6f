//! Messages sent: sections 5.2, 5.3 and 6.1.

use sansocket::frame::{MaskKey, MaskKeySource};
use sansocket::{
    ByteString, Bytes, Chunk, CloseCode, Config, Connection, Limits, Message, Outgoing, Prepared, Role,
    SendError, State,
};

use crate::common::*;

/// Checks that `send` writes these frames, at either end.
fn sends(send: impl Fn(&mut Connection) -> Result<(), SendError>, frames: &[Frame<'_>]) {
    for role in ROLES {
        let mut connection = connection(role, &Config::default());
        assert_eq!(send(&mut connection), Ok(()));
        assert_eq!(written(connection.output()), wire(other(role), frames), "{role:?}");
    }
}

// req: 6455-5.1-a, 6455-5.1-d, 6455-5.1-g, 6455-5.2-b, 6455-5.2-g, 6455-5.2-j, 6455-5.3-a, 6455-5.4-a, 6455-6.1-a, 6455-6.1-d, 6455-6.1-f, 6455-6.1-g, 6455-6.1-h, 6455-9.1-e, 7692-6.1-c
#[test]
fn section_6_1_each_type_of_message_is_sent_in_one_frame() {
    for len in [0, 1, 125, 126, 4095, 4096, 65_535, 65_536] {
        let string = "x".repeat(len);
        let data = string.as_bytes();
        sends(|end| end.send(&string[..]), &[(TEXT, data)]);
        sends(|end| end.send(&string), &[(TEXT, data)]);
        sends(|end| end.send(data), &[(BINARY, data)]);
        sends(|end| end.send(&data.to_vec()), &[(BINARY, data)]);
        sends(|end| end.send(&ByteString::from(string.clone())), &[(TEXT, data)]);
        sends(|end| end.send(&Bytes::from(data.to_vec())), &[(BINARY, data)]);
        sends(|end| end.send(&Message::from(string.clone())), &[(TEXT, data)]);
        sends(|end| end.send(&Message::from(data)), &[(BINARY, data)]);
        sends(|end| end.send(Chunk::Text { text: &string, fin: true }), &[(TEXT, data)]);
        sends(|end| end.send(Chunk::Binary { data, fin: true }), &[(BINARY, data)]);
        sends(|end| end.send(&Prepared::from(string.clone())), &[(TEXT, data)]);
        sends(|end| end.send(&Prepared::from(data)), &[(BINARY, data)]);
    }
}

// req: 6455-5.1-a, 6455-5.1-d, 6455-5.2-b, 6455-5.4-b, 6455-5.4-c, 6455-5.4-h, 6455-5.4-n, 6455-6.1-e, 6455-6.1-f, 6455-6.1-g, 7692-6.1-c
#[test]
fn section_5_4_message_is_sent_in_fragments() {
    sends(|end| end.send(Outgoing::text_fragment("whole", true)), &[(TEXT, b"whole")]);
    sends(
        |end| {
            end.send(Outgoing::text_fragment("Hel", false))?;
            end.ping(b"between")?;
            end.send(Outgoing::text_fragment("", false))?;
            end.send(Outgoing::text_fragment("lo", true))?;
            end.send("next")
        },
        &[(TEXT_BEGINS, b"Hel"), (PING, b"between"), (GOES_ON, b""), (ENDS, b"lo"), (TEXT, b"next")],
    );
    sends(
        |end| {
            end.send(Outgoing::binary_fragment(b"", false))?;
            end.send(Outgoing::binary_fragment(b"", true))?;
            end.send(Outgoing::binary_fragment(b"b", true))
        },
        &[(BINARY_BEGINS, b""), (ENDS, b""), (BINARY, b"b")],
    );
}

// req: 6455-5.1-a, 6455-5.1-d, 6455-5.2-b, 6455-5.4-d, 6455-5.5-c, 6455-5.5.1-a, 6455-5.5.1-b, 6455-5.5.1-c, 6455-5.5.1-e, 6455-5.5.3-c, 6455-7.1.2-a
#[test]
fn section_5_5_control_frames_are_sent() {
    let longest = [b'p'; 125];
    sends(|end| end.ping(b""), &[(PING, b"")]);
    sends(|end| end.ping(&longest), &[(PING, &longest)]);
    sends(|end| end.pong(b"unasked"), &[(PONG, b"unasked")]);
    sends(|end| end.close(CloseCode::NORMAL, ""), &[(CLOSE, b"\x03\xe8")]);
    let reason = "é".repeat(61) + "x";
    sends(|end| end.close(CloseCode(4999), &reason), &[(CLOSE, &close_body(4999, &reason))]);
}

// req: 6455-5.4-f, 6455-5.4-n
#[test]
fn section_5_4_message_between_fragments_of_another_is_refused() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.send(Outgoing::text_fragment("a", false)).unwrap();
        let prepared = Prepared::from("p");
        let refused = [
            end.send("b"),
            end.send(b"b"),
            end.send(&Message::from("b")),
            end.send(&Message::from(vec![0; 5000])),
            end.send(&prepared),
            end.send(Outgoing::binary_fragment(b"b", false)),
            end.send(Outgoing::binary_fragment(b"b", true)),
        ];
        assert_eq!(refused, [Err(SendError::MessageUnderWay); 7]);
        end.send(Outgoing::text_fragment("z", true)).unwrap();
        assert_eq!(end.send(b"b"), Ok(()));
        let frames: [Frame<'_>; 3] = [(TEXT_BEGINS, b"a"), (ENDS, b"z"), (BINARY, b"b")];
        assert_eq!(written(end.output()), wire(other(role), &frames));
    }
}

// req: 6455-5.5-b, 6455-7.4.1-b, 6455-7.4.1-c, 6455-7.4.1-d, 6455-7.4.1-e, 6455-7.4.2-a, 6455-7.4.2-b, 6455-7.4.2-c
#[test]
fn section_5_5_and_7_4_invalid_control_frame_is_refused_and_nothing_is_queued() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        assert_eq!(end.ping(&[0; 126]), Err(SendError::ControlTooLong));
        assert_eq!(end.pong(&[0; 126]), Err(SendError::ControlTooLong));
        assert_eq!(end.close(CloseCode::NORMAL, &"x".repeat(124)), Err(SendError::ReasonTooLong));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            assert_eq!(end.close(CloseCode(code), ""), Err(SendError::InvalidCloseCode), "{code}");
        }
        assert!(end.output().is_empty());
        assert_eq!((end.state(), end.send("still open")), (State::Open, Ok(())));
    }
}

// req: 6455-5.5.1-f, 6455-6.1-b, 6455-6.1-c
#[test]
fn section_6_1_nothing_is_sent_after_a_close_frame() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.send(Outgoing::text_fragment("half of a message", false)).unwrap();
        end.close(CloseCode::GOING_AWAY, "").unwrap();
        written(end.output());
        let refused = [
            end.send(""),
            end.send(b""),
            end.send(&Message::from("")),
            end.send(&Prepared::from("")),
            end.send(Outgoing::text_fragment("", true)),
            end.send(Outgoing::binary_fragment(b"", true)),
            end.ping(b""),
            end.pong(b""),
            end.close(CloseCode::NORMAL, ""),
        ];
        assert_eq!(refused, [Err(SendError::Closed); 9]);
        assert!(end.output().is_empty());
    }
}

// attack: floods-5
#[test]
fn send_fails_while_the_output_is_full_and_succeeds_after_a_write() {
    for role in ROLES {
        let config = Config::default().max_output_len(200);
        let mut end = connection(role, &config);
        let long = "x".repeat(200);
        assert_eq!(end.send(&long), Err(SendError::MessageTooLong { len: 214, limit: 200 }));
        while end.send("a message").is_ok() {
            assert!(end.buffered_amount() <= 200);
        }
        let full = end.buffered_amount();
        let refused = [
            end.send("longer than the rest"),
            end.send(&[0; 100]),
            end.send(&Message::from(vec![0; 150])),
            end.send(&Prepared::from(vec![0; 150])),
            end.send(Outgoing::text_fragment("a fragment", false)),
            end.ping(&[0; 50]),
        ];
        assert_eq!(refused, [Err(SendError::OutputFull); 6]);
        let never = [end.send(&long), end.send(&Prepared::from(vec![0; 5000]))];
        assert_eq!(never, [214, 5014].map(|len| Err(SendError::MessageTooLong { len, limit: 200 })));
        assert_eq!(end.buffered_amount(), full);
        end.output().advance(50);
        assert_eq!((end.buffered_amount(), end.send("a message")), (full - 50, Ok(())));
        assert_eq!(end.close(CloseCode::NORMAL, "always fits"), Ok(()));
        assert!(end.output().len() > full - 50);
    }
}

#[test]
fn output_limit_includes_the_longest_header() {
    for role in ROLES {
        let config = Config::default().max_output_len(200);
        let mut end = connection(role, &config);
        let too_long = Err(SendError::MessageTooLong { len: 201, limit: 200 });
        assert_eq!(end.send(&[0; 187]), too_long);
        assert_eq!(end.send(&[0; 186]), Ok(()));
        written(end.output());
        end.ping(b"").unwrap();
        let waiting = end.buffered_amount();
        let rows = [
            (187, too_long),
            (186, Err(SendError::OutputFull)),
            (187 - waiting, Err(SendError::OutputFull)),
            (186 - waiting, Ok(())),
        ];
        for (len, outcome) in rows {
            assert_eq!(end.send(&vec![0; len]), outcome, "{len}");
        }
    }
}

/// Shorter payloads, and all that is masked, are copied. A `Prepared` counts its header.
#[test]
fn server_sends_shared_payloads_of_4_kibibytes_without_a_copy() {
    for (len, whole, prepared) in
        [(4091, false, false), (4092, false, true), (4095, false, true), (4096, true, true)]
    {
        for role in ROLES {
            let data = Bytes::from(vec![b'r'; len]);
            let message = Message::from(data.clone());
            let is_server = role == Role::Server;
            let mut end = connection(role, &Config::default());
            end.send(&message).unwrap();
            let referenced = end.output().chunks().any(|chunk| chunk.as_ptr() == data.as_ptr());
            assert_eq!(referenced, whole && is_server, "{role:?} {len}");
            let encoded = Prepared::from(message.clone());
            let mut twice = connection(role, &Config::default());
            (0..2).for_each(|_| twice.send(&encoded).unwrap());
            let chunks = twice.output().chunks().count();
            assert_eq!(chunks, if prepared && is_server { 2 } else { 1 }, "{role:?} {len} prepared");
        }
    }
}

#[test]
fn referenced_payloads_keep_their_place_in_the_output() {
    let shared = Bytes::from(vec![b'r'; 4096]);
    let prepared = Prepared::from(shared.clone());
    let mut server = Connection::server(Config::default());
    server.send("before").unwrap();
    server.send(&shared).unwrap();
    server.send("between").unwrap();
    server.send(&prepared).unwrap();
    server.send("after").unwrap();

    let referenced = |chunk: &[u8]| chunk.as_ptr() == shared.as_ptr();
    assert_eq!(server.output().chunks().filter(|chunk| referenced(chunk)).count(), 1);
    let frames: [Frame<'_>; 5] =
        [(TEXT, b"before"), (BINARY, &shared), (TEXT, b"between"), (BINARY, &shared), (TEXT, b"after")];
    let expected = wire(Role::Client, &frames);
    assert_eq!(written(server.output()), expected);
}

#[test]
fn output_is_the_same_when_written_in_parts_of_any_length() {
    for part in [1, 2, 3, 5, 100, 4095, 4096, 4097, 9000, 20_000] {
        for role in ROLES {
            let mut end = connection(role, &Config::default());
            let large = Message::from(vec![b'l'; 5000]);
            let mut out = Vec::new();
            let mut write = |end: &mut Connection| {
                let all = end.output().chunks().collect::<Vec<_>>().concat();
                let n = all.len().min(part);
                out.extend_from_slice(&all[..n]);
                end.output().advance(n);
                n
            };
            for _ in 0..3 {
                end.send("small").unwrap();
                end.send(&large).unwrap();
                write(&mut end);
            }
            while write(&mut end) > 0 {}
            let frames = [(TEXT, &b"small"[..]), (BINARY, large.as_bytes())].repeat(3);
            assert_eq!(out, wire(other(role), &frames), "{role:?} in parts of {part}");
        }
    }
}

#[test]
fn message_reports_its_type_and_length() {
    for (message, as_text, len) in
        [(Message::from("é"), Some("é"), 2), (Message::from(vec![0xFF]), None, 1), ("".into(), Some(""), 0)]
    {
        assert_eq!((message.as_text(), message.len(), message.is_empty()), (as_text, len, len == 0));
    }
}

/// Counts up: the key of each frame is its number.
struct Counting(u32);

impl MaskKeySource for Counting {
    fn next_key(&mut self) -> MaskKey {
        self.0 += 1;
        MaskKey(self.0.to_be_bytes())
    }
}

// attack: masking-1
// req: 6455-5.1-a, 6455-5.3-a, 6455-5.3-b, 6455-5.5.1-e, 6455-6.1-h, 6455-10.3-a, 6455-10.3-c
#[test]
fn section_5_3_each_frame_of_a_client_has_its_own_key() {
    let mut client = Connection::client_with_keys(Config::default(), Counting(0));
    client.receive(&unmasked(PING, b"ping"));
    client.next_event().unwrap();
    client.send("one").unwrap();
    client.send(&Prepared::from("two")).unwrap();
    client.send(&Message::from(vec![2; 5000])).unwrap();
    client.send(Outgoing::text_fragment("a", false)).unwrap();
    client.send(Outgoing::text_fragment("b", true)).unwrap();
    client.ping(b"").unwrap();
    client.close(CloseCode::NORMAL, "").unwrap();
    let frames: [Frame<'_>; 8] = [
        (PONG, b"ping"),
        (TEXT, b"one"),
        (TEXT, b"two"),
        (BINARY, &[2; 5000]),
        (TEXT_BEGINS, b"a"),
        (ENDS, b"b"),
        (PING, b""),
        (CLOSE, b"\x03\xe8"),
    ];
    let keyed = (1u32..).zip(frames);
    let expected: Vec<u8> =
        keyed.flat_map(|(key, (first, payload))| masked(first, key.to_be_bytes(), payload)).collect();
    assert_eq!(written(client.output()), expected);
}

// attack: masking-1
// req: 6455-5.3-b, 6455-10.3-a, 6455-10.3-c
#[cfg(feature = "std")]
#[test]
fn section_5_3_keys_seeded_by_the_operating_system_do_not_repeat() {
    const FRAMES: usize = 100_000;
    let mut client = Connection::client(Config::default());
    let mut keys = std::collections::HashSet::new();
    for _ in 0..FRAMES {
        client.send(b"").unwrap();
        let frame = written(client.output());
        assert_eq!((&frame[..2], frame.len()), (&[BINARY, 0x80][..], 6));
        keys.insert(frame[2..].to_vec());
    }
    // By the birthday paradox, one or two pairs of 100,000 keys out of 2^32 are equal. Forty are not.
    assert!(keys.len() > FRAMES - 40, "{} distinct keys", keys.len());
}

#[test]
fn limits_for_receiving_do_not_limit_sending() {
    let limits = Limits::default().max_frame_len(1).max_message_len(1).max_fragments(1);
    let mut server = Connection::server(Config::default().limits(limits));
    assert_eq!(server.send("longer than one byte"), Ok(()));
}
