//! The end of the file and the errors, as the tables in the docs say.

use std::io::ErrorKind::{self, BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof};

use sansocket::{ByteStreamError, CloseCode, ProtocolError, SendError};

use crate::script::{Script, Step};
use crate::shells::{Setting, each};
use crate::{frame, untimed};

fn closed(code: u16, reason: &str) -> ByteStreamError {
    ByteStreamError::Closed { code: CloseCode(code), reason: reason.into() }
}

/// A name, what the peer sends, the error unless it is the end of the file, and how the answer ends.
type Row = (&'static str, Vec<u8>, Option<(ErrorKind, ByteStreamError)>, &'static [u8]);

fn inside(error: &std::io::Error) -> Option<&ByteStreamError> {
    error.get_ref()?.downcast_ref()
}

#[test]
fn end_of_file_is_a_closing_handshake_and_nothing_else() {
    let lost = ByteStreamError::Protocol(ProtocolError::ConnectionLost);
    let rows: [Row; 13] = [
        ("1000", frame(0x88, b"\x03\xe8bye"), None, b"\x88\x02\x03\xe8"),
        ("1001", frame(0x88, b"\x03\xe9"), None, b"\x88\x02\x03\xe9"),
        ("no code", frame(0x88, b""), None, b"\x88\x00"),
        ("1011", frame(0x88, b"\x03\xf3oops"), Some((ConnectionAborted, closed(1011, "oops"))), b"\x03\xf3"),
        ("3000", frame(0x88, b"\x0b\xb8"), Some((ConnectionAborted, closed(3000, ""))), b"\x0b\xb8"),
        ("1003", frame(0x88, b"\x03\xeb"), Some((ConnectionAborted, closed(1003, ""))), b"\x03\xeb"),
        ("end of the stream", vec![], Some((UnexpectedEof, lost.clone())), b""),
        ("half of a header", vec![0x82], Some((UnexpectedEof, lost.clone())), b""),
        (
            "not masked",
            b"\x82\x01x".to_vec(),
            Some((InvalidData, ByteStreamError::Protocol(ProtocolError::NotMasked))),
            b"\x03\xeaframe from a client is not masked",
        ),
        (
            "not UTF-8",
            frame(0x88, b"\x03\xe8\xff"),
            Some((InvalidData, ByteStreamError::Protocol(ProtocolError::InvalidUtf8))),
            b"\x03\xefinvalid UTF-8",
        ),
        (
            "text, and bytes behind it",
            [frame(0x81, b"t"), frame(0x82, b"never read"), frame(0x88, b"")].concat(),
            Some((InvalidData, ByteStreamError::Text)),
            b"\x88\x1b\x03\xebtext on a stream of bytes",
        ),
        (
            "the beginning of text",
            frame(0x01, b"t"),
            Some((InvalidData, ByteStreamError::Text)),
            b"\x88\x1b\x03\xebtext on a stream of bytes",
        ),
        ("empty text", frame(0x81, b""), Some((InvalidData, ByteStreamError::Text)), b"on a stream of bytes"),
    ];
    for (name, wire, expected, written) in rows {
        let script = Script::new(&[&frame(0x82, b"abc")[..], &wire].concat());
        each(&script, &untimed(), Setting::default(), |stream| {
            for bytes in [&b"abc"[..], b"", b""] {
                let (all, end) = stream.read_to_end(2);
                assert_eq!(all, bytes, "{name}");
                match (&expected, end) {
                    (None, end) => end.unwrap(),
                    (Some((kind, inner)), end) => {
                        let error = end.unwrap_err();
                        assert_eq!((error.kind(), inside(&error)), (*kind, Some(inner)), "{name}");
                    }
                }
            }
            assert!(stream.written().ends_with(written), "{name}: {}", stream.written().escape_ascii());
            let late = stream.write(b"late").unwrap_err();
            assert_eq!(late.kind(), BrokenPipe, "{name}");
            assert_eq!(inside(&late), Some(&ByteStreamError::Send(SendError::Closed)), "{name}");
        });
    }
}

#[test]
fn error_of_the_stream_is_given_and_then_the_connection_is_lost() {
    let mut script = Script::new(&frame(0x82, b"abc"));
    script.reads = [Step::Bytes(100), Step::Error(ConnectionReset)].into();
    each(&script, &untimed(), Setting::default(), |stream| {
        let (all, end) = stream.read_to_end(100);
        assert_eq!((&all[..], end.unwrap_err().kind()), (&b"abc"[..], ConnectionReset));
        assert_eq!(stream.read_to_end(100).1.unwrap_err().kind(), UnexpectedEof);
    });
}

#[test]
fn shutdown_is_the_closing_handshake() {
    let script = Script::new(&frame(0x88, b"\x03\xe8"));
    each(&script, &untimed(), Setting::default(), |stream| {
        stream.write_all(b"last words").unwrap();
        stream.shutdown().unwrap();
        assert_eq!(stream.written(), b"\x82\x0alast words\x88\x02\x03\xe8");
        assert_eq!(stream.write(b"late").unwrap_err().kind(), BrokenPipe);
        assert_eq!(stream.write(b"").unwrap(), 0);
        stream.flush().unwrap();
        stream.shutdown().unwrap();
        stream.read_to_end(1).1.unwrap();
        assert_eq!(stream.written(), b"\x82\x0alast words\x88\x02\x03\xe8", "once");
    });
}

#[test]
fn what_the_peer_sent_before_its_close_frame_is_read_after_shutdown() {
    let wire = [frame(0x82, b"ab"), frame(0x82, b"cd"), frame(0x88, b"\x03\xe8")].concat();
    each(&Script::new(&wire), &untimed(), Setting::default(), |stream| {
        assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        stream.shutdown().unwrap();
        assert_eq!(stream.written(), b"\x88\x02\x03\xe8");
        let (all, end) = stream.read_to_end(10);
        assert_eq!(all, b"bcd");
        end.unwrap();
    });
}

#[test]
fn shutdown_says_that_nobody_answered_or_that_bytes_are_lost() {
    each(&Script::new(b""), &untimed(), Setting::default(), |stream| {
        assert_eq!(stream.shutdown().unwrap_err().kind(), UnexpectedEof);
    });
    each(&Script::new(&frame(0x88, b"")), &untimed(), Setting::default(), |stream| {
        stream.write_all(b"not flushed").unwrap();
        stream.read_to_end(1).1.unwrap();
        assert_eq!(stream.shutdown().unwrap_err().kind(), BrokenPipe);
        assert_eq!(stream.flush().unwrap_err().kind(), BrokenPipe);
    });
}
