//! Headers with false lengths, and frames out of order.

use sansocket::{Config, Limits, ProtocolError, Role};

use crate::common::*;
use crate::counting::bytes_in_use;
use crate::receive;

/// The header of a frame with this length field.
fn header(to: Role, first: u8, second: u8, length: &[u8]) -> Vec<u8> {
    let (mask_bit, key) = match to {
        Role::Client => (0, &[][..]),
        Role::Server => (0x80, &KEY[..]),
    };
    [&[first, second | mask_bit], length, key].concat()
}

// attack: framing-2
#[test]
fn length_with_a_shorter_form_is_refused() {
    let error = ProtocolError::NonMinimalLength;
    let close = close_body(1002, error.as_str());
    let medium = (0..126u16).map(|len| (126, len.to_be_bytes().to_vec()));
    let long = (0..65_536u64).map(|len| (127, len.to_be_bytes().to_vec()));
    for (second, length) in medium.chain(long) {
        // The short ones are whole frames: the fast path must refuse them, too.
        let payload = vec![0; if second == 126 { 125 } else { 0 }];
        for (role, first) in ROLES.into_iter().flat_map(|role| [(role, BINARY), (role, BINARY_BEGINS)]) {
            let bytes = [header(role, first, second, &length), payload.clone()].concat();
            let output = wire(other(role), &[(CLOSE, &close)]);
            let expected = Outcome { events: vec![], error: Some(error), output };
            for read_len in [3, bytes.len()] {
                let mut end = connection(role, &Config::default());
                let outcome = feed(&mut end, bytes.chunks(read_len));
                assert_eq!(outcome, expected, "{role:?} {bytes:02x?}");
            }
        }
    }
}

// attack: framing-3
#[test]
fn claimed_length_costs_nothing_without_limits() {
    let limits = Limits::default().max_frame_len(u64::MAX).max_message_len(u64::MAX).max_fragments(u32::MAX);
    let config = Config::default().limits(limits);
    for role in ROLES {
        for len in [1 << 31, (1 << 32) + 5, i64::MAX as u64] {
            for first in [TEXT, BINARY, TEXT_BEGINS, ENDS] {
                let mut bytes = header(role, first, 127, &len.to_be_bytes());
                if first == ENDS {
                    bytes.splice(0..0, wire(role, &[(BINARY_BEGINS, b"begun")]));
                }
                // Zeros are valid text, too.
                bytes.extend(if role == Role::Server { KEY.repeat(250) } else { vec![0; 1000] });
                let mut end = connection(role, &config);
                let ((_, error), peak, _) = bytes_in_use(|| receive(&mut end, &bytes[..]));
                assert_eq!(error, None, "{role:?} {len}");
                assert!(peak <= 64 << 10, "{role:?}: {peak} bytes for a claim of {len}");
            }
        }
    }
}

// attack: framing-3
#[test]
fn each_bit_of_a_length_over_the_limit_counts() {
    for role in ROLES {
        for bit in 25..64 {
            let len = 1u64 << bit;
            for len in [len, len + 5] {
                let error = match bit {
                    63 => ProtocolError::LengthOverflow,
                    _ => ProtocolError::FrameTooLong { len, limit: 16 << 20 },
                };
                let bytes = header(role, BINARY, 127, &len.to_be_bytes());
                let mut end = connection(role, &Config::default());
                let outcome = feed(&mut end, bytes.chunks(1));
                assert_eq!((outcome.events, outcome.error), (vec![], Some(error)), "{len:x}");
                let code = if bit == 63 { 1002 } else { 1009 };
                let close = close_body(code, error.as_str());
                assert_eq!(outcome.output, wire(other(role), &[(CLOSE, &close)]));
            }
        }
    }
}

/// All ways to cut `data` into fragments that are not empty.
fn fragmentations(data: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    (0..1u32 << (data.len() - 1)).map(move |cuts| {
        let ends = (1..=data.len()).filter(|end| *end == data.len() || cuts >> (end - 1) & 1 == 1);
        let mut start = 0;
        ends.map(|end| &data[std::mem::replace(&mut start, end)..end]).collect()
    })
}

// attack: framing-7
#[test]
fn control_frame_between_any_two_fragments_leaves_the_message_whole() {
    let message = "é🦀";
    let pong: (Frame<'_>, Got, &[Frame<'_>]) = ((PONG, b"\xff"), Got::Pong(b"\xff".to_vec()), &[]);
    let ping: (Frame<'_>, Got, &[Frame<'_>]) =
        ((PING, b"\xa9"), Got::Ping(b"\xa9".to_vec()), &[(PONG, b"\xa9")]);
    for fragments in fragmentations(message.as_bytes()) {
        let last = fragments.len() - 1;
        let frames: Vec<Frame<'_>> = fragments
            .iter()
            .enumerate()
            .map(|(i, fragment)| {
                let opcode = if i == 0 { TEXT_BEGINS } else { GOES_ON };
                (opcode | if i == last { 0x80 } else { 0 }, *fragment)
            })
            .collect();
        for gap in 1..=last {
            let with = |control: Frame<'static>| {
                [&frames[..gap], &[control], &frames[gap..], &[(BINARY, b"next")]].concat()
            };
            for (control, event, answers) in [&pong, &ping] {
                let events = [event.clone(), text(message), Got::Binary(b"next".to_vec())];
                receives(&Config::default(), &with(*control), &events, None, answers);
            }
            let close: Frame<'_> = (CLOSE, b"\x03\xe8");
            let events = [Got::Close(Some((1000, String::new())))];
            receives(&Config::default(), &with(close), &events, None, &[close]);
        }
    }
}
