//! Each possible pair of first bytes of a frame, against the rules of section 5 one by one.

use sansocket::frame::{Decoder, Limits};
use sansocket::{Config, ProtocolError, Role};

use crate::common::*;

/// The rules that a frame with these first two bytes breaks. A decoder may name any of them.
fn broken_rules(first: u8, second: u8, to: Role, in_message: bool) -> Vec<ProtocolError> {
    let (fin, reserved, opcode) = (first & 0x80 != 0, first & 0x70 != 0, first & 0x0F);
    let (is_masked, len) = (second & 0x80 != 0, second & 0x7F);
    let is_control = opcode >= 8;
    let rules = [
        // "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values" (5.2).
        (reserved, ProtocolError::ReservedBits),
        // "%x3-7 are reserved for further non-control frames … %xB-F … for further control frames" (5.2).
        (matches!(opcode, 3..=7 | 11..=15), ProtocolError::UnknownOpcode),
        // "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented" (5.5).
        (is_control && !fin, ProtocolError::FragmentedControl),
        (is_control && len > 125, ProtocolError::OversizedControl),
        // "A server MUST close the connection upon receiving a frame that is not masked" (5.1).
        (to == Role::Server && !is_masked, ProtocolError::NotMasked),
        // "A client MUST close a connection if it detects a masked frame" (5.1).
        (to == Role::Client && is_masked, ProtocolError::Masked),
        // "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0, followed
        // by zero or more frames with the FIN bit clear and the opcode set to 0, and terminated by …" (5.4).
        (opcode == 0 && !in_message, ProtocolError::NothingToContinue),
        (matches!(opcode, 1 | 2) && in_message, ProtocolError::InterleavedMessage),
        // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer" (5.5.1).
        (opcode == 8 && len == 1, ProtocolError::TruncatedCloseCode),
    ];
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, rule)| rule).collect()
}

/// A frame with these first bytes, the shortest length of that form and a valid payload.
fn frame(first: u8, second: u8) -> Vec<u8> {
    let (length, len) = match second & 0x7F {
        126 => (126u16.to_be_bytes().to_vec(), 126),
        127 => (65_536u64.to_be_bytes().to_vec(), 65_536),
        len => (vec![], usize::from(len)),
    };
    let mut payload = vec![b'x'; len];
    if first & 0x0F == 8 && len > 1 {
        payload[..2].copy_from_slice(&1000u16.to_be_bytes());
    }
    if second & 0x80 == 0 {
        return [&[first, second], &length[..], &payload].concat();
    }
    payload.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= KEY[i % 4]);
    [&[first, second], &length[..], &KEY, &payload].concat()
}

// attack: framing-1, framing-4, framing-5, framing-6
// req: 6455-5.1-b, 6455-5.1-e, 6455-5.2-a, 6455-5.2-c, 6455-5.2-d, 6455-5.2-e, 6455-5.4-f, 6455-5.5-a, 6455-5.5-b, 6455-5.5-c, 6455-5.5.1-b
#[test]
fn section_5_each_pair_of_first_bytes_is_decoded_or_refused() {
    for to in ROLES {
        let idle = Decoder::new(to, Limits::default());
        let mut in_message = idle.clone();
        in_message.decode(&mut &mut wire(to, &[(TEXT_BEGINS, b"")])[..]).unwrap().unwrap();
        for (decoder, inside) in [(&idle, false), (&in_message, true)] {
            for first in 0..=255 {
                for second in 0..=255 {
                    check(decoder.clone(), first, second, &broken_rules(first, second, to, inside));
                }
            }
        }
    }
}

fn check(mut decoder: Decoder, first: u8, second: u8, broken: &[ProtocolError]) {
    let mut bytes = frame(first, second);
    // The header of the long ones is enough.
    let len = bytes.len().min(300);
    let outcome = decoder.decode(&mut &mut bytes[..len]);
    match outcome {
        Ok(chunk) => {
            assert_eq!(broken, [], "{first:02x} {second:02x} passed");
            assert!(chunk.is_some());
        }
        Err(error) => assert!(broken.contains(&error), "{first:02x} {second:02x}: {error:?}, not {broken:?}"),
    }
}

// attack: framing-1, framing-4, framing-5, framing-6, framing-9
#[test]
fn section_5_each_pair_of_first_bytes_is_received_or_fails_the_connection() {
    let config = Config::default();
    for to in ROLES {
        for inside in [false, true] {
            let begun = if inside { wire(to, &[(TEXT_BEGINS, b"")]) } else { vec![] };
            for first in 0..=255 {
                for second in 0..=255 {
                    let bytes = frame(first, second);
                    let is_whole = bytes.len() <= 300;
                    let reads = [&begun[..], &bytes[..bytes.len().min(300)]];
                    let outcome = feed(&mut connection(to, &config), reads);
                    let broken = broken_rules(first, second, to, inside);
                    let what = format!("{to:?} {first:02x} {second:02x}: {outcome:02x?}, not {broken:?}");
                    match outcome.error {
                        Some(error) => {
                            assert!(broken.contains(&error) && outcome.events.is_empty(), "{what}");
                            let close = close_body(1002, error.as_str());
                            assert_eq!(outcome.output, wire(other(to), &[(CLOSE, &close)]), "{what}");
                        }
                        None => {
                            assert_eq!(broken, [], "{what}");
                            let ends = is_whole && first & 0x80 != 0;
                            assert_eq!(outcome.events.len(), usize::from(ends), "{what}");
                        }
                    }
                }
            }
        }
    }
}
