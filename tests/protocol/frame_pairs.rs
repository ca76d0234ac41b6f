//! Each possible pair of first bytes of a frame, against the rules of section 5 one by one.

use sansocket::frame::{Decoder, Limits};
use sansocket::{Config, ProtocolError, Role};

use crate::common::*;

/// What comes before the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    Fragment,
    /// The first fragment of a compressed message.
    #[cfg(feature = "deflate")]
    Compressed,
}

/// Where the frame arrives.
#[derive(Clone, Copy, Debug)]
struct Place {
    to: Role,
    before: Before,
    /// Whether permessage-deflate was agreed on.
    deflate: bool,
}

impl Place {
    /// The frame before.
    fn begun(&self) -> Vec<u8> {
        match self.before {
            Before::Nothing => vec![],
            Before::Fragment => wire(self.to, &[(TEXT_BEGINS, b"")]),
            #[cfg(feature = "deflate")]
            Before::Compressed => wire(self.to, &[(TEXT_BEGINS | 0x40, b"")]),
        }
    }

    /// Whether a frame with this first byte carries a part of a compressed message.
    fn is_compressed(&self, first: u8) -> bool {
        match first & 0x0F {
            #[cfg(feature = "deflate")]
            0 => self.before == Before::Compressed,
            1 | 2 => self.deflate && first & 0x40 != 0,
            _ => false,
        }
    }
}

fn places(deflate: bool) -> Vec<Place> {
    let befores: &[Before] = match deflate {
        false => &[Before::Nothing, Before::Fragment],
        #[cfg(feature = "deflate")]
        true => &[Before::Nothing, Before::Fragment, Before::Compressed],
        #[cfg(not(feature = "deflate"))]
        true => &[],
    };
    ROLES
        .iter()
        .flat_map(|to| befores.iter().map(|before| Place { to: *to, before: *before, deflate }))
        .collect()
}

/// The rules that a frame with these first two bytes breaks. A decoder may name any of them.
fn broken_rules(first: u8, second: u8, place: Place) -> Vec<ProtocolError> {
    let Place { to, before, deflate } = place;
    let in_message = before != Before::Nothing;
    let (fin, opcode) = (first & 0x80 != 0, first & 0x0F);
    // RFC 7692 section 6.1: the first frame of a message may have RSV1.
    let reserved = if deflate && matches!(opcode, 1 | 2) { first & 0x30 != 0 } else { first & 0x70 != 0 };
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
fn frame(first: u8, second: u8, is_compressed: bool) -> Vec<u8> {
    let (length, len) = match second & 0x7F {
        126 => (126u16.to_be_bytes().to_vec(), 126),
        127 => (65_536u64.to_be_bytes().to_vec(), 65_536),
        len => (vec![], usize::from(len)),
    };
    let mut payload = if is_compressed { compressed(len) } else { vec![b'x'; len] };
    if first & 0x0F == 8 && len > 1 {
        payload[..2].copy_from_slice(&1000u16.to_be_bytes());
    }
    if second & 0x80 == 0 {
        return [&[first, second], &length[..], &payload].concat();
    }
    payload.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= KEY[i % 4]);
    [&[first, second], &length[..], &KEY, &payload].concat()
}

/// The payload of an empty message, compressed to this length: empty blocks with BFINAL, and the last one without its tail.
fn compressed(len: usize) -> Vec<u8> {
    let blocks = b"\x03\x00".repeat(len.saturating_sub(1) / 2);
    let last: &[u8] = match len {
        0 => b"",
        _ if len % 2 == 1 => b"\x00",
        _ => b"\x02\x00",
    };
    [&blocks, last].concat()
}

// attack: framing-1, framing-4, framing-5, framing-6
// req: 6455-5.1-b, 6455-5.1-e, 6455-5.2-a, 6455-5.2-c, 6455-5.2-d, 6455-5.2-e, 6455-5.4-f, 6455-5.5-a, 6455-5.5-b, 6455-5.5-c, 6455-5.5.1-b
#[test]
fn section_5_each_pair_of_first_bytes_is_decoded_or_refused() {
    for place in [places(false), places(true)].concat() {
        #[allow(unused_mut, reason = "only compression changes it")]
        let mut decoder = Decoder::new(place.to, Limits::default());
        #[cfg(feature = "deflate")]
        if place.deflate {
            decoder = decoder.allow_compressed();
        }
        let mut begun = place.begun();
        let mut input = &mut begun[..];
        while !input.is_empty() {
            decoder.decode(&mut input).unwrap();
        }
        for first in 0..=255 {
            for second in 0..=255 {
                let bytes = frame(first, second, place.is_compressed(first));
                check(decoder.clone(), bytes, place, &broken_rules(first, second, place));
            }
        }
    }
}

fn check(mut decoder: Decoder, mut bytes: Vec<u8>, place: Place, broken: &[ProtocolError]) {
    let (first, second) = (bytes[0], bytes[1]);
    // The header of the long ones is enough.
    let len = bytes.len().min(300);
    let outcome = decoder.decode(&mut &mut bytes[..len]);
    match outcome {
        Ok(chunk) => {
            assert_eq!(broken, [], "{place:?}: {first:02x} {second:02x} passed");
            assert!(chunk.is_some());
        }
        Err(error) => {
            assert!(broken.contains(&error), "{place:?}: {first:02x} {second:02x}: {error:?}, not {broken:?}")
        }
    }
}

// attack: framing-1, framing-4, framing-5, framing-6, framing-9
#[test]
fn section_5_each_pair_of_first_bytes_is_received_or_fails_the_connection() {
    let config = Config::default();
    for place in places(false) {
        let make = || connection(place.to, &config);
        (0..=255).for_each(|first| (0..=255).for_each(|second| received(make(), first, second, place)));
    }
}

/// A build without optimisation tries some lengths only: each of these connections has its own opening handshake.
// attack: framing-1, framing-4, framing-5, framing-6, framing-9, deflate-6
#[cfg(feature = "deflate")]
#[test]
fn section_5_each_pair_of_first_bytes_is_received_or_fails_the_connection_with_compression() {
    use crate::model::agreed;
    use crate::model::receiver::Compression;

    let is_tried =
        |second: &u8| !cfg!(debug_assertions) || matches!(second & 0x7F, 0 | 1 | 2 | 125 | 126 | 127);
    let compression = Compression { takeover: true, window_bits: 15 };
    for place in places(true) {
        for first in 0..=255 {
            for second in (0..=255).filter(is_tried) {
                let end = agreed::end(place.to, &Config::default(), compression);
                received(end, first, second, place);
            }
        }
    }
}

fn received(mut end: sansocket::Connection, first: u8, second: u8, place: Place) {
    let bytes = frame(first, second, place.is_compressed(first));
    let is_whole = bytes.len() <= 300;
    let begun = place.begun();
    let reads = [&begun[..], &bytes[..bytes.len().min(300)]];
    let outcome = feed(&mut end, reads);
    let broken = broken_rules(first, second, place);
    let what = format!("{place:?} {first:02x} {second:02x}: {outcome:02x?}, not {broken:?}");
    match outcome.error {
        Some(error) => {
            assert!(broken.contains(&error) && outcome.events.is_empty(), "{what}");
            let close = close_body(1002, error.as_str());
            assert_eq!(outcome.output, wire(other(place.to), &[(CLOSE, &close)]), "{what}");
        }
        None => {
            assert_eq!(broken, [], "{what}");
            let ends = is_whole && first & 0x80 != 0;
            assert_eq!(outcome.events.len(), usize::from(ends), "{what}");
        }
    }
}
