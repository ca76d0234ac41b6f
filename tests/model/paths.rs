//! Every way to take what arrives from the crate, held against the model.

use sansocket::frame::{Decoder, Opcode};
use sansocket::{
    Buffer, Config, Connection, Fin, Limits, Message, Output, Piece, ProtocolError, Role, State,
};

use super::answers::{answers, check_sent};
use super::event::Got;
use super::receiver::{Verdict, judge};
use super::wire::SameKey;

pub(crate) fn connection(role: Role, config: &Config) -> Connection {
    match role {
        Role::Client => Connection::client(config.clone(), SameKey),
        Role::Server => Connection::server(config.clone()),
    }
}

/// Takes everything out of an output.
pub(crate) fn written(output: &mut Output) -> Vec<u8> {
    let bytes = output.chunks().collect::<Vec<_>>().concat();
    assert_eq!(bytes.len(), output.len());
    output.advance(bytes.len());
    assert!(output.is_empty());
    bytes
}

/// Gives a buffer what each read brought, one after the other read to where it says and copied in, and asks each time.
pub(crate) fn arrive(reads: &[&[u8]], input: &mut Buffer, mut ask: impl FnMut(&mut Buffer)) {
    for (i, read) in reads.iter().enumerate() {
        let mut rest = *read;
        while !rest.is_empty() {
            if i % 2 == 0 {
                rest = take_in(input, rest);
            } else {
                input.extend_from_slice(core::mem::take(&mut rest));
            }
            ask(input);
        }
    }
}

/// One read of as much as the buffer has room for; gives what is left.
pub(crate) fn take_in<'a>(input: &mut Buffer, bytes: &'a [u8]) -> &'a [u8] {
    let spare = input.spare();
    let (now, later) = bytes.split_at(spare.len().min(bytes.len()));
    spare[..now.len()].copy_from_slice(now);
    input.commit(now.len());
    assert!(!now.is_empty(), "no room");
    later
}

/// What these reads come to at that end is what the model says, whichever way it is taken.
pub(crate) fn check_connection(role: Role, limits: Limits, reads: &[&[u8]]) -> Option<ProtocolError> {
    let verdict = judge(role, &limits, &reads.concat());
    let config = Config { limits, ..Config::default() };
    let end = || connection(role, &config);
    let errors = [
        by_event(end(), reads, &verdict),
        by_found(end(), reads, &verdict),
        by_message(end(), reads, &verdict),
        by_piece(end(), reads, &verdict),
    ];
    assert!(errors.iter().all(|error| *error == errors[0]), "not the same error by every way: {errors:?}");
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

fn check_error(verdict: &Verdict, error: Option<ProtocolError>) {
    assert!(verdict.allows(error), "{error:?}, not {verdict:?}");
}

/// One event after the other, every answer written at once.
fn by_event(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let (mut input, mut events, mut output) = (Buffer::new(), Vec::new(), Vec::new());
    let mut error = None;
    arrive(reads, &mut input, |input| {
        loop {
            match end.next_event(input) {
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
    assert_eq!(output, answers(end.role(), &events, error), "what goes out by itself");
    check_end(end, input, verdict, error);
    error
}

/// The halves of `next_event`, each event borrowed twice, and nothing written before the end.
fn by_found(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let (mut input, mut events) = (Buffer::new(), Vec::new());
    let mut next = |input: &mut Buffer| {
        let Some(found) = end.advance(input)? else { return Ok(None) };
        let event = Got::from(end.lend(input, found)?);
        assert_eq!(end.lend(input, found).map(Got::from), Ok(event.clone()), "lent once more");
        Ok(Some(event))
    };
    let mut error = None;
    arrive(reads, &mut input, |input| {
        loop {
            match next(input) {
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
    check_end(end, input, verdict, error);
    error
}

fn by_message(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let (mut input, mut messages) = (Buffer::new(), Vec::new());
    let mut error = None;
    arrive(reads, &mut input, |input| {
        loop {
            match end.next_message(input) {
                Ok(None) => break,
                Ok(Some(Message::Text(text))) => messages.push(Got::Text(text.to_string())),
                Ok(Some(Message::Binary(data))) => messages.push(Got::Binary(data.to_vec())),
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            }
        }
    });
    assert_eq!(messages, verdict.messages());
    check_error(verdict, error);
    check_end(end, input, verdict, error);
    error
}

fn by_piece(mut end: Connection, reads: &[&[u8]], verdict: &Verdict) -> Option<ProtocolError> {
    let (mut input, mut messages, mut data) = (Buffer::new(), Vec::new(), Vec::new());
    let mut error = None;
    arrive(reads, &mut input, |input| {
        loop {
            let (part, is_text, fin) = match end.next_piece(input) {
                Ok(None) => break,
                Ok(Some(Piece::Text(text, fin))) => (text.as_bytes(), true, fin),
                Ok(Some(Piece::Binary(part, fin))) => (part, false, fin),
                Err(fault) => {
                    error = Some(fault);
                    break;
                }
            };
            assert!(fin == Fin::Final || !part.is_empty(), "an empty piece that ends nothing");
            data.extend_from_slice(part);
            match (fin, is_text) {
                (Fin::More, _) => {}
                (Fin::Final, true) => {
                    messages.push(Got::Text(String::from_utf8(core::mem::take(&mut data)).unwrap()));
                }
                (Fin::Final, false) => messages.push(Got::Binary(core::mem::take(&mut data))),
            }
        }
    });
    assert_eq!(messages, verdict.messages());
    check_error(verdict, error);
    check_unfinished(&data, verdict, error);
    check_end(end, input, verdict, error);
    error
}

/// Of a message under way all bytes have been given out, of a text all whole characters. Where it is at fault, it depends
/// on the reads how many.
fn check_unfinished(data: &[u8], verdict: &Verdict, error: Option<ProtocolError>) {
    let (is_text, arrived) = verdict.unfinished.clone().unwrap_or_default();
    assert!(arrived.starts_with(data), "pieces of what was not sent");
    if error.is_none() {
        let whole = match core::str::from_utf8(&arrived) {
            Err(error) if is_text => error.valid_up_to(),
            _ => arrived.len(),
        };
        assert_eq!(data, &arrived[..whole], "pieces are missing");
    }
}

/// After the end nothing comes any more; before it, the end of the stream is an error.
fn check_end(mut end: Connection, mut input: Buffer, verdict: &Verdict, error: Option<ProtocolError>) {
    if error.is_none() && !verdict.is_closed() {
        assert_eq!(end.state(), State::Open);
        assert_eq!(end.close_info(), None);
        assert_eq!(end.receive_eof(), Err(ProtocolError::ConnectionLost));
        return;
    }
    assert_eq!(end.state(), State::Closed);
    input.extend_from_slice(b"\x81\x01a\x81\x81\0\0\0\0a");
    assert_eq!(end.next_event(&mut input).map(|event| event.is_none()), error.map_or(Ok(true), Err));
    assert!(input.is_idle(), "what comes after the end is discarded");
    assert_eq!(end.receive_eof(), error.map_or(Ok(()), Err));
    let info = end.close_info().unwrap();
    assert_eq!((info.was_clean, info.fault), (error.is_none(), error));
    if let (None, Some(Got::Close(close))) = (error, verdict.events.last()) {
        let (code, reason) = close.clone().unwrap_or((1005, String::new()));
        assert_eq!((info.code.0, &*info.reason), (code, &*reason));
    }
}

/// What the chunks of a decoder come to.
#[derive(Default)]
struct Assembly {
    events: Vec<Got>,
    message: Option<(Opcode, Vec<u8>)>,
}

/// All that the decoder gives out, up to a Close frame. Each chunk is unmasked and begins where the one before ended.
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
                    assert_eq!(decoder.decode(&mut input), Err(error), "not the same error again");
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
