//! Messages as they are compressed (RFC 7692 sections 6.1 and 7.2.1).

use sansocket::{Compress, Config, Connection, Deflate, Outgoing, Prepared, Role, SendError};

use super::{config, end, end_with, no_takeover, pair, receive, seeds, takeover, written};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The first byte of the only frame that waits, and its length in bytes.
fn sent(end: &mut Connection) -> (u8, usize) {
    let bytes = written(end);
    (bytes[0], bytes.len())
}

// req: 7692-6.1-a, 7692-6.1-b, 7692-6.1-e
#[test]
fn length_and_choice_decide_whether_a_message_is_compressed() {
    for role in ROLES {
        let mut end = end(role, Deflate::default().min_len(100));
        let text = "a".repeat(100);
        for (message, first) in [
            (Outgoing::from(&text[..99]), 0x81),
            (Outgoing::from(&text), 0xC1),
            (Outgoing::from(text.as_bytes()), 0xC2),
            (Outgoing::from(&text).compress(Compress::Never), 0x81),
            (Outgoing::from("a").compress(Compress::Always), 0xC1),
            (Outgoing::from("").compress(Compress::Always), 0xC1),
            (Outgoing::from("a").compress(Compress::Never), 0x81),
        ] {
            end.send(message).unwrap();
            assert_eq!(sent(&mut end).0, first, "{role:?}");
        }
        end.ping(&[b'a'; 120]).unwrap();
        assert_eq!(sent(&mut end).0, 0x89, "control frames are never compressed");
    }
}

#[test]
fn empty_message_is_one_byte() {
    let mut end = end(Role::Server, takeover());
    for _ in 0..3 {
        end.send(Outgoing::from("").compress(Compress::Always)).unwrap();
        assert_eq!(written(&mut end), b"\xc1\x01\x00");
    }
    end.send("").unwrap();
    assert_eq!(written(&mut end), b"\x81\x00", "shorter as it is");
}

// req: 7692-6.1-c, 7692-7.2.1-a, 7692-7.2.1-d
#[test]
fn fragments_are_compressed_as_they_come() {
    for settings in [takeover(), no_takeover(), Deflate::feed()] {
        for role in ROLES {
            let (mut client, mut server) = pair(config(settings.clone()), config(settings.clone()));
            let (from, to) =
                if role == Role::Client { (&mut client, &mut server) } else { (&mut server, &mut client) };
            let long = "some text that repeats itself ".repeat(100);
            for parts in [
                &["Hello, ", "Hello"][..],
                &["", "Hello"],
                &["Hello", ""],
                &["", ""],
                &["a", "", "b"],
                &[&long, &long, ""],
            ] {
                let mut wire = Vec::new();
                for (at, part) in parts.iter().enumerate() {
                    let fin = at + 1 == parts.len();
                    let fragment = Outgoing::text_fragment(part, fin).compress(Compress::Always);
                    from.send(fragment).unwrap();
                    let bytes = written(from);
                    if role == Role::Server && bytes[1] < 126 {
                        seeds::keep("deflate", &bytes[2..]);
                    }
                    let (opcode, rsv1) = if at == 0 { (0x01, 0x40) } else { (0x00, 0) };
                    assert_eq!(bytes[0], if fin { 0x80 } else { 0 } | rsv1 | opcode);
                    wire.extend(bytes);
                }
                let whole = parts.concat();
                assert_eq!(receive(to, &wire), (vec![whole.as_str().into()], Ok(())), "{parts:?}, {role:?}");
            }
        }
    }
}

#[test]
fn first_fragment_decides_for_its_message() {
    let mut end = end(Role::Server, Deflate::default().min_len(100));
    let long = "a".repeat(1000);
    for (parts, firsts) in [([&long[..], "a"], [0x41, 0x80]), (["a", &long], [0x01, 0x80])] {
        for (at, first) in firsts.into_iter().enumerate() {
            end.send(Outgoing::text_fragment(parts[at], at == 1)).unwrap();
            assert_eq!(sent(&mut end).0, first);
        }
    }
}

// req: 7692-7.2.1-f, 7692-7.2.1-g, 7692-7.2.1-h, 7692-7.2.1-i
#[test]
fn takeover_makes_the_second_message_shorter() {
    let text = "{\"symbol\":\"XYZ\",\"price\":12.25,\"size\":100}";
    for role in ROLES {
        let mut with = end(role, takeover());
        let mut without = end(role, no_takeover());
        let lens = |end: &mut Connection| {
            [(); 3].map(|()| {
                end.send(text).unwrap();
                sent(end).1
            })
        };
        let [first, second, third] = lens(&mut with);
        assert!(second < first && third <= second, "{first}, {second}, {third}");
        let [first, second, third] = lens(&mut without);
        assert_eq!((second, third), (first, first));
    }
}

// attack: deflate-6
#[test]
fn refused_send_leaves_the_window_as_it_was() {
    let settings = config(takeover()).max_output_len(2000);
    let (mut client, mut server) = pair(settings.clone(), settings);
    let text = "a text that the next one refers to ".repeat(10);
    server.send(&text).unwrap();
    let first = written(&mut server);
    assert_eq!(receive(&mut client, &first).0.len(), 1);
    server.send(Outgoing::from(&[7; 1500]).compress(Compress::Never)).unwrap();
    let full = server.send(Outgoing::text_fragment(&text.repeat(4), false));
    assert_eq!(full, Err(SendError::OutputFull));
    let wire = written(&mut server);
    assert_eq!(receive(&mut client, &wire).0.len(), 1);
    server.send(&text).unwrap();
    let wire = written(&mut server);
    assert_eq!(receive(&mut client, &wire), (vec![text.as_str().into()], Ok(())));
}

/// The worst case of compression has no room, the message has.
#[test]
fn message_that_has_room_only_as_it_is_goes_as_it_is() {
    let mut end = end_with(Role::Server, config(takeover()).max_output_len(1014));
    end.send(&[1; 1000]).unwrap();
    assert_eq!(sent(&mut end), (0x82, 1004));
    end.send(&[1; 800]).unwrap();
    assert_eq!(sent(&mut end).0, 0xC2);
    assert!(matches!(end.send(&[1; 1001]), Err(SendError::MessageTooLong { len: 1015, limit: 1014 })));
}

/// A linear congruential generator: every byte value, and nothing that repeats.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(next).collect()
}

/// Data that repeats at a distance can only be compressed with a window that is as long. Each row: the window that was agreed
/// on, the distance, whether the second half is compressed away.
// req: 7692-7.2.1-e, 7692-7.2.1-j, 7692-7.2.1-k, 7692-7.2.2-g, 7692-7.2.2-i, 7692-7.2.2-j
#[test]
fn window_is_no_longer_than_was_agreed() {
    let rows = [
        (9, 200, true),
        (9, 600, false),
        (10, 600, true),
        (12, 5000, false),
        (15, 30_000, true),
        (15, 33_000, false),
    ];
    for role in ROLES {
        for (window_bits, distance, gets_shorter) in rows {
            let asked = config(takeover().peer_window_bits(window_bits));
            let (mut client, mut server) = match role {
                Role::Client => pair(config(takeover()), asked),
                Role::Server => pair(asked, config(takeover())),
            };
            let (from, to) = match role {
                Role::Client => (&mut client, &mut server),
                Role::Server => (&mut server, &mut client),
            };
            let message = noise(distance).repeat(2);
            from.send(&message).unwrap();
            let wire = written(from);
            let is_short = wire.len() < message.len() * 3 / 4;
            assert_eq!(is_short, gets_shorter, "{role:?}, {window_bits} bits, {distance}: {}", wire.len());
            assert_eq!(receive(to, &wire), (vec![message[..].into()], Ok(())));
        }
    }
}

#[test]
fn bound_holds_for_data_that_does_not_get_smaller() {
    let noise = noise(200_000);
    for level in 1..=9 {
        for mem_level in [1, 2, 8, 9] {
            for window_bits in [9, 12, 15] {
                let settings = takeover().level(level).mem_level(mem_level).window_bits(window_bits);
                let (mut client, mut server) = pair(config(settings.clone()), config(settings));
                for len in [1, 10, 100, 1000, 5000, 200_000] {
                    server.send(&noise[..len]).unwrap();
                    let wire = written(&mut server);
                    assert!(wire.len() <= len + len / 8 + len / 16 + 42, "level {level}, {mem_level}: {len}");
                    assert_eq!(receive(&mut client, &wire), (vec![noise[..len].into()], Ok(())));
                }
            }
        }
    }
}

#[test]
fn prepared_message_is_compressed_once_for_each_window() {
    let text = "the same for everybody ".repeat(500);
    let prepared = Prepared::from(text.as_str());
    let mut lens = Vec::new();
    for window_bits in [9, 15, 15] {
        let settings = config(Deflate::default().window_bits(window_bits));
        let (mut client, mut server) = pair(settings.clone(), settings);
        server.send(&prepared).unwrap();
        server.send(Outgoing::from(&prepared).compress(Compress::Never)).unwrap();
        let wire = written(&mut server);
        assert_eq!(wire[0], 0xC1);
        lens.push(wire.len());
        assert_eq!(receive(&mut client, &wire).0, [text.as_str().into(), text.as_str().into()]);
        client.send(&prepared).unwrap();
        let wire = written(&mut client);
        assert!(wire.len() < text.len() / 2);
        assert_eq!(receive(&mut server, &wire).0, [text.as_str().into()]);
    }
    assert_eq!(lens[1], lens[2]);
}

/// A server agrees to a window of 8 bits for the client, which a client of this crate cannot compress with.
#[test]
fn client_that_was_given_8_bits_sends_messages_as_they_are() {
    let server = config(takeover().peer_window_bits(8));
    let (mut client, mut server) = pair(config(takeover()), server);
    assert_eq!(client.negotiated().unwrap().client_max_window_bits, 8);
    client.send("Hello, Hello, Hello").unwrap();
    let wire = written(&mut client);
    assert_eq!(wire[0], 0x81);
    assert_eq!(receive(&mut server, &wire).0, ["Hello, Hello, Hello".into()]);
}

#[test]
fn nothing_is_compressed_where_nothing_was_agreed_on() {
    let (mut client, mut server) = pair(Config::default(), config(takeover()));
    for end in [&mut client, &mut server] {
        assert_eq!(end.negotiated(), None);
        end.send(Outgoing::from(&[0; 1000]).compress(Compress::Always)).unwrap();
        assert_eq!(sent(end).0, 0x82);
    }
}
