//! Compares the crate's two handshakes with the model.

use sansocket::handshake::client;
use sansocket::handshake::server::{Answer, Handshake, HttpRequest, Incoming};
use sansocket::{Config, HandshakeError, State};

use super::extensions::owned;
use super::paths::written;
use super::request::{Asked, Request, judge_request};
use super::response::{Answered, judge_response, refusal_body};
use super::wire::SameKey;

/// The nonce of section 1.3 and the `Sec-WebSocket-Accept` for it.
pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Checks that a server makes of these reads what the model does.
pub(crate) fn check_server(config: &Config, reads: &[&[u8]]) {
    let bytes = reads.concat();
    let asked = judge_request(&bytes, config);
    let mut handshake = Handshake::new(config.clone());
    let mut outcome = Ok(None);
    for read in reads {
        match &mut outcome {
            Ok(None) => {
                handshake.receive(read);
                outcome = handshake.next_request();
            }
            Ok(Some(exchange)) => exchange.receive(read),
            Err(_) => handshake.receive(read),
        }
        if let Err(error) = &outcome {
            assert_eq!(handshake.next_request().map(|_| ()).as_ref(), Err(error), "another error");
        }
    }
    let answer = written(handshake.output());
    match (asked, outcome) {
        (Asked::Nothing, Ok(None)) => assert_eq!(answer, b""),
        (Asked::Broken(rules), Err(error)) if rules.contains(&error) => {
            check_refusal(&answer, refusal_status(&error));
        }
        (Asked::Http(asked), Ok(Some(exchange))) => {
            let Incoming::Http(request) = exchange.incoming() else { panic!("{exchange:?}, not {asked:?}") };
            check_request(&asked, request);
            assert_eq!((answer.len(), exchange.unread()), (0, &bytes[asked.len..]));
            let response = request.respond(404);
            let Ok(Answer::Closed(mut output)) = exchange.respond(response) else { panic!("{asked:?}") };
            check_refusal(&written(&mut output), 404);
        }
        (Asked::Upgrade(asked), Ok(Some(exchange))) => {
            let Incoming::Upgrade(request) = exchange.incoming() else {
                panic!("{exchange:?}, not {asked:?}")
            };
            check_request(&asked, request);
            assert!(request.subprotocols().eq(asked.subprotocols.iter()));
            assert!(request.extensions().map(owned).eq(asked.extensions.iter().cloned()));
            assert_eq!((answer.len(), exchange.unread()), (0, &bytes[asked.len..]));
            let offered: Vec<_> = asked.subprotocols.iter().map(String::as_str).collect();
            let mut accepted = request.accept();
            if let Some(name) = offered.last() {
                accepted = accepted.subprotocol(*name);
            }
            let Ok(Answer::Open(mut connection)) = exchange.respond(accepted) else { panic!("{asked:?}") };
            assert_eq!(connection.unread(), &bytes[asked.len..]);
            assert_eq!(
                (connection.state(), connection.subprotocol()),
                (State::Open, offered.last().copied())
            );
            let answer = written(connection.output());
            let judged = judge_response(&answer, &Config::default(), &asked.accept, &offered);
            assert!(matches!(judged, Answered::Opened { len, .. } if len == answer.len()), "{judged:?}");
        }
        (asked, outcome) => panic!("{}: {outcome:?}, not {asked:?}", bytes.escape_ascii()),
    }
}

fn refusal_status(error: &HandshakeError) -> u16 {
    match error {
        HandshakeError::HeadTooLong | HandshakeError::TooManyHeaders => 431,
        HandshakeError::MethodNotGet => 405,
        HandshakeError::UnsupportedVersion => 426,
        _ => 400,
    }
}

/// Checks the status of a response and that its `Content-Length` is right.
fn check_refusal(answer: &[u8], expected: u16) {
    match judge_response(answer, &Config::default(), "", &[]) {
        Answered::Refused { status, body_len: Some(body_len), len, .. } => {
            assert_eq!((status, len as u64 + body_len), (expected, answer.len() as u64));
        }
        answered => panic!("{}: {answered:?}", answer.escape_ascii()),
    }
}

fn check_request(asked: &Request, request: &HttpRequest) {
    assert_eq!(request.method(), asked.method);
    assert_eq!((request.path(), request.query()), (&asked.path[..], asked.query.as_deref()));
    let headers = asked.headers.iter().map(|(name, value)| (&name[..], &value[..]));
    assert!(request.headers().iter().eq(headers), "{:?}, not {:?}", request.headers(), asked.headers);
}

/// Checks that a client makes of these reads what the model does.
pub(crate) fn check_client(config: &Config, offered: &[&str], reads: &[&[u8]]) {
    let bytes = reads.concat();
    let answered = judge_response(&bytes, config, ACCEPT, offered);
    let request = client::Request::new("ws://server.example.com/chat").unwrap();
    let request = offered.iter().fold(request, |request, name| request.subprotocol(*name));
    let mut handshake = client::Handshake::with_nonce(&request, config.clone(), NONCE, SameKey).unwrap();
    let sent = written(handshake.output());
    assert!(
        matches!(judge_request(&sent, &Config::default()), Asked::Upgrade(asked) if asked.len == sent.len())
    );
    let mut outcome = Ok(None);
    for read in reads {
        match &mut outcome {
            Ok(None) => {
                handshake.receive(read);
                outcome = handshake.next_response();
            }
            Ok(Some((connection, _))) => connection.receive(read),
            Err(_) => handshake.receive(read),
        }
        if let Err(error) = &outcome {
            assert_eq!(handshake.next_response().map(|_| ()).as_ref(), Err(error), "another error");
        }
    }
    match (answered, outcome) {
        (Answered::Nothing, Ok(None)) => {
            assert_eq!(handshake.end_of_stream(), HandshakeError::UnexpectedEof);
        }
        (Answered::Broken(rules), Err(error)) if rules.contains(&error) => {}
        (Answered::Refused { status, headers, body_len, len }, outcome) => {
            // A body is kept up to the length of a head.
            let (body, is_complete) = refusal_body(&headers, body_len, &bytes[len..], config.max_head_len);
            assert_eq!(outcome.is_err(), is_complete, "waits for the body: {body_len:?}");
            let HandshakeError::Refused(refusal) = handshake.end_of_stream() else { panic!("not refused") };
            assert_eq!((refusal.status, &refusal.body[..]), (status, &body[..]));
            let lossy =
                headers.iter().map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into()));
            assert_eq!(refusal.headers, lossy.collect::<Vec<(String, String)>>());
        }
        (Answered::Opened { headers, len }, Ok(Some((connection, response)))) => {
            assert!(
                response.headers().iter().eq(headers.iter().map(|(name, value)| (&name[..], &value[..])))
            );
            assert_eq!(connection.unread(), &bytes[len..]);
            assert_eq!((connection.state(), connection.buffered_amount()), (State::Open, 0));
        }
        (answered, outcome) => panic!("{}: {outcome:?}, not {answered:?}", bytes.escape_ascii()),
    }
}
