//! The blocking shell over a stream that plays a script: short reads, short writes, interruptions, lies, and errors at
//! every byte of a session.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect is to end there"
)]

mod script;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use sansocket::blocking::{self, Untimed, Waited, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{
    Buffer, CloseCode, Config, Connection, Error, Event, HandshakeError, Message, ProtocolError,
};
use script::{ANSWERS, FRAMES, REQUEST, Script, Step, expected, messages, session};

/// Echoes to the end; gives what was received, the script afterwards, and how it ended.
fn echo(script: Script) -> (Vec<Message>, Option<Script>, Result<(), Error>) {
    let mut socket = match blocking::accept(Untimed(script)) {
        Ok(socket) => socket,
        Err(error) => return (Vec::new(), None, Err(error)),
    };
    let mut received = Vec::new();
    let result = loop {
        match socket.read() {
            Ok(Some(message)) => {
                socket.feed(&message).ok();
                received.push(message);
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    (received, Some(socket.into_parts().0.0), result)
}

// attack: io-1
// req: 6455-6.1-i
#[test]
fn reads_and_writes_of_any_length() {
    for (read, write) in [(1, 1), (1, 1000), (2, 3), (7, 5), (1000, 1)] {
        let mut script = Script::new(&session());
        script.reads = vec![Step::Bytes(read); 1000].into();
        script.writes = vec![Step::Bytes(write); 1000].into();
        let (received, script, result) = echo(script);
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(
            (received, script.unwrap().written),
            (messages(), expected()),
            "reads of {read}, writes of {write}"
        );
    }
}

// attack: io-1
#[test]
fn an_interrupted_call_is_made_again() {
    let mut script = Script::new(&session());
    script.reads = [Step::Error(ErrorKind::Interrupted), Step::Bytes(1)].repeat(500).into();
    script.writes = [Step::Error(ErrorKind::Interrupted), Step::Bytes(1)].repeat(500).into();
    let (received, script, result) = echo(script);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((received, script.unwrap().written), (messages(), expected()));
}

// attack: io-1, close-3
#[test]
fn the_end_of_the_stream_at_every_byte() {
    let session = session();
    for end in 0..session.len() {
        let (received, script, result) = echo(Script::new(&session[..end]));
        let error = result.unwrap_err();
        if end < REQUEST.len() {
            assert!(matches!(error, Error::Handshake(HandshakeError::UnexpectedEof)), "at {end}: {error}");
        } else {
            assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)), "at {end}: {error}");
            assert!(expected().starts_with(&script.unwrap().written), "at {end}");
        }
        assert!(messages().starts_with(&received), "at {end}");
    }
}

// attack: io-1
#[test]
fn a_read_error_at_every_byte_loses_nothing() {
    for at in 0..FRAMES.len() {
        let mut script = Script::new(&session());
        let failing = [Step::Error(ErrorKind::WouldBlock), Step::Error(ErrorKind::Other)];
        script.reads = [&vec![Step::Bytes(1); REQUEST.len() + at][..], &failing].concat().into();
        let mut socket = blocking::accept(Untimed(script)).unwrap();
        let (mut received, mut errors) = (Vec::new(), 0);
        loop {
            match socket.read() {
                Ok(Some(message)) => received.push(message),
                Ok(None) => break,
                Err(Error::Io(_)) => errors += 1,
                Err(error) => panic!("at {at}: {error}"),
            }
        }
        assert_eq!((received, errors), (messages(), 2), "at {at}");
    }
}

// attack: io-1
#[test]
fn a_write_error_at_every_byte_leaves_the_rest_queued() {
    for at in 0..ANSWERS.len() {
        let mut socket = WebSocket::from_parts(
            Untimed(Script::new(FRAMES)),
            Connection::server(Config::default()),
            Buffer::new(),
        )
        .unwrap();
        while let Some(message) = socket.read().unwrap() {
            socket.feed(&message).unwrap();
            let (mut stream, connection, input) = socket.into_parts();
            stream.0.writes = vec![Step::Bytes(at), Step::Error(ErrorKind::TimedOut)].into();
            if at == 0 {
                stream.0.writes.pop_front();
            }
            socket = WebSocket::from_parts(stream, connection, input).unwrap();
            if socket.flush().is_err() {
                socket.flush().unwrap();
            }
        }
        socket.flush().unwrap(); // the answer to the Close frame, where that is what met the error
        assert_eq!(socket.into_parts().0.0.written, ANSWERS, "at {at}");
    }
}

// req: 6455-7.1.5-c
#[test]
fn section_7_1_5_a_reset_is_the_end_of_the_connection_with_1006() {
    let script = Script { reads: [Step::Error(ErrorKind::ConnectionReset)].into(), ..Script::new(FRAMES) };
    let mut socket =
        WebSocket::from_parts(Untimed(script), Connection::server(Config::default()), Buffer::new()).unwrap();
    assert!(matches!(socket.read(), Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset));
    let info = socket.close_info().unwrap();
    assert_eq!((info.code, info.was_clean), (CloseCode::ABNORMAL, false));
    assert!(matches!(socket.read(), Err(Error::Protocol(ProtocolError::ConnectionLost))));
}

// attack: io-1
#[test]
fn a_stream_that_takes_nothing_or_lies() {
    let stream = |reads: &[Step], writes: &[Step]| {
        let script =
            Script { reads: reads.to_vec().into(), writes: writes.to_vec().into(), ..Script::new(FRAMES) };
        WebSocket::from_parts(Untimed(script), Connection::server(Config::default()), Buffer::new()).unwrap()
    };
    let full = stream(&[], &[Step::Bytes(0)]).send_text("x").unwrap_err();
    assert!(matches!(&full, Error::Io(error) if error.kind() == ErrorKind::WriteZero), "{full}");
    let lie = stream(&[Step::Lie], &[]).read().unwrap_err();
    assert!(matches!(&lie, Error::Io(error) if error.kind() == ErrorKind::InvalidData), "{lie}");
    let mut lied_to = stream(&[], &[Step::Lie]);
    lied_to.send_text("x").unwrap();
    assert_eq!(lied_to.buffered_amount(), 0, "a claim to have written more is all that was there");
}

// req: 6455-2.1-b
#[test]
fn what_is_fed_goes_out_in_one_write_for_one_read() {
    let pipelined = b"\x82\x84\0\0\0\0abcd".repeat(64);
    let stream = Untimed(Script::new(&pipelined));
    let mut socket =
        WebSocket::from_parts(stream, Connection::server(Config::default()), Buffer::new()).unwrap();
    for _ in 0..64 {
        let message = socket.read().unwrap().unwrap();
        socket.feed(&message).unwrap();
    }
    assert!(matches!(socket.read(), Err(Error::Protocol(ProtocolError::ConnectionLost))));
    let stream = socket.into_parts().0.0;
    assert_eq!((stream.write_calls, stream.written), (1, b"\x82\x04abcd".repeat(64)));
}

// req: 6455-5.5.1-g, 6455-5.5.1-h
#[test]
fn the_answer_to_a_close_frame_is_written_before_the_event_is_handed_out() {
    let stream = Untimed(Script::new(FRAMES));
    let mut socket =
        WebSocket::from_parts(stream, Connection::server(Config::default()), Buffer::new()).unwrap();
    loop {
        if let Event::Close(frame) = socket.read_event().unwrap().unwrap() {
            assert_eq!(frame.unwrap().code, CloseCode::NORMAL);
            break;
        }
    }
    assert!(socket.stream().0.written.ends_with(b"\x88\x02\x03\xe8"));
}

// attack: floods-1
#[test]
fn control_frames_without_end_do_not_put_off_the_end_of_a_read() {
    let pings = b"\x89\x80\0\0\0\0".repeat(50_000);
    let stream = Untimed(Script::new(&pings));
    let mut socket =
        WebSocket::from_parts(stream, Connection::server(Config::default()), Buffer::new()).unwrap();
    assert_eq!(socket.read_timeout(Duration::ZERO).unwrap(), Waited::Elapsed);
    assert!(!socket.into_parts().0.0.incoming.is_empty());
}

#[test]
fn a_stream_that_could_not_be_flushed_is_flushed_again() {
    let mut script = Script::new(FRAMES);
    script.flushes = [ErrorKind::TimedOut; 2].into();
    let connection = Connection::server(Config::default());
    let mut socket = WebSocket::from_parts(Untimed(script), connection, Buffer::new()).unwrap();
    assert!(socket.send_text("Hello").is_err());
    assert!(socket.flush().is_err(), "nothing is queued here, but the stream holds it");
    socket.flush().unwrap();
    assert!(socket.stream().0.flushes.is_empty());
}

#[test]
fn what_had_arrived_is_read_from_a_peer_that_takes_nothing_more() {
    for lost in 1..FRAMES.len() {
        let mut script = Script::new(&FRAMES[..lost]);
        script.writes = vec![Step::Error(ErrorKind::BrokenPipe); 100].into();
        let connection = Connection::server(Config::default());
        let mut socket = WebSocket::from_parts(Untimed(script), connection, Buffer::new()).unwrap();
        assert!(socket.send_text("gone").is_err());
        let mut received = Vec::new();
        let error = loop {
            match socket.read() {
                Ok(message) => received.extend(message),
                Err(error) => break error,
            }
        };
        assert!(matches!(&error, Error::Io(error) if error.kind() == ErrorKind::BrokenPipe), "{error}");
        assert_eq!(received.len(), usize::from(lost >= 24) + usize::from(lost >= 32), "at {lost}");
    }
    let mut script = Script::new(FRAMES);
    script.writes = vec![Step::Error(ErrorKind::BrokenPipe); 100].into();
    let connection = Connection::server(Config::default());
    let mut socket = WebSocket::from_parts(Untimed(script), connection, Buffer::new()).unwrap();
    assert!(socket.send_text("gone").is_err());
    while socket.read().unwrap().is_some() {}
    assert_eq!(socket.close_info().unwrap().code, CloseCode::NORMAL);
}

/// A stream that hands over what was written to it when it is dropped, as a socket is closed then.
struct Closing(Script, Rc<RefCell<Option<Vec<u8>>>>);

impl Read for Closing {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl Write for Closing {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        *self.1.borrow_mut() = Some(std::mem::take(&mut self.0.written));
    }
}

// attack: client-4
// req: 6455-4.1-aj, 6455-7.1.7-a, 6455-7.2.1-a, 6455-7.2.1-b
#[test]
fn section_7_2_1_a_client_that_fails_the_handshake_closes_the_stream_and_says_no_more() {
    let rows: [&[u8]; 5] = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 101 Switching",
        b"",
    ];
    let request = Request::new("ws://example.com/").unwrap();
    for response in rows {
        let written = Rc::default();
        let stream = Closing(Script::new(response), Rc::clone(&written));
        let outcome = blocking::connect_over(Untimed(stream), &request, Config::default());
        assert!(matches!(outcome, Err(Error::Handshake(_))), "{}", response.escape_ascii());
        let written = written.take().expect("the stream is closed");
        assert!(written.starts_with(b"GET / HTTP/1.1\r\n"));
        assert_eq!(written.windows(4).position(|end| end == b"\r\n\r\n"), Some(written.len() - 4));
    }
}
