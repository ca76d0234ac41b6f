//! The blocking shell over scripted streams: short reads and writes, interruptions, false byte counts, and errors at every
//! byte of a session.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an unexpected value ends the test"
)]

mod script;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use sansocket::blocking::{self, TimedRead, WebSocket, WithoutTimeouts};
use sansocket::handshake::client::Request;
use sansocket::{
    CloseCode, Config, Connection, Error, Event, HandshakeError, Message, ProtocolError, SendError,
};
use script::{ANSWERS, FRAMES, REQUEST, Script, Step, expected, messages, session};

/// Echoes until the connection ends. Gives the received messages, the script, and the result.
fn echo(script: Script) -> (Vec<Message>, Option<Script>, Result<(), Error>) {
    let mut socket = match blocking::accept(WithoutTimeouts(script)) {
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
fn reads_and_writes_of_any_length_give_the_same_session() {
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
fn interrupted_call_is_repeated() {
    let mut script = Script::new(&session());
    script.reads = [Step::Error(ErrorKind::Interrupted), Step::Bytes(1)].repeat(500).into();
    script.writes = [Step::Error(ErrorKind::Interrupted), Step::Bytes(1)].repeat(500).into();
    let (received, script, result) = echo(script);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!((received, script.unwrap().written), (messages(), expected()));
}

// attack: io-1, close-3
#[test]
fn end_of_stream_at_every_byte_is_unexpected_eof_or_a_lost_connection() {
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
fn read_error_at_every_byte_loses_nothing() {
    for at in 0..FRAMES.len() {
        let mut script = Script::new(&session());
        let failing = [Step::Error(ErrorKind::WouldBlock), Step::Error(ErrorKind::Other)];
        script.reads = [&vec![Step::Bytes(1); REQUEST.len() + at][..], &failing].concat().into();
        let mut socket = blocking::accept(WithoutTimeouts(script)).unwrap();
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
fn write_error_at_every_byte_leaves_the_rest_queued() {
    for at in 0..ANSWERS.len() {
        let mut socket = WebSocket::from_parts(
            WithoutTimeouts(Script::new(FRAMES)),
            Connection::server(Config::default()),
        )
        .unwrap();
        while let Some(message) = socket.read().unwrap() {
            socket.feed(&message).unwrap();
            let (mut stream, connection) = socket.into_parts();
            stream.0.writes = vec![Step::Bytes(at), Step::Error(ErrorKind::TimedOut)].into();
            if at == 0 {
                stream.0.writes.pop_front();
            }
            socket = WebSocket::from_parts(stream, connection).unwrap();
            if socket.flush().is_err() {
                socket.flush().unwrap();
            }
        }
        socket.flush().unwrap(); // the answer to the Close frame, if its write failed
        assert_eq!(socket.into_parts().0.0.written, ANSWERS, "at {at}");
    }
}

// attack: io-1, deflate-2
#[cfg(feature = "deflate")]
#[test]
fn compressed_messages_are_echoed_with_reads_and_writes_of_any_length_and_errors_at_every_byte() {
    use script::deflated;

    let answers = deflated::answers(Config::default());
    let echoes = |reads: Vec<Step>, writes: Vec<Step>| {
        let script = Script { reads: reads.into(), writes: writes.into(), ..Script::new(deflated::FRAMES) };
        let connection = deflated::connection(Config::default());
        let mut socket = WebSocket::from_parts(WithoutTimeouts(script), connection).unwrap();
        let mut received = Vec::new();
        loop {
            match socket.read() {
                Ok(Some(message)) => {
                    socket.feed(&message).unwrap();
                    received.push(message);
                }
                Ok(None) => break,
                Err(Error::Io(_)) => {}
                Err(error) => panic!("{error}"),
            }
            while socket.flush().is_err() {}
        }
        while socket.flush().is_err() {}
        assert_eq!((received, socket.into_parts().0.0.written), (deflated::messages(), answers.clone()));
    };
    for (read, write) in [(1, 1), (1, 1000), (2, 3), (7, 5), (1000, 1)] {
        echoes(vec![Step::Bytes(read); 200], vec![Step::Bytes(write); 200]);
    }
    let fails_at = |at: usize| {
        [
            &vec![Step::Bytes(1); at][..],
            &[Step::Error(ErrorKind::WouldBlock), Step::Error(ErrorKind::TimedOut)],
        ]
        .concat()
    };
    for at in 0..deflated::FRAMES.len() {
        echoes(fails_at(at), vec![]);
    }
    for at in 0..answers.len() {
        echoes(vec![], fails_at(at));
    }
}

// attack: close-3
#[cfg(feature = "deflate")]
#[test]
fn end_of_stream_at_every_byte_of_compressed_messages_is_a_lost_connection() {
    use script::deflated;

    for end in 0..deflated::FRAMES.len() {
        let stream = WithoutTimeouts(Script::new(&deflated::FRAMES[..end]));
        let mut socket = WebSocket::from_parts(stream, deflated::connection(Config::default())).unwrap();
        let mut received = Vec::new();
        let error = loop {
            match socket.read() {
                Ok(message) => received.extend(message),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)), "at {end}: {error}");
        assert!(deflated::messages().starts_with(&received), "at {end}");
    }
}

// req: 6455-7.1.5-c
#[test]
fn section_7_1_5_reset_ends_the_connection_with_1006() {
    let script = Script { reads: [Step::Error(ErrorKind::ConnectionReset)].into(), ..Script::new(FRAMES) };
    let mut socket =
        WebSocket::from_parts(WithoutTimeouts(script), Connection::server(Config::default())).unwrap();
    assert!(matches!(socket.read(), Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset));
    let info = socket.close_info().unwrap();
    assert_eq!((info.code, info.was_clean), (CloseCode::ABNORMAL, false));
    assert!(matches!(socket.read(), Ok(None)), "the error is given once");
    let again = socket.close(CloseCode::NORMAL, "");
    assert!(matches!(again, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{again:?}");
}

// attack: io-1
#[test]
fn stream_that_takes_nothing_or_claims_too_much_is_an_error() {
    let stream = |reads: &[Step], writes: &[Step]| {
        let script =
            Script { reads: reads.to_vec().into(), writes: writes.to_vec().into(), ..Script::new(FRAMES) };
        WebSocket::from_parts(WithoutTimeouts(script), Connection::server(Config::default())).unwrap()
    };
    let full = stream(&[], &[Step::Bytes(0)]).send("x").unwrap_err();
    assert!(matches!(&full, Error::Io(error) if error.kind() == ErrorKind::WriteZero), "{full}");
    let lie = stream(&[Step::Lie], &[]).read().unwrap_err();
    assert!(matches!(&lie, Error::Io(error) if error.kind() == ErrorKind::InvalidData), "{lie}");
    // The second is long enough to be written without a copy.
    for (len, queued) in [(1, 3), (100_000, 100_010)] {
        let mut lied_to = stream(&[], &[Step::Lie]);
        let lie = lied_to.send(&vec![b'x'; len]).unwrap_err();
        assert!(matches!(&lie, Error::Io(error) if error.kind() == ErrorKind::InvalidData), "{lie}");
        assert_eq!(lied_to.buffered_amount(), queued, "the message is still queued");
        lied_to.flush().unwrap();
        assert_eq!(lied_to.into_parts().0.0.written.len(), queued);
    }
}

// req: 6455-2.1-b
#[test]
fn fed_messages_are_written_at_once_before_the_next_read() {
    let pipelined = b"\x82\x84\0\0\0\0abcd".repeat(64);
    let stream = WithoutTimeouts(Script::new(&pipelined));
    let mut socket = WebSocket::from_parts(stream, Connection::server(Config::default())).unwrap();
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
fn answer_to_a_close_frame_is_written_before_its_event_is_returned() {
    let stream = WithoutTimeouts(Script::new(FRAMES));
    let mut socket = WebSocket::from_parts(stream, Connection::server(Config::default())).unwrap();
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
fn endless_control_frames_do_not_delay_a_read_timeout() {
    let pings = b"\x89\x80\0\0\0\0".repeat(50_000);
    let stream = WithoutTimeouts(Script::new(&pings));
    let mut socket = WebSocket::from_parts(stream, Connection::server(Config::default())).unwrap();
    assert_eq!(socket.read_timeout(Duration::ZERO).unwrap(), TimedRead::TimedOut);
    assert!(!socket.into_parts().0.0.incoming.is_empty());
}

#[test]
fn failed_flush_of_the_stream_is_repeated() {
    let mut script = Script::new(FRAMES);
    script.flushes = [ErrorKind::TimedOut; 2].into();
    let connection = Connection::server(Config::default());
    let mut socket = WebSocket::from_parts(WithoutTimeouts(script), connection).unwrap();
    assert!(socket.send("Hello").is_err());
    assert!(socket.flush().is_err(), "the output is empty, but the stream has not been flushed");
    socket.flush().unwrap();
    assert!(socket.stream().0.flushes.is_empty());
}

#[test]
fn received_messages_are_read_from_a_peer_that_takes_nothing_more() {
    for lost in 1..FRAMES.len() {
        let mut script = Script::new(&FRAMES[..lost]);
        script.writes = vec![Step::Error(ErrorKind::BrokenPipe); 100].into();
        let connection = Connection::server(Config::default());
        let mut socket = WebSocket::from_parts(WithoutTimeouts(script), connection).unwrap();
        assert!(socket.send("gone").is_err());
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
    let mut socket = WebSocket::from_parts(WithoutTimeouts(script), connection).unwrap();
    assert!(socket.send("gone").is_err());
    while socket.read().unwrap().is_some() {}
    assert_eq!(socket.close_info().unwrap().code, CloseCode::NORMAL);
}

/// A stream that gives the written bytes when it is dropped.
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
fn section_7_2_1_client_closes_the_stream_after_a_failed_handshake() {
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
        let outcome = blocking::connect_over(WithoutTimeouts(stream), &request, Config::default());
        assert!(matches!(outcome, Err(Error::Handshake(_))), "{}", response.escape_ascii());
        let written = written.take().expect("the stream was dropped");
        assert!(written.starts_with(b"GET / HTTP/1.1\r\n"));
        assert_eq!(written.windows(4).position(|end| end == b"\r\n\r\n"), Some(written.len() - 4));
    }
}

/// How often the scripts of the tests below say at once that they would block.
const WOULD_BLOCK: usize = 100_000;

fn is_about_non_blocking(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.to_string().contains("non-blocking"))
}

/// A stream that reports at once that its time limit has passed, again and again.
fn non_blocking(config: Config) -> WebSocket<WithoutTimeouts<Script>> {
    let would_block: VecDeque<_> = vec![Step::Error(ErrorKind::WouldBlock); WOULD_BLOCK].into();
    let script = Script { reads: would_block.clone(), writes: would_block, ..Script::new(b"") };
    WebSocket::from_parts(WithoutTimeouts(script), Connection::server(config)).unwrap()
}

// attack: io-3
#[test]
fn read_of_a_non_blocking_stream_is_an_error_with_any_timeout() {
    for milliseconds in [0, 1, 2, 5, 10, 20, 21, 40, 100, 1000, 100_000] {
        let mut socket = non_blocking(Config::default().keepalive(None));
        let timeout = Duration::from_millis(milliseconds);
        // A single report may come early, because timers are coarse.
        let error = (0..20).find_map(|_| socket.read_timeout(timeout).err()).expect("an error");
        assert!(is_about_non_blocking(&error), "{timeout:?}: {error}");
        let reads = socket.into_parts().0.0.read_calls;
        assert!(reads < 200, "{timeout:?}: {reads} reads");
    }
}

// attack: io-3
#[test]
fn read_of_a_non_blocking_stream_is_an_error_with_any_keepalive() {
    for milliseconds in [1, 20, 100, 20_000] {
        let keepalive = Duration::from_millis(milliseconds);
        let mut script = Script::new(b"");
        script.reads = vec![Step::Error(ErrorKind::WouldBlock); WOULD_BLOCK].into();
        let connection = Connection::server(Config::default().keepalive(Some(keepalive)));
        let mut socket = WebSocket::from_parts(WithoutTimeouts(script), connection).unwrap();
        let error = socket.read().unwrap_err();
        assert!(is_about_non_blocking(&error), "{keepalive:?}: {error}");
    }
}

// attack: io-3
#[test]
fn write_to_a_non_blocking_stream_is_an_error_with_any_timeout() {
    for milliseconds in [100, 1000, 100_000] {
        let timeout = Duration::from_millis(milliseconds);
        for len in [1, 100_000] {
            let mut socket = non_blocking(Config::default().write_timeout(timeout));
            let error = socket.send(&vec![0; len]).unwrap_err();
            assert!(is_about_non_blocking(&error), "{timeout:?}: {error}");
            let writes = socket.into_parts().0.0.write_calls;
            assert!(writes < 200, "{timeout:?}: {writes} writes");
        }
    }
}

// attack: io-3, server-1
#[test]
fn handshake_over_a_non_blocking_stream_is_an_error() {
    for milliseconds in [100, 1000, 100_000] {
        let config = Config::default().handshake_timeout(Duration::from_millis(milliseconds));
        let would_block = || vec![Step::Error(ErrorKind::WouldBlock); WOULD_BLOCK].into();
        let script = Script { reads: would_block(), ..Script::new(b"") };
        let accepted =
            blocking::accept_with(WithoutTimeouts(script), config.clone(), |request| request.accept());
        let error = accepted.map(drop).unwrap_err();
        assert!(is_about_non_blocking(&error), "{error}");
        let script = Script { writes: would_block(), ..Script::new(b"") };
        let request = Request::new("ws://example.com/").unwrap();
        let connected = blocking::connect_over(WithoutTimeouts(script), &request, config);
        let error = connected.map(drop).unwrap_err();
        assert!(is_about_non_blocking(&error), "{error}");
    }
}

/// A read fails in the first message while the close waits. The rest of that message is not taken for a message.
#[test]
fn close_that_fails_in_a_message_discards_the_rest_of_it() {
    let mut script = Script::new(b"\x82\x8a\0\0\0\0abcdefghij\x81\x81\0\0\0\0x\x88\x80\0\0\0\0");
    script.reads = [Step::Bytes(10), Step::Error(ErrorKind::Other)].into();
    let mut socket =
        WebSocket::from_parts(WithoutTimeouts(script), Connection::server(Config::default())).unwrap();
    let closed = socket.close(CloseCode::NORMAL, "");
    assert!(matches!(&closed, Err(Error::Io(error)) if error.kind() == ErrorKind::Other), "{closed:?}");
    let chunk = socket.read_chunk().unwrap();
    assert_eq!(chunk, Some(sansocket::Chunk::Text { text: "x", fin: true }));
}

#[test]
fn pong_is_sent_unsolicited() {
    let stream = WithoutTimeouts(Script::new(b""));
    let mut socket = WebSocket::from_parts(stream, Connection::server(Config::default())).unwrap();
    socket.pong(b"!").unwrap();
    assert_eq!(socket.stream().0.written, b"\x8a\x01!");
    assert!(matches!(socket.pong(&[0; 126]), Err(Error::Send(SendError::ControlTooLong))));
}
