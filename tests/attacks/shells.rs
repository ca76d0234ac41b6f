//! The opening handshake over blocking streams that fail. `tests/asynchronous/opening.rs` has the same for async streams,
//! `tests/scripted.rs` for open connections.

use std::io::ErrorKind;

use sansocket::blocking::{self, WithoutTimeouts};
use sansocket::handshake::client::Request;
use sansocket::{Config, Error, HandshakeError};

use crate::script::{REQUEST, RESPONSE, Script, Shared, Step, expected, session};

/// Accepts over the script and echoes. Gives the bytes written, and the result.
fn accept(script: Script) -> (Vec<u8>, Result<(), Error>) {
    let shared = Shared::new(script);
    let result = blocking::accept(WithoutTimeouts(shared.clone())).and_then(|mut socket| {
        while let Some(message) = socket.read()? {
            socket.feed(&message)?;
        }
        Ok(())
    });
    (shared.written(), result)
}

/// The same for a client.
fn connect(script: Script) -> (Vec<u8>, Result<(), Error>) {
    let shared = Shared::new(script);
    let request = Request::new("ws://user:secret@example.com/").unwrap();
    let result = blocking::connect_over(WithoutTimeouts(shared.clone()), &request, Config::default());
    (shared.written(), result.map(drop))
}

fn is_request(written: &[u8]) -> bool {
    written.starts_with(b"GET / HTTP/1.1\r\n") && written.ends_with(b"\r\n\r\n")
}

// attack: io-1
#[test]
fn interrupted_before_each_byte_changes_nothing() {
    let steps = [Step::Error(ErrorKind::Interrupted), Step::Bytes(1)];
    let (written, result) = accept(Script {
        reads: steps.repeat(500).into(),
        writes: steps.repeat(500).into(),
        ..Script::new(&session())
    });
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(written, expected());
}

// attack: io-1
#[test]
fn read_error_at_any_byte_of_a_head_is_returned() {
    for kind in [ErrorKind::ConnectionReset, ErrorKind::Other] {
        let reads = |at| [vec![Step::Bytes(1); at], vec![Step::Error(kind)]].concat();
        for at in 0..REQUEST.len() {
            let (written, result) = accept(Script { reads: reads(at).into(), ..Script::new(&session()) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert_eq!(written, b"", "at {at}");
        }
        for at in 0..RESPONSE.len() {
            let (written, result) = connect(Script { reads: reads(at).into(), ..Script::new(RESPONSE) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert!(is_request(&written), "at {at}");
        }
    }
}

// attack: io-1
#[test]
fn write_error_at_any_byte_of_a_head_is_returned() {
    let failures = [
        (Step::Error(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe),
        (Step::Error(ErrorKind::WouldBlock), ErrorKind::WouldBlock),
        (Step::Bytes(0), ErrorKind::WriteZero),
    ];
    for (step, kind) in failures {
        let writes = |at| [vec![Step::Bytes(1); at], vec![step; 100]].concat();
        for at in 0..RESPONSE.len() {
            let (written, result) = accept(Script { writes: writes(at).into(), ..Script::new(&session()) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert_eq!(written, RESPONSE[..at], "at {at}");
        }
        for at in 0..100 {
            let (written, result) = connect(Script { writes: writes(at).into(), ..Script::new(RESPONSE) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert_eq!(written.len(), at);
        }
    }
}

// attack: io-1
#[test]
fn end_of_stream_at_any_byte_of_the_response_is_unexpected_eof() {
    for end in 0..RESPONSE.len() {
        let (written, result) = connect(Script::new(&RESPONSE[..end]));
        assert!(matches!(result, Err(Error::Handshake(HandshakeError::UnexpectedEof))), "at {end}");
        assert!(is_request(&written), "at {end}");
    }
}

// attack: server-5
#[test]
fn request_after_a_refused_one_is_ignored() {
    for (refused, status) in crate::script::REFUSED {
        let (written, result) = accept(Script::new(&[refused, REQUEST].concat()));
        assert!(matches!(result, Err(Error::Handshake(_))), "{}", refused.escape_ascii());
        let written = String::from_utf8(written).unwrap();
        assert!(written.starts_with(&format!("HTTP/1.1 {status} ")), "{written}");
        assert!(written.contains("\r\nConnection: close"), "{written}");
        assert_eq!(written.matches("\r\n\r\n").count(), 1, "{written}");
    }
}

// attack: client-4
#[test]
fn redirect_is_returned_and_not_followed() {
    for status in [301, 302, 303, 307, 308, 401] {
        let response = format!(
            "HTTP/1.1 {status} x\r\nLocation: ws://evil.example/\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
        );
        let (written, result) = connect(Script::new(&[response.as_bytes(), RESPONSE].concat()));
        let Err(Error::Handshake(HandshakeError::Refused(refusal))) = result else { panic!("{result:?}") };
        assert_eq!((refusal.status, refusal.header("location")), (status, Some("ws://evil.example/")));
        assert!(is_request(&written));
        assert_eq!(String::from_utf8(written).unwrap().matches("GET ").count(), 1);
    }
}
