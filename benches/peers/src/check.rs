//! Checks the output of every library before it is measured.

use sansocket::Role;
use sansocket::frame::{FrameHeader, MaskKey, Opcode, copy_masked};
use sansocket::handshake::accept_key;

use crate::compressed::{Trades, connections};
use crate::libraries::{CODEC, OURS};
use crate::library::{Job, Masking, Message};
use crate::rows::{Row, Task};
use crate::wire::Stream;

/// Panics if the library did not do the task.
pub fn check(row: &Row, library: &str, job: &mut dyn Job) {
    let what = format!("{}, {library}", row.name);
    match &row.task {
        Task::Decode(stream) => decoded(stream, job, &what),
        Task::Encode(message) => encoded(message, job, &what),
        Task::Mask(masking) => masked(masking, job, &what),
        Task::Accept => accepted(job, &what),
        Task::Compress(trades) => compressed(trades, library, job, &what),
        Task::Inflate(trades) => inflated(trades, job, &what),
    }
}

/// Takes more than one pass over the stream, so that its end and its beginning meet.
fn decoded(stream: &Stream, job: &mut dyn Job, what: &str) {
    let messages = stream.messages + 3;
    let kept = job.keep(messages);
    assert_eq!(kept.parts.len() as u64, messages, "{what}: number of messages");
    assert!(
        kept.parts.iter().all(|message| *message == stream.payload),
        "{what}: other bytes than were sent"
    );
}

fn encoded(message: &Message, job: &mut dyn Job, what: &str) {
    let messages = 5 * message.a_write;
    let wire = job.keep(messages).parts.concat();
    let mut rest = &wire[..];
    let mut keys = Vec::new();
    for _ in 0..messages {
        let decoded = FrameHeader::decode(rest).expect("a valid header").expect("a whole header");
        let (header, header_len) = decoded;
        assert_eq!((header.fin, header.opcode), (true, Opcode::Binary), "{what}");
        assert_eq!(header.payload_len, message.data.len() as u64, "{what}: payload length");
        let (payload, behind) = rest[header_len..].split_at(message.data.len());
        let mut data = vec![0; payload.len()];
        copy_masked(&mut data, payload, header.mask.unwrap_or(MaskKey([0; 4])), 0);
        assert!(data == message.data, "{what}: other bytes than were sent");
        assert_eq!(header.mask.is_some(), message.role == Role::Client, "{what}: masking");
        keys.extend(header.mask.map(|key| key.0));
        rest = behind;
    }
    assert!(rest.is_empty(), "{what}: {} bytes too many", rest.len());
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.is_empty() || keys.len() > 1, "{what}: the same key for every frame");
}

fn masked(masking: &Masking, job: &mut dyn Job, what: &str) {
    let plain = masking.payload();
    let masked: Vec<u8> =
        plain.iter().zip(masking.key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let kept = job.keep(2);
    assert!(kept.parts == [masked, plain.to_vec()], "{what}: masked wrongly");
}

fn accepted(job: &mut dyn Job, what: &str) {
    const RESPONSES: u64 = 3;
    let wire = job.keep(RESPONSES).parts.concat();
    let text = String::from_utf8(wire).expect("a head in ASCII");
    let responses: Vec<&str> = text.split_inclusive("\r\n\r\n").collect();
    assert_eq!(responses.len() as u64, RESPONSES, "{what}: number of responses");
    let accept = accept_key(b"dGhlIHNhbXBsZSBub25jZQ==").map(char::from);
    let accept: String = accept.iter().collect();
    for response in responses {
        let mut lines = response.split("\r\n");
        assert!(lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 101 ")), "{what}: {response}");
        let has = |name: &str, value: &str| {
            response
                .split("\r\n")
                .filter_map(|line| line.split_once(':'))
                .any(|(found, of)| found.eq_ignore_ascii_case(name) && of.trim().eq_ignore_ascii_case(value))
        };
        assert!(has("upgrade", "websocket") && has("connection", "upgrade"), "{what}: {response}");
        assert!(has("sec-websocket-accept", &accept), "{what}: {response}");
    }
}

/// What one compresses, another one inflates: this crate what others send, bare zlib-rs what this crate sends.
fn compressed(trades: &Trades, library: &str, job: &mut dyn Job, what: &str) {
    // Into the second round.
    let messages = trades.plain.len() + 3;
    let mut parts = job.keep(messages as u64).parts;
    if library == CODEC {
        for part in &mut parts {
            *part = crate::compressed::frame(part);
        }
    }
    let wire = parts.concat();
    let expected = trades.plain.iter().cycle().take(messages);
    if library == OURS {
        let mut inflate = zlib_rs::Inflate::new(false, 15);
        let mut rest = &wire[..];
        for plain in expected {
            let (header, header_len) = FrameHeader::decode(rest).expect("valid").expect("whole");
            assert!(header.rsv1 && header.fin && header.opcode == Opcode::Text, "{what}");
            let (payload, behind) = rest[header_len..].split_at(header.payload_len as usize);
            let input = [payload, &[0, 0, 0xFF, 0xFF]].concat();
            let mut to = vec![0; plain.len() + 1];
            if !trades.takeover {
                inflate.reset(false);
            }
            let before = inflate.total_out();
            inflate.decompress(&input, &mut to, zlib_rs::InflateFlush::SyncFlush).expect("valid DEFLATE");
            let len = (inflate.total_out() - before) as usize;
            assert!(to[..len] == plain[..], "{what}: other bytes than were sent");
            rest = behind;
        }
        assert!(rest.is_empty(), "{what}: bytes too many");
        return;
    }
    let (mut client, _) = connections(trades.takeover);
    client.receive(&wire);
    for plain in expected {
        let message = client.next_message().expect("valid frames").expect("a message");
        assert!(message.as_bytes() == &plain[..], "{what}: other bytes than were sent");
    }
    assert!(client.next_message() == Ok(None), "{what}: messages too many");
}

fn inflated(trades: &Trades, job: &mut dyn Job, what: &str) {
    // Into the third round.
    let messages = 2 * trades.plain.len() + 3;
    let kept = job.keep(messages as u64);
    let expected = trades.plain.iter().cycle().take(messages);
    assert!(kept.parts.iter().eq(expected), "{what}: other bytes than were sent");
}
