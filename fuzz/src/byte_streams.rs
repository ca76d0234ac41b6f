//! Connections as streams of bytes, blocking and polled: any messages in any reads, any writes in any pieces.

mod shells;

use std::io::{Error, ErrorKind};

use sansocket::{ByteStreamError, CloseCode, Config, Connection, Event, ProtocolError, Role};

use self::shells::{Blocking, Bytes, Memory, Polled};
use crate::Traffic;
use crate::model::event::Got;
use crate::model::paths::connection;
use crate::model::receiver::judge;
use crate::model::wire::{CLOSE, close_body, other, wire};

/// The data are writes, each of two bytes: a length, or 0 for a flush, and where the write is cut into slices.
const WRITES: u8 = 0x30;

impl Traffic<'_> {
    fn accepts_text(&self) -> bool {
        self.is_unwritten()
    }
}

/// What is read is what the model receives, up to the same end. What is written becomes the messages that it should.
pub fn byte_streams(case: &Traffic<'_>) {
    let role = case.role();
    let end = || connection(role, &Config::default().keepalive(None).limits(case.limits()));
    if case.flags & WRITES == WRITES {
        // The peer has closed by the time that this end looks.
        let close = wire(role, &[(CLOSE, &close_body(1000, ""))]);
        let memory = Memory::new(&[&close]);
        writes(case, role, Blocking::new(memory.clone(), end(), case), &memory);
        let memory = Memory::new(&[&close]);
        return writes(case, role, Polled::new(memory.clone(), end(), case), &memory);
    }
    let bytes = case.wire(role);
    for reads in [vec![&bytes[..]], case.reads(&bytes)] {
        read(case, role, &bytes, Blocking::new(Memory::new(&reads), end(), case));
        read(case, role, &bytes, Polled::new(Memory::new(&reads), end(), case));
    }
}

/// How reading ends.
#[derive(Debug, PartialEq)]
enum End {
    Eof,
    Text,
    Closed(CloseCode, String),
    Protocol(ProtocolError),
}

impl End {
    fn of(end: Result<(), Error>) -> Self {
        let Err(error) = end else { return Self::Eof };
        let kind = error.kind();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ByteStreamError>());
        let (end, expected) = match inner {
            Some(ByteStreamError::Text) => (Self::Text, ErrorKind::InvalidData),
            Some(ByteStreamError::Closed { code, reason }) => {
                (Self::Closed(*code, reason.to_string()), ErrorKind::ConnectionAborted)
            }
            Some(ByteStreamError::Protocol(error)) => {
                let is_lost = *error == ProtocolError::ConnectionLost;
                let kind = if is_lost { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
                (Self::Protocol(*error), kind)
            }
            _ => panic!("{error:?}"),
        };
        assert_eq!(kind, expected, "{error:?}");
        end
    }
}

fn read(case: &Traffic<'_>, role: Role, bytes: &[u8], mut stream: impl Bytes) {
    let verdict = judge(role, &case.limits(), bytes);
    let (mut expected, mut text_came, mut closed) = (Vec::new(), false, None);
    for event in &verdict.events {
        match event {
            Got::Binary(data) => expected.extend(data),
            Got::Text(text) if case.accepts_text() => expected.extend(text.bytes()),
            Got::Text(_) => {
                text_came = true;
                break;
            }
            Got::Close(frame) => closed = Some(frame.clone()),
            Got::Ping(_) | Got::Pong(_) => {}
        }
    }
    let (is_text, arrived) = verdict.unfinished.clone().filter(|_| !text_came).unwrap_or_default();
    let mut may_come = expected.clone();
    // A part of a text of which no byte is a whole character is not seen yet.
    let text_begins = is_text && !case.accepts_text();
    if !text_begins {
        may_come.extend(&arrived);
        if verdict.broken.is_empty() {
            let valid = core::str::from_utf8(&arrived).map_or_else(|error| error.valid_up_to(), str::len);
            expected.extend(&arrived[..if is_text { valid } else { arrived.len() }]);
        }
    }

    let (found, end) = stream.read_to_end(case);
    assert!(may_come.starts_with(&found), "{found:02x?} is not from {may_come:02x?}");
    assert!(found.starts_with(&expected), "{found:02x?} lacks some of {expected:02x?}");
    let end = End::of(end);
    match &end {
        End::Text => assert!(text_came || text_begins, "{verdict:?}"),
        _ if text_came => panic!("{end:?} instead of the text in {verdict:?}"),
        End::Protocol(ProtocolError::ConnectionLost) => {
            assert!(closed.is_none() && (verdict.broken.is_empty() || verdict.undecided), "{verdict:?}");
        }
        End::Protocol(error) => assert!(verdict.broken.contains(error), "{error:?}, not {verdict:?}"),
        End::Eof | End::Closed(..) => {
            let expected = match closed.expect("a Close frame") {
                None | Some((1000 | 1001, _)) => End::Eof,
                Some((code, reason)) => End::Closed(CloseCode(code), reason),
            };
            assert_eq!(end, expected);
        }
    }
    let (more, again) = stream.read_to_end(case);
    assert_eq!((more, End::of(again)), (vec![], end), "the same end comes again");
}

fn writes(case: &Traffic<'_>, role: Role, mut stream: impl Bytes, memory: &Memory) {
    let message_len = shells::message_len(case);
    // What is flushed ends a message, and so does each full one.
    let (mut segments, mut segment, mut next) = (Vec::new(), Vec::new(), 0_u8);
    for write in case.data.chunks(2) {
        let [len, cut] = [write[0], *write.last().unwrap()];
        if len == 0 {
            stream.flush();
            segments.push(core::mem::take(&mut segment));
            let len: usize = segments.iter().map(Vec::len).sum();
            let sent: usize = messages(role, memory).iter().map(Vec::len).sum();
            assert_eq!(sent, len, "all that was flushed is sent");
            continue;
        }
        let len = if len < 200 { usize::from(len) } else { (usize::from(len) - 199) * 1500 };
        // More messages would take too long.
        let len = len.min(50 * message_len);
        let bytes: Vec<u8> = (0..len).map(|_| (next, next = next.wrapping_add(1)).0).collect();
        stream.write(&bytes, usize::from(cut));
        segment.extend(bytes);
    }
    stream.flush();
    segments.push(segment);
    let expected: Vec<_> = segments.iter().flat_map(|segment| segment.chunks(message_len)).collect();
    assert_eq!(messages(role, memory), expected);
    assert_eq!(End::of(stream.shutdown()), End::Eof);
    let mut peer = peer(role, memory);
    let mut last = None;
    while let Some(event) = peer.next_event().unwrap() {
        last = Some(Got::from(event));
    }
    assert_eq!(last, Some(Got::Close(Some((1000, String::new())))));
}

fn peer(role: Role, memory: &Memory) -> Connection {
    let mut peer = connection(other(role), &Config::default());
    peer.receive(&memory.written());
    peer
}

/// The messages that were sent. All are binary.
fn messages(role: Role, memory: &Memory) -> Vec<Vec<u8>> {
    let (mut peer, mut messages) = (peer(role, memory), Vec::new());
    while let Some(event) = peer.next_event().unwrap() {
        let Event::Binary(data) = event else { panic!("{event:?}") };
        messages.push(data.to_vec());
    }
    messages
}
