//! Any bytes, in any splits, into a connection of either role: what comes out depends on the bytes alone.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sansocket::frame::{Decoder, MaskKey, MaskKeys, Opcode};
use sansocket::{Buffer, CloseCode, Config, Connection, Event, Limits, Piece, ProtocolError, Role, State};

#[derive(Debug, Arbitrary)]
struct Case<'a> {
    server: bool,
    tight_limits: bool,
    echo: bool,
    /// The application closes after so many events.
    close_after: Option<u8>,
    /// The lengths of the reads, over and over.
    splits: Vec<u8>,
    bytes: &'a [u8],
}

/// All that a connection said: the events as owned data, and how it ended.
#[derive(Debug, Default, PartialEq)]
struct Told {
    events: Vec<(Opcode, Vec<u8>)>,
    fault: Option<ProtocolError>,
}

// req: 6455-10.1-a, 6455-10.7-a
fuzz_target!(|case: Case<'_>| {
    let at_once = run(&case, &[case.bytes]);
    let in_parts = run(&case, &parts(&case));
    assert_eq!(in_parts, at_once);
    assert_eq!(run_by_piece(&case), data_only(&at_once), "pieces make the same messages");
    assert_eq!(run_decoder(&case), at_once, "the frame decoder knows the same rules");
});

impl Case<'_> {
    fn role(&self) -> Role {
        if self.server { Role::Server } else { Role::Client }
    }

    fn limits(&self) -> Limits {
        if self.tight_limits {
            Limits { max_frame_len: 40, max_message_len: 60, max_fragments: 3 }
        } else {
            Limits::default()
        }
    }

    fn connection(&self) -> Connection {
        let config = Config { limits: self.limits(), ..Config::default() };
        match self.role() {
            Role::Server => Connection::server(config),
            Role::Client => Connection::client(config, Counter(0)),
        }
    }
}

/// Mask keys that are the same in every run.
struct Counter(u32);

impl MaskKeys for Counter {
    fn next_key(&mut self) -> MaskKey {
        self.0 = self.0.wrapping_add(0x9E37_79B9);
        MaskKey(self.0.to_le_bytes())
    }
}

fn parts<'a>(case: &Case<'a>) -> Vec<&'a [u8]> {
    let mut rest = case.bytes;
    let mut parts = Vec::new();
    let mut lengths = case.splits.iter().map(|&len| usize::from(len.max(1))).cycle();
    while !rest.is_empty() {
        let len = lengths.next().unwrap_or(1).min(rest.len());
        let (part, after) = rest.split_at(len);
        parts.push(part);
        rest = after;
    }
    parts
}

/// Events, with the output written out after every read.
fn run(case: &Case<'_>, reads: &[&[u8]]) -> Told {
    let mut connection = case.connection();
    let mut input = Buffer::new();
    let mut told = Told::default();
    let mut output = Vec::new();
    for read in reads {
        input.extend_from_slice(read);
        take_events(case, &mut connection, &mut input, &mut told);
        drain(&mut connection, &mut output);
    }
    if connection.state() == State::Closed {
        input.extend_from_slice(case.bytes);
        let fault = connection.next_event(&mut input).map(|event| assert_eq!(event, None)).err();
        assert_eq!(fault, told.fault, "nothing after the end");
        assert!(input.is_idle(), "what comes after the end is discarded");
        assert_eq!(connection.receive_eof().err(), told.fault);
    } else {
        assert_eq!(connection.receive_eof(), Err(ProtocolError::ConnectionLost));
    }
    drain(&mut connection, &mut output);
    check_output(case.role(), &mut output);
    told
}

fn take_events(case: &Case<'_>, connection: &mut Connection, input: &mut Buffer, told: &mut Told) {
    loop {
        let event = match connection.next_event(input) {
            Ok(None) => return,
            Err(fault) => {
                assert!(told.fault.is_none_or(|earlier| earlier == fault), "an error is final");
                told.fault = Some(fault);
                return;
            }
            Ok(Some(event)) => event,
        };
        assert_eq!(told.fault, None, "no event after an error");
        // What cannot be sent, after a Close frame say, is refused and leaves no trace in the output.
        match event {
            Event::Text(text) if case.echo => _ = connection.send_text(text),
            Event::Binary(data) if case.echo => _ = connection.send_binary(data),
            _ => {}
        }
        told.events.push(owned(event));
        if case.close_after.map(usize::from) == Some(told.events.len()) {
            let _ = connection.close(CloseCode::NORMAL, "enough");
        }
    }
}

fn owned(event: Event<'_>) -> (Opcode, Vec<u8>) {
    match event {
        Event::Text(text) => {
            assert!(std::str::from_utf8(text.as_bytes()).is_ok());
            (Opcode::Text, text.into())
        }
        Event::Binary(data) => (Opcode::Binary, data.into()),
        Event::Ping(payload) => (Opcode::Ping, payload.into()),
        Event::Pong(payload) => (Opcode::Pong, payload.into()),
        Event::Close(None) => (Opcode::Close, Vec::new()),
        Event::Close(Some(frame)) => {
            let mut payload = frame.code.0.to_be_bytes().to_vec();
            payload.extend_from_slice(frame.reason.as_bytes());
            (Opcode::Close, payload)
        }
        other => unreachable!("an event of a kind that is new: {other:?}"),
    }
}

fn drain(connection: &mut Connection, to: &mut Vec<u8>) {
    while !connection.output().is_empty() {
        let before = to.len();
        connection.output().chunks().for_each(|chunk| to.extend_from_slice(chunk));
        connection.output().advance(to.len() - before);
    }
}

/// The other end finds whole frames, no fault in any, and nothing behind a Close frame.
fn check_output(role: Role, output: &mut [u8]) {
    let peer = if role == Role::Server { Role::Client } else { Role::Server };
    let mut decoder = Decoder::new(peer, Limits::default());
    let mut rest = output;
    let (mut whole, mut closed) = (true, false);
    while let Some(chunk) = decoder.decode(&mut rest).expect("a frame that the peer accepts") {
        assert!(!closed || chunk.header.opcode == Opcode::Pong, "only Pongs come after the Close frame");
        whole = chunk.ends_frame();
        closed |= whole && chunk.header.opcode == Opcode::Close;
    }
    assert!(whole && rest.is_empty(), "half a frame");
}

/// The data messages of `next_piece`, put together.
fn run_by_piece(case: &Case<'_>) -> Told {
    let mut connection = case.connection();
    let mut input = Buffer::new();
    let mut told = Told::default();
    let mut message = Vec::new();
    for read in parts(case) {
        input.extend_from_slice(read);
        loop {
            let (kind, part, fin) = match connection.next_piece(&mut input) {
                Ok(None) => break,
                Err(fault) => {
                    told.fault = Some(fault);
                    break;
                }
                Ok(Some(Piece::Text(text, fin))) => (Opcode::Text, text.as_bytes(), fin),
                Ok(Some(Piece::Binary(data, fin))) => (Opcode::Binary, data, fin),
            };
            assert_eq!(told.fault, None, "no piece after an error");
            message.extend_from_slice(part);
            if fin == sansocket::Fin::Final {
                told.events.push((kind, std::mem::take(&mut message)));
            }
        }
    }
    told
}

fn data_only(told: &Told) -> Told {
    let is_data = |(kind, _): &&(Opcode, Vec<u8>)| !kind.is_control();
    Told { events: told.events.iter().filter(is_data).cloned().collect(), fault: told.fault }
}

/// The same events, from [`Decoder`]: assembled here, up to the Close frame.
fn run_decoder(case: &Case<'_>) -> Told {
    let mut decoder = Decoder::new(case.role(), case.limits());
    let mut bytes = case.bytes.to_vec();
    let mut input = &mut bytes[..];
    let mut told = Told::default();
    let mut message = (Opcode::Text, Vec::new());
    let mut control = Vec::new();
    loop {
        let chunk = match decoder.decode(&mut input) {
            Ok(None) => return told,
            Err(fault) => {
                told.fault = Some(fault);
                return told;
            }
            Ok(Some(chunk)) => chunk,
        };
        let (opcode, ends_frame) = (chunk.header.opcode, chunk.ends_frame());
        if opcode.is_control() {
            control.extend_from_slice(chunk.payload);
            told.events.push((opcode, std::mem::take(&mut control)));
            if opcode == Opcode::Close {
                return told;
            }
            continue;
        }
        if opcode != Opcode::Continuation {
            message.0 = opcode;
        }
        message.1.extend_from_slice(chunk.payload);
        if ends_frame && chunk.header.fin {
            told.events.push((message.0, std::mem::take(&mut message.1)));
        }
    }
}
