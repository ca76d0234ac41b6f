//! [`Decoder`]: RFC 6455 section 5, below messages.

use sansocket::frame::{Decoder, FrameHeader, Limits, MaskKey, Opcode, copy_masked};
use sansocket::{ProtocolError, Role};

use crate::common::*;
use crate::seeds;

/// The frames that arrived whole, and the error.
type Decoded = (Vec<(FrameHeader, Vec<u8>)>, Option<ProtocolError>);

fn decode<'a>(mut decoder: Decoder, reads: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let (mut frames, mut partial) = (Vec::new(), Vec::new());
    let mut left = Vec::new();
    for read in reads {
        left.extend(read);
        let mut input = &mut left[..];
        loop {
            match decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(chunk)) => {
                    assert_eq!(chunk.offset, partial.len() as u64);
                    assert!(!chunk.payload.is_empty() || chunk.header.payload_len == 0);
                    partial.extend_from_slice(chunk.payload);
                    if chunk.ends_frame() {
                        frames.push((chunk.header, core::mem::take(&mut partial)));
                    }
                }
                Err(error) => {
                    assert_eq!(decoder.decode(&mut input), Err(error), "a different error the second time");
                    return (frames, Some(error));
                }
            }
        }
        left = input.to_vec();
    }
    (frames, None)
}

/// The same whole, byte by byte and at every cut.
fn decode_at_every_split(role: Role, limits: Limits, wire: &[u8]) -> Decoded {
    seeds::keep_wire(role, wire);
    let decoder = || Decoder::new(role, limits);
    let whole = decode(decoder(), [wire]);
    assert_eq!(decode(decoder(), wire.chunks(1)), whole, "byte by byte");
    for at in cuts(wire.len()) {
        let (front, back) = wire.split_at(at);
        assert_eq!(decode(decoder(), [front, back]), whole, "cut at {at}");
    }
    whole
}

/// Checks that these frames are decoded at either end, up to `error`.
fn check(limits: Limits, frames: &[Frame<'_>], error: Option<ProtocolError>) {
    for role in ROLES {
        let (decoded, found) = decode_at_every_split(role, limits, &wire(role, frames));
        assert_eq!(found, error, "{role:?} {frames:02x?}");
        let passed = decoded.iter().map(|(header, payload)| (first_byte(header), &payload[..]));
        let count = if error.is_some() { frames.len() - 1 } else { frames.len() };
        assert!(passed.eq(frames[..count].iter().copied()), "{role:?} {frames:02x?}");
    }
}

fn first_byte(header: &FrameHeader) -> u8 {
    (u8::from(header.fin) << 7) | (u8::from(header.rsv1) << 6) | header.opcode as u8
}

// req: 6455-5.7-a, 6455-5.2-e, 6455-5.2-f, 6455-5.2-i, 6455-5.2-k, 6455-5.2-l, 6455-5.3-e, 6455-5.3-f, 6455-5.4-a, 6455-5.4-b
#[test]
fn section_5_7_examples_are_decoded_and_encoded() {
    let (medium, long) = ([7; 256], [7; 65_536]);
    let rows: [(Role, &[u8], &[Frame<'_>]); 8] = [
        (Role::Client, b"\x81\x05\x48\x65\x6c\x6c\x6f", &[(TEXT, b"Hello")]),
        (Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[(TEXT, b"Hello")]),
        (Role::Client, b"\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f", &[(TEXT_BEGINS, b"Hel"), (ENDS, b"lo")]),
        (Role::Client, b"\x89\x05\x48\x65\x6c\x6c\x6f", &[(PING, b"Hello")]),
        (Role::Client, b"\x8a\x05\x48\x65\x6c\x6c\x6f", &[(PONG, b"Hello")]),
        (Role::Server, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[(PONG, b"Hello")]),
        (Role::Client, &[b"\x82\x7e\x01\x00", &medium[..]].concat(), &[(BINARY, &medium)]),
        (
            Role::Client,
            &[b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", &long[..]].concat(),
            &[(BINARY, &long)],
        ),
    ];
    for (role, bytes, frames) in rows {
        let (decoded, error) = decode_at_every_split(role, Limits::default(), bytes);
        assert_eq!(error, None);
        let passed = decoded.iter().map(|(header, payload)| (first_byte(header), &payload[..]));
        assert!(passed.eq(frames.iter().copied()), "{frames:02x?}");
        assert_eq!(encode(&decoded), bytes);
        assert_eq!(wire(role, frames), bytes, "the builder of these tests");
    }
}

fn encode(frames: &[(FrameHeader, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (header, payload) in frames {
        let mut start = [0; FrameHeader::MAX_LEN];
        let len = header.encode(&mut start);
        let mut masked = payload.clone();
        copy_masked(&mut masked, payload, header.mask.unwrap_or(MaskKey([0; 4])), 0);
        bytes.extend([&start[..len], &masked].concat());
    }
    bytes
}

// req: 6455-5.1-b, 6455-5.1-e
#[test]
fn section_5_1_only_frames_of_a_client_are_masked() {
    for first in [TEXT, BINARY, CLOSE, PING, PONG, TEXT_BEGINS] {
        for (to, error) in [(Role::Client, ProtocolError::Masked), (Role::Server, ProtocolError::NotMasked)] {
            let wrong = wire(other(to), &[(first, b"")]);
            let decoded = decode_at_every_split(to, Limits::default(), &wrong);
            assert_eq!(decoded, (vec![], Some(error)), "{first:02x}");
        }
    }
}

// attack: framing-2
// req: 6455-5.2-h, 6455-5.2-j
#[test]
fn section_5_2_length_not_in_its_shortest_form_is_refused() {
    use ProtocolError::{LengthOverflow, NonMinimalLength};
    let rows: [(&[u8], ProtocolError); 8] = [
        (&[126, 0, 0], NonMinimalLength),
        (&[126, 0, 1], NonMinimalLength),
        (&[126, 0, 125], NonMinimalLength),
        (&[127, 0, 0, 0, 0, 0, 0, 0, 0], NonMinimalLength),
        (&[127, 0, 0, 0, 0, 0, 0, 0, 125], NonMinimalLength),
        (&[127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], NonMinimalLength),
        (&[127, 0x80, 0, 0, 0, 0, 0, 0, 0], LengthOverflow),
        (&[127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], LengthOverflow),
    ];
    for (length, error) in rows {
        for first in [TEXT, BINARY_BEGINS] {
            let (to_client, to_server) = with_length(first, length);
            let limits = Limits::default();
            let decoded = decode_at_every_split(Role::Client, limits, &to_client);
            assert_eq!(decoded, (vec![], Some(error)), "{length:02x?}");
            let decoded = decode_at_every_split(Role::Server, limits, &to_server);
            assert_eq!(decoded, (vec![], Some(error)), "{length:02x?} masked");
        }
    }
}

/// A header with that length field, unmasked and masked.
fn with_length(first: u8, length: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let unmasked = [&[first], length].concat();
    let mut masked = [&unmasked[..], &KEY].concat();
    masked[1] |= 0x80;
    (unmasked, masked)
}

// attack: framing-6
// req: 6455-5.2-c, 6455-5.4-b, 6455-5.4-f, 6455-5.4-g, 7692-6.1-d
#[test]
fn section_5_4_frames_out_of_order_are_refused() {
    use ProtocolError::{InterleavedMessage, NothingToContinue, ReservedBits};
    let rows: [(&[Frame<'_>], Option<ProtocolError>); 14] = [
        (&[(TEXT, b"a"), (BINARY, b"b"), (TEXT, b"")], None),
        (&[(TEXT_BEGINS, b"a"), (GOES_ON, b"b"), (ENDS, b"c"), (TEXT, b"d")], None),
        (&[(BINARY_BEGINS, b""), (GOES_ON, b""), (ENDS, b"")], None),
        (&[(TEXT_BEGINS, b"a"), (PING, b"p"), (GOES_ON, b"b"), (PONG, b""), (ENDS, b"c")], None),
        (&[(BINARY_BEGINS, b"a"), (CLOSE, b"\x03\xe8bye")], None),
        (&[(GOES_ON, b"a")], Some(NothingToContinue)),
        (&[(ENDS, b"a")], Some(NothingToContinue)),
        (&[(TEXT, b"a"), (ENDS, b"b")], Some(NothingToContinue)),
        (&[(TEXT_BEGINS, b"a"), (ENDS, b"b"), (ENDS, b"c")], Some(NothingToContinue)),
        (&[(TEXT_BEGINS, b"a"), (TEXT, b"b")], Some(InterleavedMessage)),
        (&[(TEXT_BEGINS, b"a"), (PING, b""), (BINARY, b"b")], Some(InterleavedMessage)),
        (&[(BINARY_BEGINS, b"a"), (GOES_ON, b"a"), (BINARY_BEGINS, b"b")], Some(InterleavedMessage)),
        (&[(BINARY_BEGINS, b"a"), (GOES_ON | 0x40, b"b")], Some(ReservedBits)),
        (&[(PING | 0x40, b"a")], Some(ReservedBits)),
    ];
    for (frames, error) in rows {
        check(Limits::default(), frames, error);
    }
}

// req: 6455-5.5.1-a, 6455-5.5.1-b, 6455-5.5.1-c, 6455-8.1-a
#[test]
fn section_5_5_1_close_payloads_are_checked() {
    use ProtocolError::{InvalidCloseCode, InvalidUtf8, TruncatedCloseCode};
    let longest = close_body(1000, &"x".repeat(123));
    let rows: [(&[u8], Option<ProtocolError>); 7] = [
        (b"", None),
        (b"\x03\xe8", None),
        (&longest, None),
        (b"\x03", Some(TruncatedCloseCode)),
        (b"\x03\xed", Some(InvalidCloseCode)),
        (b"\x03\xe8\xe2\x82", Some(InvalidUtf8)),
        (b"\x03\xe8\xff", Some(InvalidUtf8)),
    ];
    for (body, error) in rows {
        check(Limits::default(), &[(TEXT, b"before"), (CLOSE, body)], error);
    }
}

// req: 6455-5.6-a, 6455-5.6-b, 6455-5.6-c, 6455-8.1-a
#[test]
fn section_8_1_text_is_validated_over_all_its_frames() {
    use ProtocolError::InvalidUtf8;
    let rows: [(&[Frame<'_>], Option<ProtocolError>); 9] = [
        (&[(TEXT, "κόσμε 🦀".as_bytes())], None),
        (&[(TEXT_BEGINS, b"\xe2\x82"), (ENDS, b"\xac")], None),
        (
            &[(TEXT_BEGINS, b"\xe2"), (PING, b"\xff"), (GOES_ON, b"\x82"), (PONG, b"\xe2"), (ENDS, b"\xac")],
            None,
        ),
        (&[(TEXT_BEGINS, b"\xf0\x9f"), (GOES_ON, b""), (GOES_ON, b"\xa6"), (ENDS, b"\x80")], None),
        (&[(BINARY_BEGINS, b"\xff"), (ENDS, b"\xe2\x82")], None),
        (&[(TEXT_BEGINS, b"\xe2\x82"), (ENDS, b"")], Some(InvalidUtf8)),
        (&[(TEXT, b"a\xe2\x82")], Some(InvalidUtf8)),
        (&[(TEXT_BEGINS, b"a\xe2\x82"), (ENDS, b"a")], Some(InvalidUtf8)),
        (&[(TEXT, b"ok"), (TEXT, b"\xed\xa0\x80")], Some(InvalidUtf8)),
    ];
    for (frames, error) in rows {
        check(Limits::default(), frames, error);
    }
}

// attack: utf8-2
// req: 6455-8.1-a
#[test]
fn section_8_1_first_invalid_byte_fails_in_the_middle_of_a_frame() {
    for role in ROLES {
        let bytes = wire(role, &[(TEXT, b"abcdef\xf4\x90\x80\x80 and the rest of it")]);
        let header_len = if role == Role::Server { 6 } else { 2 };
        let possible = header_len + 7;
        let read = |len| decode(Decoder::new(role, Limits::default()), bytes[..len].chunks(1)).1;
        assert_eq!(read(possible), None);
        assert_eq!(read(possible + 1), Some(ProtocolError::InvalidUtf8));
    }
}

// attack: framing-3
// req: 6455-10.4-a, 6455-10.4-b, 6455-10.4-c
#[test]
fn section_10_4_limits_are_applied_to_the_header() {
    use ProtocolError::{FrameTooLong, MessageTooLong};
    let limits = Limits::default().max_frame_len(1000).max_message_len(1500);
    let rows: [(&[u64], Option<ProtocolError>); 7] = [
        (&[1000], None),
        (&[1001], Some(FrameTooLong { len: 1001, limit: 1000 })),
        (&[(1 << 32) + 5], Some(FrameTooLong { len: (1 << 32) + 5, limit: 1000 })),
        (&[i64::MAX as u64], Some(FrameTooLong { len: i64::MAX as u64, limit: 1000 })),
        (&[1000, 500], None),
        (&[1000, 501], Some(MessageTooLong { len: 1501, limit: 1500 })),
        (&[1000, i64::MAX as u64], Some(FrameTooLong { len: i64::MAX as u64, limit: 1000 })),
    ];
    for (lens, error) in rows {
        let mut decoder = Decoder::new(Role::Client, limits);
        let mut outcome = Ok(None);
        for (i, &payload_len) in lens.iter().enumerate() {
            let opcode = if i == 0 { Opcode::Binary } else { Opcode::Continuation };
            let header = FrameHeader::new(opcode, payload_len).fin(false);
            let mut start = [0; FrameHeader::MAX_LEN];
            let len = header.encode(&mut start);
            outcome = decoder.decode(&mut &mut start[..len]).map(|chunk| chunk.map(|chunk| chunk.header));
            if i + 1 < lens.len() {
                let mut payload = vec![0; payload_len as usize];
                assert!(decoder.decode(&mut &mut payload[..]).unwrap().unwrap().ends_frame());
            }
        }
        assert_eq!(outcome, error.map_or(Ok(None), Err), "{lens:?}");
    }
}

// req: 6455-10.4-a, 6455-10.4-c
#[test]
fn section_10_4_limits_are_inclusive_and_empty_fragments_count() {
    use ProtocolError::{MessageTooLong, TooManyFragments};
    let limits = Limits::default().max_frame_len(10).max_message_len(12).max_fragments(3);
    let none = Limits::default().max_fragments(0);
    check(none, &[(PING, b""), (BINARY, b"")], Some(TooManyFragments { limit: 0 }));
    let rows: [(&[Frame<'_>], Option<ProtocolError>); 6] = [
        (&[(BINARY, &[0; 10]), (BINARY, &[0; 10])], None),
        (&[(TEXT_BEGINS, b"123456"), (ENDS, b"123456"), (TEXT, b"123456")], None),
        (&[(TEXT_BEGINS, b"123456"), (ENDS, b"1234567")], Some(MessageTooLong { len: 13, limit: 12 })),
        (&[(TEXT_BEGINS, b""), (GOES_ON, b""), (ENDS, b"")], None),
        (
            &[(TEXT_BEGINS, b""), (GOES_ON, b""), (GOES_ON, b""), (GOES_ON, b"")],
            Some(TooManyFragments { limit: 3 }),
        ),
        (&[(PING, &[0; 125])], None),
    ];
    for (frames, error) in rows {
        check(limits, frames, error);
    }
}

// req: 6455-5.4-p
#[test]
fn section_5_4_payload_of_one_gibibyte_is_decoded_in_chunks() {
    const LEN: u64 = 1 << 30;
    let limits = Limits::default().max_frame_len(LEN).max_message_len(LEN);
    let mut decoder = Decoder::new(Role::Client, limits);
    assert_eq!(decoder.decode(&mut &mut [&[BINARY, 127][..], &LEN.to_be_bytes()].concat()[..]), Ok(None));
    let mut read = vec![0; 64 << 10];
    for offset in (0..LEN).step_by(read.len()) {
        let chunk = decoder.decode(&mut &mut read[..]).unwrap().unwrap();
        assert_eq!((chunk.offset, chunk.payload.len()), (offset, 64 << 10));
        assert_eq!(chunk.ends_frame(), offset + (64 << 10) == LEN);
    }
}

#[test]
fn section_5_5_control_frame_is_one_chunk() {
    let bytes = masked(PING, KEY, &[b'x'; 125]);
    for at in 1..bytes.len() {
        let mut decoder = Decoder::new(Role::Server, Limits::default());
        let mut wire = bytes.clone();
        let mut front = &mut wire[..at];
        assert_eq!(decoder.decode(&mut front), Ok(None));
        let left = front.len();
        let mut rest = &mut wire[at - left..];
        let chunk = decoder.decode(&mut rest).unwrap().unwrap();
        assert_eq!(chunk.payload, [b'x'; 125]);
        assert!(chunk.ends_frame() && rest.is_empty());
    }
}
