//! The client over a simulated radio. A `Connection` of this crate is the server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an unexpected value ends the test"
)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use firmware::{Radio, config, run};
use sansocket::handshake::server::{Answer, Handshake, Incoming, Request, Response};
use sansocket::{
    CloseCode, CloseInfo, Config, Connection, Error, Event, HandshakeError, Message, Output, ProtocolError,
    State,
};

const URL: &str = "ws://base.example/echo";

#[test]
fn echoes_until_the_server_closes() {
    let texts = ["short", "", "grüße, 世界", &"x".repeat(4096)].map(Message::from);
    let mut air = Air::new(Request::accept);
    air.base.to_echo = [&texts[..], &[Message::from(vec![0, 255])], &texts[..]].concat();
    let expected = air.base.to_echo.clone();

    run(&mut air, URL, config(), || false).unwrap();
    assert_eq!(air.base.echoes, expected);
    assert!(air.is_shut_down);
    assert!(air.base.end().was_clean);
}

#[test]
fn stop_closes_the_connection_with_a_reason() {
    let mut air = Air::new(Request::accept);
    let turns = Cell::new(0);
    run(&mut air, URL, config(), || turns.replace(turns.get() + 1) > 1000).unwrap();
    let end = air.base.end();
    assert_eq!((end.code, &*end.reason, end.was_clean), (CloseCode::GOING_AWAY, "switched off", true));
    assert!(air.base.pings > 0, "no Ping in {} ms of silence", air.now_ms);
    assert!(air.is_shut_down);
}

#[test]
fn fault_of_the_server_is_reported_to_it() {
    let mut air = Air::new(Request::accept);
    air.base.to_echo = vec![Message::from("x".repeat(4097))];
    let error = run(&mut air, URL, config(), || false).unwrap_err();
    assert!(matches!(
        error,
        Error::Protocol(ProtocolError::MessageTooLong { .. } | ProtocolError::FrameTooLong { .. })
    ));
    assert_eq!(air.base.end().code, CloseCode::TOO_BIG);
    assert!(air.is_shut_down);
}

#[test]
fn silence_is_noticed_at_every_stage() {
    for (silent_from_ms, expected_ms) in [(0, 10_000), (12_000, 12_000 + 60_000)] {
        let mut air = Air::new(Request::accept);
        air.silent_from_ms = silent_from_ms;
        let error = run(&mut air, URL, config(), || false).unwrap_err();
        match error {
            Error::Handshake(HandshakeError::TimedOut) => assert_eq!(silent_from_ms, 0),
            Error::Protocol(ProtocolError::ConnectionLost) => assert_ne!(silent_from_ms, 0),
            other => panic!("{other}"),
        }
        assert!(air.now_ms <= expected_ms + 1000, "{} ms", air.now_ms);
    }
    let mut air = Air::new(Request::accept);
    air.silent_from_ms = 5000;
    let turns = Cell::new(0);
    let error = run(&mut air, URL, config(), || turns.replace(turns.get() + 1) > 100).unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)));
    assert!(air.now_ms <= 17_000, "{} ms", air.now_ms);
}

#[test]
fn everything_before_the_end_of_the_stream_counts() {
    let mut air = Air::new(Request::accept);
    air.base.to_echo = vec![Message::from("news"); 5];
    air.base.waits_for_echoes = false;
    air.ends_at_ms = 30; // the messages and the Close frame are on their way
    run(&mut air, URL, config(), || false).unwrap();
}

#[test]
fn refusal_and_end_of_the_stream_are_errors() {
    let mut air = Air::new(|request| request.reject(403).body("not you"));
    match run(&mut air, URL, config(), || false).unwrap_err() {
        Error::Handshake(HandshakeError::Refused(refusal)) => {
            assert_eq!((refusal.status, &refusal.body[..]), (403, &b"not you"[..]));
        }
        other => panic!("{other}"),
    }
    let mut air = Air::new(Request::accept);
    air.ends_at_ms = 5000;
    let error = run(&mut air, URL, config(), || false).unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)));
    assert!(air.now_ms <= 6000);
}

/// The radio: slow, and in small parts. A read that finds nothing takes 100 ms, everything else 1 ms.
struct Air {
    base: Base,
    to_client: VecDeque<u8>,
    now_ms: u64,
    is_shut_down: bool,
    /// From then on nothing arrives at either end.
    silent_from_ms: u64,
    /// Then the stream ends.
    ends_at_ms: u64,
}

impl Air {
    fn new(decide: fn(&Request) -> Response) -> Self {
        Self {
            base: Base::new(decide),
            to_client: VecDeque::new(),
            now_ms: 0,
            is_shut_down: false,
            silent_from_ms: u64::MAX,
            ends_at_ms: u64::MAX,
        }
    }

    fn is_silent(&self) -> bool {
        self.now_ms >= self.silent_from_ms
    }
}

impl Radio for Air {
    fn read(&mut self, to: &mut [u8; 64]) -> usize {
        self.now_ms += 1;
        self.base.turn(self.now_ms, &mut self.to_client);
        if self.is_silent() {
            self.to_client.clear();
        }
        let n = self.to_client.len().min(to.len());
        to.iter_mut().zip(self.to_client.drain(..n)).for_each(|(to, byte)| *to = byte);
        if n == 0 {
            self.now_ms += 99;
        }
        n
    }

    fn has_ended(&self) -> bool {
        let ended = self.base.has_ended || self.now_ms >= self.ends_at_ms;
        ended && self.to_client.is_empty() && !self.is_silent()
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        assert!(!self.is_shut_down);
        self.now_ms += 1;
        if self.now_ms % 3 == 0 {
            return 0; // no room
        }
        let n = bytes.len().min(20);
        if !self.is_silent() {
            self.base.receive(&bytes[..n]);
        }
        n
    }

    fn shut_down(&mut self) {
        self.is_shut_down = true;
    }

    fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn random(&mut self) -> [u8; 32] {
        [7; 32]
    }
}

/// The server. It sends its messages, and closes when it has the echoes, if it waits for them.
struct Base {
    decide: fn(&Request) -> Response,
    handshake: Option<Handshake>,
    connection: Option<Connection>,
    to_echo: Vec<Message>,
    echoes: Vec<Message>,
    waits_for_echoes: bool,
    pings: usize,
    has_ended: bool,
}

impl Base {
    fn new(decide: fn(&Request) -> Response) -> Self {
        Self {
            decide,
            handshake: Some(Handshake::new(Config::default())),
            connection: None,
            to_echo: vec![],
            echoes: vec![],
            waits_for_echoes: true,
            pings: 0,
            has_ended: false,
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        match (&mut self.handshake, &mut self.connection) {
            (Some(handshake), _) => handshake.receive(bytes),
            (None, Some(connection)) => connection.receive(bytes),
            (None, None) => {}
        }
    }

    fn turn(&mut self, now_ms: u64, to_client: &mut VecDeque<u8>) {
        if let Some(mut handshake) = self.handshake.take() {
            match handshake.next_request().unwrap() {
                None => self.handshake = Some(handshake),
                Some(exchange) => {
                    let Incoming::Upgrade(request) = exchange.incoming() else { panic!("no handshake") };
                    let response = (self.decide)(request);
                    match exchange.respond(response).unwrap() {
                        Answer::Open(mut connection) => {
                            self.to_echo.iter().for_each(|message| connection.send(message).unwrap());
                            self.connection = Some(connection);
                        }
                        Answer::Closed(mut output) => {
                            send(&mut output, to_client);
                            self.has_ended = true;
                        }
                    }
                }
            }
        }
        let Some(connection) = &mut self.connection else { return };
        while let Some(event) = connection.next_event().unwrap() {
            match event {
                Event::Ping(_) => self.pings += 1,
                event => self.echoes.extend(Message::try_from(event)),
            }
        }
        connection.handle_timeout(Duration::from_millis(now_ms));
        let has_echoes = !self.waits_for_echoes || self.echoes.len() == self.to_echo.len();
        if connection.state() == State::Open && !self.to_echo.is_empty() && has_echoes {
            connection.close(CloseCode::NORMAL, "").unwrap();
        }
        send(connection.output(), to_client);
        self.has_ended = connection.state() == State::Closed;
    }

    fn end(&self) -> CloseInfo {
        self.connection.as_ref().unwrap().close_info().unwrap()
    }
}

fn send(output: &mut Output, to_client: &mut VecDeque<u8>) {
    output.chunks().for_each(|bytes| to_client.extend(bytes));
    output.advance(output.len());
}
