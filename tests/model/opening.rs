//! The crate's two handshakes, held against the model.

use sansocket::handshake::client;
use sansocket::handshake::server::{Handshake, HttpRequest, Incoming};
use sansocket::{Buffer, Config, HandshakeError, State};

use super::extensions::owned;
use super::paths::written;
use super::request::{Asked, Request, judge_request};
use super::response::{Answered, judge_response};
use super::wire::SameKey;

/// The nonce of section 1.3, and the answer to it.
pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What these reads come to at a server is what the model says.
pub(crate) fn check_server(config: &Config, reads: &[&[u8]]) {
    let bytes = reads.concat();
    let asked = judge_request(&bytes, config);
    let (mut handshake, mut input) = (Handshake::new(config.clone()), Buffer::new());
    let mut outcome = Ok(None);
    for read in reads {
        input.extend_from_slice(read);
        if outcome == Ok(None) {
            outcome = handshake.receive(&mut input);
        }
        if let Err(error) = &outcome {
            assert_eq!(handshake.receive(&mut input).as_ref(), Err(error), "not the same error again");
        }
    }
    let answer = written(handshake.output());
    match (asked, outcome) {
        (Asked::Nothing, Ok(None)) => assert_eq!(answer, b""),
        (Asked::Broken(rules), Err(error)) if rules.contains(&error) => {
            check_refusal(&answer, refusal_status(&error));
        }
        (Asked::Http(asked), Ok(Some(Incoming::Http(request)))) => {
            check_request(&asked, &request);
            assert_eq!((answer.len(), input.unread()), (0, &bytes[asked.len..]));
            assert!(handshake.respond(request.respond(404)).unwrap().is_none());
            check_refusal(&written(handshake.output()), 404);
        }
        (Asked::Upgrade(asked), Ok(Some(Incoming::Upgrade(request)))) => {
            check_request(&asked, &request);
            assert!(request.subprotocols().eq(asked.subprotocols.iter()));
            assert!(request.extensions().map(owned).eq(asked.extensions.iter().cloned()));
            assert_eq!((answer.len(), input.unread()), (0, &bytes[asked.len..]));
            let offered: Vec<_> = asked.subprotocols.iter().map(String::as_str).collect();
            let mut accepted = request.accept();
            if let Some(name) = offered.last() {
                accepted = accepted.subprotocol(*name);
            }
            let mut connection = handshake.respond(accepted).unwrap().unwrap();
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

/// An answer with that status, of the length that it says.
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

/// What these reads come to at a client is what the model says.
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
    let (mut input, mut outcome) = (Buffer::new(), Ok(None));
    for read in reads {
        input.extend_from_slice(read);
        if let Ok(None) = outcome {
            outcome = handshake.receive(&mut input);
        }
        if let Err(error) = &outcome {
            assert_eq!(
                handshake.receive(&mut input).map(|_| ()).as_ref(),
                Err(error),
                "not the same error again"
            );
        }
    }
    match (answered, outcome) {
        (Answered::Nothing, Ok(None)) => {
            assert_eq!(handshake.receive_eof(), HandshakeError::UnexpectedEof);
        }
        (Answered::Broken(rules), Err(error)) if rules.contains(&error) => {}
        (Answered::Refused { status, headers, body_len, len }, outcome) => {
            // A body is kept up to the length of a head.
            let wanted = body_len.map_or(config.max_head_len, |len| {
                usize::try_from(len).unwrap_or(usize::MAX).min(config.max_head_len)
            });
            let body = &bytes[len..bytes.len().min(len.saturating_add(wanted))];
            assert_eq!(outcome.is_err(), body.len() == wanted, "waits for the body: {body_len:?}");
            let HandshakeError::Refused(refusal) = handshake.receive_eof() else { panic!("not refused") };
            assert_eq!((refusal.status, &refusal.body[..]), (status, body));
            let lossy =
                headers.iter().map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into()));
            assert_eq!(refusal.headers, lossy.collect::<Vec<(String, String)>>());
        }
        (Answered::Opened { headers, len }, Ok(Some((connection, response)))) => {
            assert!(
                response.headers().iter().eq(headers.iter().map(|(name, value)| (&name[..], &value[..])))
            );
            assert_eq!(input.unread(), &bytes[len..]);
            assert_eq!((connection.state(), connection.buffered_amount()), (State::Open, 0));
        }
        (answered, outcome) => panic!("{}: {outcome:?}, not {answered:?}", bytes.escape_ascii()),
    }
}
