//! Compressed messages as they arrive (RFC 7692 sections 6.2 and 7.2.2).

use sansocket::{Chunk, CloseCode, Connection, Deflate, Event, Message, ProtocolError, Role};

use super::{end, frame, no_takeover, receive, seeds, takeover, written};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Frames as pairs of the first byte and the payload.
type Frames = &'static [(u8, &'static [u8])];

/// Each row: what it shows, frames, and the texts that they are. All rows are valid in all settings that allow takeover.
const SECTION_7_2_3: [(&str, Frames, &[&str]); 12] = [
    ("7.2.3.1 one block", &[(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00")], &["Hello"]),
    ("7.2.3.1 in fragments", &[(0x41, b"\xf2\x48\xcd"), (0x80, b"\xc9\xc9\x07\x00")], &["Hello"]),
    (
        "7.2.3.2 the window is shared",
        &[(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), (0xC1, b"\xf2\x00\x11\x00\x00")],
        &["Hello", "Hello"],
    ),
    ("7.2.3.3 no compression", &[(0xC1, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")], &["Hello"]),
    ("7.2.3.4 BFINAL", &[(0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")], &["Hello"]),
    ("7.2.3.5 two blocks", &[(0xC1, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")], &["Hello"]),
    ("7.2.3.6 an empty message", &[(0xC1, b"\x00")], &[""]),
    ("an empty message without a block", &[(0xC1, b"")], &[""]),
    (
        "an empty fragment at the end",
        &[(0x41, b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff"), (0x80, b"\x00")],
        &["Hello"],
    ),
    (
        "the window goes on behind BFINAL",
        &[(0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), (0xC1, b"\xf2\x00\x11\x00\x00")],
        &["Hello", "Hello"],
    ),
    (
        "BFINAL twice, and a block behind it",
        &[
            (0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
            (0xC1, b"\xf3\x00\x11\x00\x00"),
            (0xC1, b"\xf2\x00\x11\x00\x00"),
        ],
        &["Hello", "Hello", "Hello"],
    ),
    (
        "a message that is not compressed does not touch the window",
        &[
            (0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
            (0x81, b"Other"),
            (0xC1, b"\x00"),
            (0xC1, b"\xf2\x00\x11\x00\x00"),
        ],
        &["Hello", "Other", "", "Hello"],
    ),
];

fn wire(role: Role, frames: Frames) -> Vec<u8> {
    seeds::keep_frames(frames);
    frames.iter().for_each(|(_, payload)| seeds::keep("deflate", payload));
    frames.iter().flat_map(|(first, payload)| frame(role, *first, payload)).collect()
}

// req: 7692-7.2.2-a, 7692-7.2.2-c, 7692-7.2.2-e, 7692-7.2.3-a, 7692-7.2.3-b, 7692-6.2-a, 7692-6.2-b, 7692-6-b, 7692-6-c
// req: 7692-5-r, 7692-7.1.1.2-d, 7692-7.2.1-b
// attack: deflate-2, deflate-4
#[test]
fn section_7_2_3_examples_are_inflated_at_every_split() {
    for role in ROLES {
        for (name, frames, texts) in SECTION_7_2_3 {
            let bytes = wire(role, frames);
            let expected: Vec<_> = texts.iter().map(|text| Message::from(*text)).collect();
            for at in 0..=bytes.len() {
                let mut end = end(role, takeover());
                let (mut messages, first) = receive(&mut end, &bytes[..at]);
                let (more, second) = receive(&mut end, &bytes[at..]);
                messages.extend(more);
                assert_eq!(
                    (&messages, first, second),
                    (&expected, Ok(()), Ok(())),
                    "{name}, {role:?} at {at}"
                );
            }
            let mut end = end(role, takeover());
            let each: Vec<_> = bytes.iter().flat_map(|byte| receive(&mut end, &[*byte]).0).collect();
            assert_eq!(each, expected, "{name}, {role:?} byte by byte");
        }
    }
}

#[test]
fn chunks_of_compressed_messages_are_their_text() {
    for role in ROLES {
        for (name, frames, texts) in SECTION_7_2_3 {
            let bytes = wire(role, frames);
            for size in [1, 2, 3, bytes.len()] {
                let mut end = end(role, takeover());
                let (mut received, mut text) = (Vec::new(), String::new());
                for piece in bytes.chunks(size) {
                    end.receive(piece);
                    while let Some(Chunk::Text { text: more, fin }) = end.next_chunk().unwrap() {
                        text.push_str(more);
                        if fin {
                            received.push(std::mem::take(&mut text));
                        }
                    }
                }
                assert_eq!(received, texts, "{name}, {role:?} by {size}");
            }
        }
    }
}

// req: 7692-7.2.2-b, 7692-7.2.2-d
// attack: deflate-5
#[test]
fn without_takeover_each_message_has_a_window_of_its_own() {
    for role in ROLES {
        let mut end = end(role, no_takeover());
        let hello = frame(role, 0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        let final_block = frame(role, 0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
        let (messages, result) = receive(&mut end, &[&hello[..], &final_block, &hello].concat());
        assert_eq!((messages.len(), result), (3, Ok(())));
        let refers_back = frame(role, 0xC1, b"\xf2\x00\x11\x00\x00");
        assert_eq!(receive(&mut end, &refers_back), (vec![], Err(ProtocolError::InvalidDeflate)), "{role:?}");
    }
}

/// A block whose code lengths have no code. Its 259 lengths would have to come before that is a fault.
const NO_CODES: &[u8] = b"\x0d\0\0\0\0\0\0\0\x48\xcd\xc9";

/// Each row: what is wrong, the frames, the error and the close code.
// req: 7692-6.1-d, 7692-6.1-f
// attack: deflate-2, deflate-6
#[test]
fn faulty_compressed_messages_fail_the_connection() {
    use ProtocolError::{InvalidDeflate, InvalidUtf8, ReservedBits};
    let rows: [(&str, Frames, ProtocolError); 15] = [
        ("block of type 3", &[(0xC1, b"\x07\x00")], InvalidDeflate),
        ("stored length and its complement differ", &[(0xC1, b"\x00\x05\x00\xfa\xfe\x48")], InvalidDeflate),
        ("cut in a block", &[(0xC1, b"\xf2\x48\xcd")], InvalidDeflate),
        ("cut in a stored block", &[(0xC1, b"\x00\x05\x00\xfa\xff\x48")], InvalidDeflate),
        ("no code for the lengths of codes", &[(0xC1, NO_CODES)], InvalidDeflate),
        ("the next frame is wrong before that can be known", &[(0x41, NO_CODES), (0xC9, b"")], ReservedBits),
        ("tail not removed", &[(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff")], InvalidDeflate),
        ("nothing behind BFINAL", &[(0xC1, b"\xf3\x48\xcd\xc9\xc9\x07\x00")], InvalidDeflate),
        ("refers to data before the first", &[(0xC1, b"\xf2\x00\x11\x00\x00")], InvalidDeflate),
        ("text that is not UTF-8", &[(0xC1, b"\x00\x02\x00\xfd\xff\xff\xff\x00")], InvalidUtf8),
        ("text that ends in a character", &[(0xC1, b"\x00\x01\x00\xfe\xff\xc3\x00")], InvalidUtf8),
        ("RSV1 on a Ping", &[(0xC9, b"")], ReservedBits),
        ("RSV1 on a Close frame", &[(0xC8, b"\x03\xe8")], ReservedBits),
        ("RSV1 on a continuation", &[(0x41, b"\xf2\x48\xcd"), (0xC0, b"\xc9\xc9\x07\x00")], ReservedBits),
        ("RSV1 on the continuation of a message as it is", &[(0x01, b"a"), (0xC0, b"b")], ReservedBits),
    ];
    for role in ROLES {
        for (name, frames, error) in rows {
            let mut end = end(role, takeover());
            assert_eq!(receive(&mut end, &wire(role, frames)), (vec![], Err(error)), "{name}, {role:?}");
            let code = match error {
                ReservedBits => CloseCode::PROTOCOL_ERROR,
                _ => CloseCode::INVALID_DATA,
            };
            assert_eq!(end.close_info().unwrap().sent, Some(code), "{name}");
            assert!(!written(&mut end).is_empty(), "{name}: a Close frame");
        }
    }
}

// req: 6455-5.2-a
#[test]
fn rsv1_is_reserved_where_nothing_was_agreed_on() {
    for role in ROLES {
        let mut end = super::end_with(role, sansocket::Config::default());
        assert_eq!(end.negotiated(), None);
        let bytes = frame(role, 0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        assert_eq!(receive(&mut end, &bytes), (vec![], Err(ProtocolError::ReservedBits)));
    }
}

/// Text that is inflated as a whole: lent, and given away.
#[test]
fn long_text_in_one_frame_is_validated() {
    for role in ROLES {
        for (text, is_valid) in [("é".repeat(40_000).into_bytes(), true), (vec![0xC3; 80_000], false)] {
            let peer = if role == Role::Client { Role::Server } else { Role::Client };
            let (mut from, mut to) = (end(peer, takeover()), end(role, takeover()));
            from.send(&text[..]).unwrap();
            let mut bytes = written(&mut from);
            assert_eq!(bytes[0], 0xC2);
            bytes[0] = 0xC1;
            let (messages, result) = receive(&mut to, &bytes);
            assert_eq!(result, if is_valid { Ok(()) } else { Err(ProtocolError::InvalidUtf8) });
            assert_eq!(
                messages.iter().map(|message| message.as_bytes()).next(),
                is_valid.then_some(&text[..])
            );
            let mut to = end(role, takeover());
            to.receive(&bytes);
            assert_eq!(to.has_event(), Ok(true));
            match to.next_event() {
                Ok(Some(Event::Text(lent))) => assert!(is_valid && lent.as_bytes() == text),
                other => assert_eq!((other, is_valid), (Err(ProtocolError::InvalidUtf8), false)),
            }
        }
    }
}

// attack: utf8-4
#[test]
fn text_is_invalid_before_its_message_ends() {
    let mut end = end(Role::Client, takeover());
    let (messages, result) = receive(&mut end, &frame(Role::Client, 0x41, b"\x00\x02\x00\xfd\xffa\xff"));
    assert_eq!((messages, result), (vec![], Err(ProtocolError::InvalidUtf8)));
}

// req: 7692-6-a
#[test]
fn control_frames_come_between_the_fragments_of_a_compressed_message() {
    for role in ROLES {
        let mut end = end(role, takeover());
        let bytes =
            wire(role, &[(0x41, b"\xf2\x48\xcd"), (0x89, b"?"), (0x00, b"\xc9\xc9"), (0x80, b"\x07\x00")]);
        assert_eq!(receive(&mut end, &bytes).0, [Message::from("Hello")]);
        assert!(!written(&mut end).is_empty(), "a Pong");
    }
}

/// A peer that refers to data beyond the agreed window is not caught: `zlib-rs` would catch it in some calls only. What it
/// gives is right, at every split.
#[test]
fn reference_beyond_the_agreed_window_is_inflated_at_every_split() {
    // A stored block of 600 bytes. Then a fixed block: a match of 3 bytes at distance 513, and the end. Then an empty block.
    let stored: Vec<u8> = (0..600_u16).map(|n| n as u8).collect();
    let matched = bits("0 10 0000001 10010 00000000 0000000 0 00");
    let message = [&[0x00, 0x58, 0x02, 0xA7, 0xFD][..], &stored, &matched].concat();
    let expected = [&stored[..], &stored[87..90]].concat();
    let settings = Deflate::default().window_bits(9).peer_window_bits(9);
    let bytes = frame(Role::Client, 0xC2, &message);
    for at in 0..=bytes.len() {
        let mut end = end(Role::Client, settings.clone());
        let (mut messages, _) = receive(&mut end, &bytes[..at]);
        let (more, result) = receive(&mut end, &bytes[at..]);
        messages.extend(more);
        assert_eq!((messages, result), (vec![expected[..].into()], Ok(())), "at {at}");
    }
}

/// Bits in the order of DEFLATE, the first one lowest.
pub(super) fn bits(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | bit)).collect()
}

/// The ways to look for what has arrived.
type Look = fn(&mut Connection) -> Result<bool, ProtocolError>;

const LOOKS: [Look; 5] = [
    |end| Ok(end.next_event()?.is_some()),
    |end| end.has_event(),
    |end| Ok(end.next_message()?.is_some()),
    |end| Ok(end.next_chunk()?.is_some()),
    |end| end.has_chunk(),
];

/// A stored block of this text, and the beginning of an empty block.
fn stored(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    [&[0], &len.to_le_bytes()[..], &(!len).to_le_bytes(), text, &[0]].concat()
}

/// The rest of a frame that lacks less than two reads is waited for, by one read of exactly that.
#[test]
fn long_compressed_frame_is_waited_for_once() {
    for role in ROLES {
        let text = vec![b'a'; 30_000];
        let bytes = frame(role, 0xC1, &stored(&text));
        for (at, room) in [(1000, bytes.len() - 1000), (20_000, bytes.len() - 20_000)] {
            for look in LOOKS {
                let mut end = end(role, takeover());
                end.receive(&bytes[..at]);
                assert_eq!((look(&mut end), look(&mut end)), (Ok(false), Ok(false)), "{role:?} at {at}");
                assert_eq!(end.unfilled().len(), room, "{role:?} at {at}");
                end.unfilled().copy_from_slice(&bytes[at..]);
                end.filled(room);
                assert_eq!(look(&mut end), Ok(true), "{role:?} at {at}");
            }
        }
    }
}

/// A peer that sends a frame little by little is waited for once only: a fault shows at the second read, by every way. Frames
/// that are short, or too long to wait for, show it at the first one.
#[test]
fn fault_in_a_frame_that_is_waited_for_once_shows_at_the_next_read() {
    for role in ROLES {
        for (len, waits) in [(4000, false), (4100, true), (34_000, true), (36_000, false)] {
            let text = [b"ab\xff", &vec![b'a'; len][..]].concat();
            let bytes = frame(role, 0xC1, &stored(&text));
            for look in LOOKS {
                let mut end = end(role, takeover());
                for (read, expected) in [(0, !waits), (1, true)] {
                    end.receive(&bytes[50 * read..][..50]);
                    let fails = look(&mut end) == Err(ProtocolError::InvalidUtf8);
                    assert_eq!(fails, expected, "{len} bytes, {role:?}, read {read}");
                }
            }
        }
    }
}

/// What a peer sends behind a message does not show in it, even if the message was cut.
#[test]
fn frame_behind_a_message_is_no_part_of_it() {
    let cut = frame(Role::Client, 0xC2, b"\x00\x40\x00\xbf\xffHello");
    let next = frame(Role::Client, 0x82, &[b'x'; 100]);
    let whole = frame(Role::Client, 0xC2, &stored(b"Hello"));
    for settings in [takeover(), no_takeover()] {
        let mut end = end(Role::Client, settings);
        let first = receive(&mut end, &[&whole[..], &next, &whole].concat());
        let expected = [&b"Hello"[..], &[b'x'; 100], b"Hello"].map(Message::from);
        assert_eq!(first, (expected.to_vec(), Ok(())));
        let last = receive(&mut end, &[&cut[..], &next].concat());
        assert_eq!(last, (vec![], Err(ProtocolError::InvalidDeflate)));
    }
}

/// Messages that get much shorter, each on a connection of its own: the room for a message is full at any place, also behind the
/// last byte of the payload, whose bits stand for hundreds of bytes.
#[test]
fn message_that_fills_its_room_is_inflated_to_its_end() {
    for level in [1, 3, 6] {
        let mut sender = end(Role::Server, no_takeover().level(level).mem_level(3).window_bits(9));
        for period in 1..=5 {
            for times in 200..=300 {
                // Bytes that fixed codes have 9 bits for.
                let data = b"\xef\xbf\xbd.\x01"[..period].repeat(times);
                sender.send(&data[..]).unwrap();
                let wire = written(&mut sender);
                let mut client = end(Role::Client, no_takeover());
                client.unfilled()[..wire.len()].copy_from_slice(&wire);
                client.filled(wire.len());
                let row = format!("level {level}, {period} bytes {times} times");
                assert_eq!(client.next_event(), Ok(Some(Event::Binary(&data))), "{row}");
            }
        }
    }
}
