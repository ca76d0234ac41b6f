//! What a client makes of a response that opens no connection: its body in chunks, and when to come again.

use std::time::{Duration, SystemTime};

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sansocket::handshake::client::{Handshake, Request};
use sansocket::{BackOff, Config, Error, HandshakeError, Refusal, Retries};

use crate::dates::pauses;
use crate::model::opening::{NONCE, check_client};
use crate::model::reads::reads;
use crate::model::wire::SameKey;

/// A byte of flags, the lengths of four reads, and the bytes.
#[derive(Debug, Arbitrary)]
pub struct Refusals<'a> {
    flags: u8,
    /// The time of day, too.
    lens: [u8; 4],
    data: &'a [u8],
}

/// The data is a body with chunks, or what makes one, or the value of a `Retry-After`.
const KIND: u8 = 0x03;
/// The body is limited to 300 bytes.
const TIGHT: u8 = 0x04;

const HEAD: &[u8] = b"HTTP/1.1 503 x\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A body is decoded as the model does it. What was encoded arrives. The pause before the next attempt is the model's.
pub fn refusals(case: &Refusals<'_>) {
    let config = Config::default();
    let config = if case.flags & TIGHT == 0 { config } else { config.max_head_len(300) };
    match case.flags & KIND {
        0 | 1 => {
            let wire = [HEAD, case.data].concat();
            check_client(&config, &[], &[&wire]);
            check_client(&config, &[], &case.reads(&wire));
        }
        2 => round_trip(&config, case),
        _ => retry_after(&String::from_utf8_lossy(case.data), u32::from_le_bytes(case.lens)),
    }
}

impl Refusals<'_> {
    fn reads<'a>(&self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let unit = 1 + bytes.len() / 500;
        reads(bytes, &self.lens.map(|len| usize::from(len) * unit))
    }
}

fn client(config: &Config) -> Handshake {
    Handshake::with_nonce(&Request::new("ws://x").unwrap(), config.clone(), NONCE, SameKey).unwrap()
}

/// A refusal to be changed.
pub(crate) fn any_refusal() -> Refusal {
    let mut client = client(&Config::default());
    client.receive(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n");
    match client.next_response() {
        Err(HandshakeError::Refused(refusal)) => *refusal,
        outcome => panic!("{outcome:?}"),
    }
}

/// Encodes chunks, each from a byte for its form, its length, and its data (RFC 9112 section 7.1).
fn round_trip(config: &Config, case: &Refusals<'_>) {
    let (mut wire, mut body, mut rest) = (HEAD.to_vec(), Vec::<u8>::new(), case.data);
    while let [form, len, behind @ ..] = rest {
        let (data, behind) = behind.split_at(behind.len().min(usize::from(*len)));
        rest = behind;
        if !data.is_empty() {
            wire.extend(size(*form, data.len()));
            wire.extend([data, b"\r\n"].concat());
            body.extend(data);
        }
    }
    let is_cut = body.len() >= config.max_head_len;
    body.truncate(config.max_head_len);
    wire.extend(size(case.flags, 0));
    let end = wire.len();
    wire.extend(b"Trailer: x\r\n\r\nno part of the body");
    let mut client = client(config);
    let (mut fed, mut outcome) = (0, client.next_response().map(drop));
    for read in case.reads(&wire) {
        assert!(outcome.is_ok(), "complete at {fed} of {end}");
        client.receive(read);
        fed += read.len();
        outcome = match client.next_response() {
            Ok(None) => Ok(()),
            Ok(Some(_)) => panic!("opened"),
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(()) => assert!(fed < end, "not complete at {fed} of {end}"),
            Err(HandshakeError::Refused(refusal)) => {
                assert!(fed >= end || is_cut, "complete at {fed} of {end}");
                return assert_eq!(refusal.body, body);
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("no end");
}

/// The line of a chunk's size, in one of its forms.
fn size(form: u8, len: usize) -> Vec<u8> {
    let digits = match form & 0x03 {
        0 => format!("{len:x}"),
        1 => format!("{len:X}"),
        2 => format!("{len:04x}"),
        _ => format!("{len:016X}"),
    };
    let space = ["", " ", "\t ", ""][usize::from(form >> 2 & 0x03)];
    let extension = ["", ";a", ";a=b;c=\"d;e\"", ";"][usize::from(form >> 4 & 0x03)];
    format!("{digits}{space}{extension}\r\n").into_bytes()
}

/// The shortest and the longest pause are those that the model allows.
fn retry_after(value: &str, time: u32) {
    // Up to the year 2242.
    let now = u64::from(time) * 2;
    let mut refusal = any_refusal();
    refusal.headers = vec![("retry-after".into(), value.into())];
    let error = Error::from(HandshakeError::Refused(Box::new(refusal)));
    let back_off = BackOff::default().max_retry_after(Duration::MAX);
    let pause = |random| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        Retries::new(back_off.clone()).failed(&error, at, random).unwrap()
    };
    let expected = pauses(value, now);
    assert!(expected.contains(&pause(0)), "{value:?} at {now}: {:?}, not {expected:?}", pause(0));
    let jitter = pause(u64::MAX).checked_sub(pause(0)).unwrap();
    assert!(jitter < back_off.first_pause, "{jitter:?}");
}
