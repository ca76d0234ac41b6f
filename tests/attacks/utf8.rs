//! Invalid text, compared with the standard library.
//!
//! A build without optimisation tries all strings of up to two bytes and the boundary classes of three and four.
//! `cargo test --release --test attacks utf8` tries all strings of three bytes, too, and all classes of four.

use std::sync::Arc;

use sansocket::frame::Decoder;
use sansocket::{Config, Connection, Event, Limits, ProtocolError, Storage};

use crate::common::*;

/// One byte from each side of every boundary in the tables of RFC 3629.
const EDGES: [u8; 24] = [
    0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED,
    0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
];

/// Half of them: one from each class.
const CLASSES: [u8; 12] = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xC1, 0xC2, 0xE0, 0xED, 0xF0, 0xF4];

/// Clients that receive one message each, with the same memory.
struct Trial {
    config: Arc<Config>,
    storage: Storage,
}

/// How the bytes of a text are cut at the same places.
#[derive(Clone, Copy, Debug)]
enum Into {
    Fragments,
    Reads,
}

impl Trial {
    fn new() -> Self {
        Self { config: Arc::default(), storage: Storage::new() }
    }

    /// Checks at every split of `text` that it fails with its first byte that cannot be part of valid text.
    fn agrees(&mut self, text: &[u8]) {
        let impossible =
            |len: &usize| std::str::from_utf8(&text[..*len]).is_err_and(|error| error.error_len().is_some());
        let decided = (1..=text.len()).find(impossible).unwrap_or(text.len());
        let valid = std::str::from_utf8(text).is_ok();
        for cuts in 0..1u32 << text.len().saturating_sub(1) {
            for into in [Into::Fragments, Into::Reads] {
                let mut end = Connection::client_with_keys(Arc::clone(&self.config), SameKey);
                end.reuse(&mut self.storage);
                let outcome = read(&mut end, text, cuts, into);
                end.reclaim(&mut self.storage);
                assert_eq!(
                    outcome,
                    (decided_at(decided, text.len(), cuts), valid),
                    "{text:02x?} {cuts:b} {into:?}"
                );
            }
        }
    }
}

/// How many bytes had arrived when the text was accepted or refused, and whether it was accepted.
fn read(end: &mut Connection, text: &[u8], cuts: u32, into: Into) -> (usize, bool) {
    let mut start = 0;
    for stop in 1..=text.len() {
        if stop < text.len() && cuts >> (stop - 1) & 1 == 0 {
            continue;
        }
        let part = &text[start..stop];
        let fin = if stop == text.len() { 0x80 } else { 0 };
        let opcode = u8::from(start == 0);
        match into {
            Into::Fragments => end.receive(&[fin | opcode, part.len() as u8]),
            Into::Reads if start == 0 => end.receive(&[TEXT, text.len() as u8]),
            Into::Reads => {}
        }
        end.receive(part);
        start = stop;
        match end.next_event() {
            Ok(None) => {}
            Ok(Some(event)) => {
                assert!(matches!(event, Event::Text(whole) if whole.as_bytes() == text));
                return (stop, true);
            }
            Err(error) => {
                assert_eq!(error, ProtocolError::InvalidUtf8);
                return (stop, false);
            }
        }
    }
    panic!("{text:02x?} {cuts:b} {into:?} was not decided")
}

/// The end of the part that completes this many bytes.
fn decided_at(decided: usize, len: usize, cuts: u32) -> usize {
    (decided..len).find(|end| cuts >> (end - 1) & 1 == 1).unwrap_or(len)
}

/// Calls `rest` for each first byte, on one thread per processor.
fn with_each_first_byte(firsts: &[u8], rest: impl Fn(&mut Trial, u8) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for part in firsts.chunks(firsts.len().div_ceil(threads)) {
            let rest = &rest;
            scope.spawn(move || {
                let mut trial = Trial::new();
                part.iter().for_each(|&first| rest(&mut trial, first));
            });
        }
    });
}

fn all_bytes() -> Vec<u8> {
    (0..=255).collect()
}

// attack: utf8-1, utf8-2
#[test]
fn each_string_of_up_to_two_bytes_agrees_with_std_at_every_split() {
    with_each_first_byte(&all_bytes(), |trial, a| {
        trial.agrees(&[a]);
        (0..=255).for_each(|b| trial.agrees(&[a, b]));
    });
}

// attack: utf8-1, utf8-2
#[test]
fn each_class_of_three_and_four_bytes_agrees_with_std_at_every_split() {
    with_each_first_byte(&EDGES, |trial, a| {
        for b in EDGES {
            EDGES.iter().for_each(|&c| trial.agrees(&[a, b, c]));
        }
    });
    with_each_first_byte(&CLASSES, |trial, a| {
        for b in CLASSES {
            for c in CLASSES {
                CLASSES.iter().for_each(|&d| trial.agrees(&[a, b, c, d]));
            }
        }
    });
}

#[test]
#[cfg_attr(debug_assertions, ignore = "exhaustive: cargo test --release --test attacks utf8")]
fn each_string_of_three_bytes_and_each_edge_of_four_agrees_with_std_at_every_split() {
    with_each_first_byte(&all_bytes(), |trial, a| {
        for b in 0..=255 {
            (0..=255).for_each(|c| trial.agrees(&[a, b, c]));
        }
    });
    with_each_first_byte(&EDGES, |trial, a| {
        for b in EDGES {
            for c in EDGES {
                EDGES.iter().for_each(|&d| trial.agrees(&[a, b, c, d]));
            }
        }
    });
}

// attack: utf8-4
#[test]
fn each_close_reason_of_up_to_two_bytes_and_each_class_of_three_agrees_with_std() {
    let config = Arc::<Config>::default();
    let mut storage = Storage::new();
    let mut check = |reason: &[u8]| {
        let mut end = Connection::client_with_keys(Arc::clone(&config), SameKey);
        end.reuse(&mut storage);
        end.receive(&unmasked(CLOSE, &[b"\x03\xe8", reason].concat()));
        match (end.next_event(), std::str::from_utf8(reason)) {
            (Ok(Some(Event::Close(Some(close)))), Ok(valid)) => assert_eq!(close.reason, valid),
            (Err(ProtocolError::InvalidUtf8), Err(_)) => {}
            (event, _) => panic!("{reason:02x?}: {event:?}"),
        }
        end.reclaim(&mut storage);
    };
    for a in 0..=255 {
        check(&[a]);
        (0..=255).for_each(|b| check(&[a, b]));
    }
    for a in EDGES {
        for b in EDGES {
            EDGES.iter().for_each(|&c| check(&[a, b, c]));
        }
    }
}

/// By each way to receive.
// attack: utf8-3
#[test]
fn character_cut_short_by_an_empty_last_fragment_is_refused() {
    for cut in [&b"\xe2\x82"[..], b"\xe2", b"\xf0\x9f\xa6", b"\xc3", b"whole \xe2\x82"] {
        for empty in [0, 1, 3] {
            let frames =
                [&[(TEXT_BEGINS, cut)][..], &vec![(GOES_ON, &b""[..]); empty], &[(ENDS, b"")]].concat();
            for role in ROLES {
                let bytes = wire(role, &frames);
                let new = || {
                    let mut end = connection(role, &Config::default());
                    end.receive(&bytes);
                    end
                };
                let invalid = ProtocolError::InvalidUtf8;
                assert_eq!(new().next_event(), Err(invalid));
                assert_eq!(new().next_message(), Err(invalid));
                let mut end = new();
                let chunk = loop {
                    match end.next_chunk() {
                        Ok(Some(_)) => {}
                        outcome => break outcome.map(|_| ()),
                    }
                };
                assert_eq!(chunk, Err(invalid));
                let mut decoder = Decoder::new(role, Limits::default());
                let mut bytes = bytes.clone();
                let mut rest = &mut bytes[..];
                let chunk = loop {
                    match decoder.decode(&mut rest) {
                        Ok(Some(_)) => {}
                        outcome => break outcome.map(|_| ()),
                    }
                };
                assert_eq!(chunk, Err(invalid));
            }
        }
    }
}
