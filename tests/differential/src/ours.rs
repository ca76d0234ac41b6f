//! This crate.

use sansocket::handshake::{client, server};
use sansocket::{Config, Connection, Error, Event, Limits, ProtocolError, Role, State};

use crate::outcome::{End, Fault, Received};
use crate::stream::Stream;

/// What was received, how the connection ended, and the rule that the peer broke.
pub fn receive(role: Role, limit: usize, mut stream: Stream) -> (Vec<Received>, End, Option<ProtocolError>) {
    let limits = Limits::default().max_frame_len(limit as u64).max_message_len(limit as u64);
    let config = Config::default().limits(limits);
    let mut connection = match role {
        Role::Client => Connection::client(config),
        Role::Server => Connection::server(config),
    };
    let (mut received, mut fault) = (Vec::new(), None);
    while fault.is_none() && connection.state() != State::Closed {
        match connection.next_event() {
            Ok(Some(Event::Text(text))) => received.push(Received::Text(text.into())),
            Ok(Some(Event::Binary(data))) => received.push(Received::Binary(data.into())),
            Ok(Some(Event::Ping(payload))) => received.push(Received::Ping(payload.into())),
            Ok(Some(Event::Pong(payload))) => received.push(Received::Pong(payload.into())),
            Ok(Some(_)) => {}
            Ok(None) => {
                if connection.read_from(&mut stream).expect("the stream has no errors") == 0 {
                    fault = connection.end_of_stream().err();
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
    let mut handshake = server::Handshake::new(Config::default());
    let exchange = loop {
        match handshake.next_request() {
            Ok(Some(exchange)) => break exchange,
            Ok(None) if handshake.read_from(&mut stream).expect("the stream has no errors") > 0 => {}
            Ok(None) | Err(_) => {
                return handshake.output().write_all_to(&mut stream).expect("the stream takes everything");
            }
        }
    };
    let response = match exchange.incoming() {
        server::Incoming::Upgrade(request) => request.accept(),
        other => other.http().upgrade_required(),
    };
    let written = match exchange.respond(response).expect("an answer") {
        server::Answer::Open(mut connection) => connection.output().write_all_to(&mut stream),
        server::Answer::Closed(mut output) => output.write_all_to(&mut stream),
    };
    written.expect("the stream takes everything");
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
    loop {
        if let Some((connection, _)) = handshake.next_response()? {
            return Ok(connection);
        }
        if handshake.read_from(&mut stream)? == 0 {
            return Err(handshake.end_of_stream().into());
        }
    }
}
