//! Every way to receive with the crate, compared with the model.

use sansocket::frame::{Decoder, Opcode};
use sansocket::{Chunk, Config, Connection, Limits, Output, ProtocolError, Role, State, Storage};

use super::answers::{answers, check_sent};
use super::event::Got;
use super::receiver::{Verdict, judge};
use super::wire::SameKey;

pub(crate) fn connection(role: Role, config: &Config) -> Connection {
    match role {
        Role::Client => Connection::client_with_keys(config.clone(), SameKey),
        Role::Server => Connection::server(config.clone()),
    }
}

/// Takes all bytes out of an output.
pub(crate) fn written(output: &mut Output) -> Vec<u8> {
    let bytes = output.chunks().collect::<Vec<_>>().concat();
    assert_eq!(bytes.len(), output.len());
    output.advance(bytes.len());
    assert!(output.is_empty());
    bytes
}

/// Whether nothing waits in the connection's memory for receiving: the connection then gives that memory back. The memory
/// must have been used before.
pub(crate) fn is_idle(connection: &mut Connection) -> bool {
    let (memory, mut storage) = (connection.unread().as_ptr(), Storage::new());
    connection.reclaim(&mut storage);
    let is_idle = connection.unread().as_ptr() != memory;
    connection.reuse(&mut storage);
    is_idle
}

/// Gives a connection the reads in turn, one by `unfilled` and `filled`, the next by `receive`. Calls `ask` after each.
pub(crate) fn arrive(reads: &[&[u8]], end: &mut Connection, mut ask: impl FnMut(&mut Connection)) {
    for (i, read) in reads.iter().enumerate() {
        let mut rest = *read;
        while !rest.is_empty() {
            if i % 2 == 0 {
                rest = fill(end, rest);
            } else {
                end.receive(core::mem::take(&mut rest));
            }
            ask(end);
        }
    }
}

/// One read that fills the room of the connection, if there are enough bytes. Gives the rest.
pub(crate) fn fill<'a>(end: &mut Connection, bytes: &'a [u8]) -> &'a [u8] {
    let room = end.unfilled();
    let (now, later) = bytes.split_at(room.len().min(bytes.len()));
    room[..now.len()].copy_from_slice(now);
    end.filled(now.len());
    assert!(!now.is_empty(), "no room");
    later
}

/// Checks that these reads give that end what the model says, by each way to receive. Gives the error.
pub(crate) fn check_connection(role: Role, limits: Limits, reads: &[&[u8]]) -> Option<ProtocolError> {
    let verdict = judge(role, &limits, &reads.concat());
    let config = Config::default().limits(limits);
    check_every_way(|| connection(role, &config), reads, &verdict)
}

/// Checks that these reads give what the model says at the ends that `end` makes, by each way to receive. Gives the error.
pub(crate) fn check_every_way(
    end: impl Fn() -> Connection,
    reads: &[&[u8]],
    verdict: &Verdict,
) -> Option<ProtocolError> {
    let errors = [
        by_event(end(), reads, verdict),
        by_found(end(), reads, verdict),
        by_message(end(), reads, verdict),
        by_chunk(end(), reads, verdict),
    ];
    assert!(errors.iter().all(|error| *error == errors[0]), "different errors by different ways: {errors:?}");
    errors[0]
}

/// As [`check_connection`], for the frame decoder.
pub(crate) fn check_decoder(role: Role, limits: Limits, reads: &[&[u8]]) -> Option<ProtocolError> {
    let verdict = judge(role, &limits, &reads.concat());
    let mut taken = Assembly::default();
    let error = decode(Decoder::new(role, limits), reads, &mut taken);
    assert_eq!(taken.events, verdict.events);
    check_error(&verdict, error);
    let data = taken.message.map(|(_, data)| data).unwrap_or_default();
    let (_, arrived) = verdict.unfinished.unwrap_or_default();
    assert!(
        arrived.starts_with(&data) && (error.is_some() || arrived == data),
        "chunks of {arrived:02x?}: {data:02x?}"
    );
    error
}

pub(crate) fn check_error(verdict: &Verdict, error: Option<ProtocolError>) {
    assert!(verdict.allows(error), "{error:?}, not {verdict:?}");
}

/// `next_event`, each answer written at once.
fn by_event(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let (mut events, mut output) = (Vec::new(), Vec::new());
    let mut error = None;
    arrive(reads, &mut end, |end| {
        loop {
            match end.next_event() {
                Ok(None) => break,
                Ok(Some(event)) => events.push(Got::from(event)),
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            }
            output.extend(written(end.output()));
        }
        output.extend(written(end.output()));
    });
    assert_eq!(events, verdict.events);
    check_error(verdict, error);
    assert_eq!(output, answers(end.role(), &events, error), "the automatic answers");
    check_end(end, verdict, error);
    error
}

/// `has_event` and `next_event`. Each event is looked for twice, and nothing is written before the end.
fn by_found(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let mut events = Vec::new();
    let next = |end: &mut Connection| {
        let has_event = end.has_event()?;
        assert_eq!(end.has_event(), Ok(has_event), "looked for twice");
        let event = end.next_event()?.map(Got::from);
        assert_eq!(event.is_some(), has_event);
        Ok(event)
    };
    let mut error = None;
    arrive(reads, &mut end, |end| {
        loop {
            match next(end) {
                Ok(None) => break,
                Ok(Some(event)) => events.push(event),
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            }
        }
    });
    assert_eq!(events, verdict.events);
    check_error(verdict, error);
    check_sent(end.role(), &written(end.output()));
    check_end(end, verdict, error);
    error
}

/// `next_message`.
fn by_message(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let mut messages = Vec::new();
    let mut error = None;
    arrive(reads, &mut end, |end| {
        loop {
            match end.next_message() {
                Ok(None) => break,
                Ok(Some(message)) => messages.push(Got::from(message)),
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            }
        }
    });
    assert_eq!(messages, verdict.messages());
    check_error(verdict, error);
    check_end(end, verdict, error);
    error
}

/// `next_chunk`.
fn by_chunk(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let (mut messages, mut data) = (Vec::new(), Vec::new());
    let mut error = None;
    arrive(reads, &mut end, |end| {
        loop {
            let chunk = match end.next_chunk() {
                Ok(None) => break,
                Ok(Some(chunk)) => chunk,
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            };
            assert!(chunk.fin() || !chunk.as_bytes().is_empty(), "an empty chunk that ends nothing");
            data.extend_from_slice(chunk.as_bytes());
            if chunk.fin() {
                let data = core::mem::take(&mut data);
                messages.push(match chunk {
                    Chunk::Text { .. } => Got::Text(String::from_utf8(data).unwrap()),
                    Chunk::Binary { .. } => Got::Binary(data),
                });
            }
        }
    });
    assert_eq!(messages, verdict.messages());
    check_error(verdict, error);
    check_unfinished(&data, verdict, error);
    check_end(end, verdict, error);
    error
}

/// All bytes of the message under way have been given out; of a text, all whole characters. If the message is at fault, the
/// reads decide how many.
fn check_unfinished(data: &[u8], verdict: &Verdict, error: Option<ProtocolError>) {
    let (is_text, arrived) = verdict.unfinished.clone().unwrap_or_default();
    assert!(arrived.starts_with(data), "chunks of what was not sent");
    if error.is_none() && !verdict.may_wait {
        let whole = match core::str::from_utf8(&arrived) {
            Err(error) if is_text => error.valid_up_to(),
            _ => arrived.len(),
        };
        assert_eq!(data, &arrived[..whole], "chunks are missing");
    }
}

/// Checks that nothing comes after the end, and that the end of the stream before the end is an error.
pub(crate) fn check_end(mut end: Connection, verdict: &Verdict, error: Option<ProtocolError>) {
    if error.is_none() && !verdict.is_closed() {
        assert_eq!(end.state(), State::Open);
        assert_eq!(end.close_info(), None);
        assert_eq!(end.end_of_stream(), Err(ProtocolError::ConnectionLost));
        return;
    }
    assert_eq!(end.state(), State::Closed);
    end.receive(b"\x81\x01a\x81\x81\0\0\0\0a");
    assert_eq!(end.next_event().map(|event| event.is_none()), error.map_or(Ok(true), Err));
    assert!(is_idle(&mut end), "what comes after the end is discarded");
    assert_eq!(end.end_of_stream(), error.map_or(Ok(()), Err));
    let info = end.close_info().unwrap();
    assert_eq!((info.was_clean, info.fault), (error.is_none(), error));
    if let (None, Some(Got::Close(close))) = (error, verdict.events.last()) {
        let (code, reason) = close.clone().unwrap_or((1005, String::new()));
        assert_eq!((info.code.0, &*info.reason), (code, &*reason));
    }
}

/// The events that a decoder's chunks make, and the message under way.
#[derive(Default)]
struct Assembly {
    events: Vec<Got>,
    message: Option<(Opcode, Vec<u8>)>,
}

/// Decodes up to a Close frame. Each chunk is unmasked and begins where the one before ended.
fn decode(mut decoder: Decoder, reads: &[&[u8]], taken: &mut Assembly) -> Option<ProtocolError> {
    let (mut left, mut offset) = (Vec::new(), 0);
    for read in reads {
        left.extend_from_slice(read);
        let mut input = &mut left[..];
        loop {
            let chunk = match decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(chunk)) => chunk,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut input), Err(error), "a different error the second time");
                    return Some(error);
                }
            };
            assert_eq!(chunk.offset, offset);
            offset = if chunk.ends_frame() { 0 } else { offset + chunk.payload.len() as u64 };
            assert!(!chunk.payload.is_empty() || chunk.header.payload_len == 0, "an empty chunk");
            let header = chunk.header;
            if header.opcode.is_control() {
                assert!(chunk.ends_frame(), "half a control frame");
                taken.events.push(control(header.opcode, chunk.payload));
                if header.opcode == Opcode::Close {
                    return None;
                }
                continue;
            }
            let ends_message = header.fin && chunk.ends_frame();
            let (_, data) = taken.message.get_or_insert((header.opcode, Vec::new()));
            data.extend_from_slice(chunk.payload);
            if ends_message {
                taken.events.extend(taken.message.take().map(|(kind, data)| match kind {
                    Opcode::Text => Got::Text(String::from_utf8(data).unwrap()),
                    _ => Got::Binary(data),
                }));
            }
        }
        left = input.to_vec();
    }
    None
}

fn control(opcode: Opcode, payload: &[u8]) -> Got {
    match (opcode, payload) {
        (Opcode::Ping, _) => Got::Ping(payload.into()),
        (Opcode::Pong, _) => Got::Pong(payload.into()),
        (_, [high, low, reason @ ..]) => {
            let code = u16::from_be_bytes([*high, *low]);
            Got::Close(Some((code, String::from_utf8(reason.into()).unwrap())))
        }
        _ => Got::Close(None),
    }
}
