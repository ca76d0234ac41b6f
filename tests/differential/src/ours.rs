//! This crate.

use sansocket::handshake::{client, server};
use sansocket::{Buffer, Config, Connection, Error, Event, Limits, ProtocolError, Role, State};

use crate::outcome::{End, Fault, Received};
use crate::stream::Stream;

/// What was received, how it ended, and the rule that was broken, if one was.
pub fn receive(role: Role, limit: usize, mut stream: Stream) -> (Vec<Received>, End, Option<ProtocolError>) {
    let limits = Limits { max_frame_len: limit as u64, max_message_len: limit as u64, ..Limits::default() };
    let mut connection = Connection::new(role, Config { limits, ..Config::default() });
    let mut input = Buffer::new();
    let (mut received, mut fault) = (Vec::new(), None);
    while fault.is_none() && connection.state() != State::Closed {
        match connection.next_event(&mut input) {
            Ok(Some(Event::Text(text))) => received.push(Received::Text(text.into())),
            Ok(Some(Event::Binary(data))) => received.push(Received::Binary(data.into())),
            Ok(Some(Event::Ping(payload))) => received.push(Received::Ping(payload.into())),
            Ok(Some(Event::Pong(payload))) => received.push(Received::Pong(payload.into())),
            Ok(Some(_)) => {}
            Ok(None) => {
                if input.read_from(&mut stream).expect("the stream has no errors") == 0 {
                    fault = connection.receive_eof().err();
                }
            }
            Err(error) => fault = Some(error),
        }
        connection.output().write_all_to(&mut stream).expect("the stream takes everything");
    }
    let info = connection.close_info().expect("it has ended");
    let end = match fault {
        None if info.code == sansocket::CloseCode::NO_STATUS => End::Closed(None),
        None => End::Closed(Some((info.code.into(), info.reason.into()))),
        Some(ProtocolError::ConnectionLost) => End::Lost,
        Some(error) => End::Failed(match error.close_code().into() {
            1007 => Fault::InvalidUtf8,
            1009 => Fault::TooBig,
            _ => Fault::Protocol,
        }),
    };
    (received, end, fault.filter(|fault| *fault != ProtocolError::ConnectionLost))
}

pub fn accept(mut stream: Stream) {
    let mut input = Buffer::new();
    let mut handshake = server::Handshake::new(Config::default());
    let mut connection = None;
    loop {
        match handshake.receive(&mut input) {
            Ok(Some(server::Incoming::Upgrade(request))) => {
                connection = handshake.respond(request.accept()).expect("an answer");
                break;
            }
            Ok(Some(server::Incoming::Http(page))) => {
                handshake.respond(page.upgrade_required()).expect("an answer");
                break;
            }
            Ok(None) if input.read_from(&mut stream).expect("the stream has no errors") > 0 => {}
            Ok(None) | Err(_) => break,
        }
    }
    handshake.output().write_all_to(&mut stream).expect("the stream takes everything");
    if let Some(connection) = &mut connection {
        connection.output().write_all_to(&mut stream).expect("the stream takes everything");
    }
}

pub fn connect(offers: bool, stream: Stream) -> bool {
    open(offers, stream).is_ok()
}

fn open(offers: bool, mut stream: Stream) -> Result<Connection, Error> {
    let mut request = client::Request::new("ws://example.com/")?;
    if offers {
        request = request.subprotocol("chat");
    }
    let mut handshake = client::Handshake::new(&request, Config::default())?;
    handshake.output().write_all_to(&mut stream)?;
    let mut input = Buffer::new();
    loop {
        if let Some((connection, _)) = handshake.receive(&mut input)? {
            return Ok(connection);
        }
        if input.read_from(&mut stream)? == 0 {
            return Err(handshake.receive_eof().into());
        }
    }
}
