//! The opening handshake of the async shells over scripted streams that fail. `tests/attacks/shells.rs` has the same for
//! the blocking shell.

use std::io::ErrorKind;

use sansocket::handshake::client::Request;
use sansocket::{Config, Error, HandshakeError};

use crate::bindings::{finish, untimed};
use crate::script::wire::Wire;
use crate::script::{REFUSED, REQUEST, RESPONSE, Script, Step, expected, session};
use crate::session::echo;

/// The functions of a binding that open connections.
trait Opens {
    /// Accepts a connection and echoes. Gives the written bytes and the result.
    fn accept(script: Script) -> (Vec<u8>, Result<(), Error>);

    /// Connects as a client. Gives the written bytes and the result.
    fn connect(script: Script) -> (Vec<u8>, Result<(), Error>);
}

macro_rules! opens {
    ($binding:ident, $name:ident) => {
        struct $name;

        impl Opens for $name {
            fn accept(script: Script) -> (Vec<u8>, Result<(), Error>) {
                let wire = Wire::new(script);
                let result = finish(async {
                    let accepting =
                        sansocket::$binding::accept_with(wire.clone(), untimed(), |request| request.accept());
                    echo(&mut accepting.await?).await.1
                });
                (wire.written(), result)
            }

            fn connect(script: Script) -> (Vec<u8>, Result<(), Error>) {
                let wire = Wire::new(script);
                let request = Request::new("ws://user:secret@example.com/").unwrap();
                let result =
                    finish(sansocket::$binding::connect_over(wire.clone(), &request, Config::default()));
                (wire.written(), result.map(drop))
            }
        }
    };
}

#[cfg(feature = "tokio")]
opens!(tokio, OverTokio);
#[cfg(feature = "smol")]
opens!(smol, OverSmol);

/// Makes one test per binding of each `fn name<O: Opens>()`.
macro_rules! over_each {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            #[cfg(feature = "tokio")]
            #[test]
            fn tokio() {
                let mut builder = ::tokio::runtime::Builder::new_current_thread();
                let runtime = builder.enable_time().start_paused(true).build().unwrap();
                let _timers = runtime.enter();
                super::$name::<super::OverTokio>();
            }

            #[cfg(feature = "smol")]
            #[test]
            fn smol() {
                super::$name::<super::OverSmol>();
            }
        }
    )* };
}

over_each! {
    handshake_survives_pending_before_every_byte,
    read_error_at_every_byte_of_either_head_is_returned,
    write_error_or_empty_write_at_every_byte_of_either_head_is_returned,
    end_of_stream_at_every_byte_of_either_head_is_unexpected_eof,
    request_behind_a_refused_one_is_ignored,
    redirect_is_returned_and_not_followed,
    stream_that_claims_too_many_written_bytes_is_an_error,
}

fn is_request(written: &[u8]) -> bool {
    written.starts_with(b"GET / HTTP/1.1\r\n") && written.ends_with(b"\r\n\r\n")
}

/// A poll may not return `Interrupted`, so this has `Pending` only.
// attack: io-1
fn handshake_survives_pending_before_every_byte<O: Opens>() {
    let steps = [Step::Error(ErrorKind::WouldBlock), Step::Bytes(1)];
    let (written, result) = O::accept(Script {
        reads: steps.repeat(500).into(),
        writes: steps.repeat(500).into(),
        flushes: vec![ErrorKind::WouldBlock; 5].into(),
        ..Script::new(&session())
    });
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(written, expected());
}

// attack: io-1
fn read_error_at_every_byte_of_either_head_is_returned<O: Opens>() {
    for kind in [ErrorKind::ConnectionReset, ErrorKind::Other] {
        let reads = |at| [vec![Step::Bytes(1); at], vec![Step::Error(kind)]].concat();
        for at in 0..REQUEST.len() {
            let (written, result) = O::accept(Script { reads: reads(at).into(), ..Script::new(&session()) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert_eq!(written, b"", "at {at}");
        }
        for at in 0..RESPONSE.len() {
            let (written, result) = O::connect(Script { reads: reads(at).into(), ..Script::new(RESPONSE) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert!(is_request(&written), "at {at}");
        }
    }
}

// attack: io-1
fn write_error_or_empty_write_at_every_byte_of_either_head_is_returned<O: Opens>() {
    let failures =
        [(Step::Error(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe), (Step::Bytes(0), ErrorKind::WriteZero)];
    for (step, kind) in failures {
        let writes = |at| [vec![Step::Bytes(1); at], vec![step; 100]].concat();
        for at in 0..RESPONSE.len() {
            let (written, result) =
                O::accept(Script { writes: writes(at).into(), ..Script::new(&session()) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert_eq!(written, RESPONSE[..at], "at {at}");
        }
        for at in 0..100 {
            let (written, result) = O::connect(Script { writes: writes(at).into(), ..Script::new(RESPONSE) });
            assert!(matches!(result, Err(Error::Io(error)) if error.kind() == kind), "at {at}");
            assert_eq!(written.len(), at);
        }
    }
}

// attack: io-1
fn end_of_stream_at_every_byte_of_either_head_is_unexpected_eof<O: Opens>() {
    for end in 0..REQUEST.len() {
        let (written, result) = O::accept(Script::new(&REQUEST[..end]));
        assert!(matches!(result, Err(Error::Handshake(HandshakeError::UnexpectedEof))), "at {end}");
        assert_eq!(written, b"", "at {end}");
    }
    for end in 0..RESPONSE.len() {
        let (written, result) = O::connect(Script::new(&RESPONSE[..end]));
        assert!(matches!(result, Err(Error::Handshake(HandshakeError::UnexpectedEof))), "at {end}");
        assert!(is_request(&written), "at {end}");
    }
}

// attack: server-5
fn request_behind_a_refused_one_is_ignored<O: Opens>() {
    for (refused, status) in REFUSED {
        let (written, result) = O::accept(Script::new(&[refused, REQUEST].concat()));
        assert!(matches!(result, Err(Error::Handshake(_))), "{}", refused.escape_ascii());
        let written = String::from_utf8(written).unwrap();
        assert!(written.starts_with(&format!("HTTP/1.1 {status} ")), "{written}");
        assert!(written.contains("\r\nConnection: close"), "{written}");
        assert_eq!(written.matches("\r\n\r\n").count(), 1, "{written}");
    }
}

// attack: client-4
fn redirect_is_returned_and_not_followed<O: Opens>() {
    for status in [301, 302, 303, 307, 308, 401] {
        let response = format!(
            "HTTP/1.1 {status} x\r\nLocation: ws://evil.example/\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
        );
        let (written, result) = O::connect(Script::new(&[response.as_bytes(), RESPONSE].concat()));
        let Err(Error::Handshake(HandshakeError::Refused(refusal))) = result else { panic!("{result:?}") };
        assert_eq!((refusal.status, refusal.header("location")), (status, Some("ws://evil.example/")));
        assert!(is_request(&written));
        assert_eq!(String::from_utf8(written).unwrap().matches("GET ").count(), 1);
    }
}

// attack: io-1
fn stream_that_claims_too_many_written_bytes_is_an_error<O: Opens>() {
    let script = |incoming: &[u8]| Script { writes: [Step::Lie].into(), ..Script::new(incoming) };
    for (written, result) in [O::accept(script(&session())), O::connect(script(RESPONSE))] {
        let Err(Error::Io(error)) = result else { panic!("{result:?}") };
        assert_eq!((error.kind(), &written[..]), (ErrorKind::InvalidData, &b""[..]));
    }
}
