//! The error that ends a connection is given once, by every way to read. A loop that passes over errors ends, as one over the
//! async shells' stream of messages does.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use sansocket::blocking::{Reader, TimedRead, WebSocket};
use sansocket::{CloseCode, Config, Connection, Error};

use super::{LONG, SHORT, patient};

/// How the connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Fault,
    FaultInText,
    Silence,
    NoMoreBytes,
    /// The peer is gone while output waits: a write fails first.
    GoneWhileOutputWaits,
}

const ENDS: [End; 5] =
    [End::Fault, End::FaultInText, End::Silence, End::NoMoreBytes, End::GoneWhileOutputWaits];

fn config(end: End) -> Config {
    patient().keepalive(matches!(end, End::Silence).then_some(SHORT)).close_timeout(SHORT)
}

/// A connection that has one message to give and then ends, and the peer's stream.
fn ending(end: End) -> (WebSocket<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = listener.accept().unwrap().0;
    let mut socket = WebSocket::from_parts(stream, Connection::server(config(end))).unwrap();
    peer.write_all(b"\x81\x82\0\0\0\0hi").unwrap();
    match end {
        End::Fault => peer.write_all(b"\x81\x01a").unwrap(), // not masked
        End::FaultInText => peer.write_all(b"\x81\x82\0\0\0\0\xff\xff").unwrap(),
        End::Silence => {}
        End::NoMoreBytes => peer.shutdown(Shutdown::Write).unwrap(),
        End::GoneWhileOutputWaits => {
            // Unread bytes reset the connection when the socket is closed.
            socket.send("unread").unwrap();
            let gone =
                std::mem::replace(&mut peer, TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            thread::sleep(SHORT);
            drop(gone);
            thread::sleep(SHORT);
            (0..3).for_each(|_| drop(socket.send("nobody")));
            socket.feed("waits").ok();
        }
    }
    (socket, peer)
}

/// A read: whether it has given something, or the connection is over.
type Read<T> = fn(&mut T) -> Result<bool, Error>;

macro_rules! ways {
    ($type:ty) => {{
        let timed: Read<$type> = |from| match from.read_timeout(LONG)? {
            TimedRead::Message(_) => Ok(true),
            TimedRead::Closed => Ok(false),
            TimedRead::TimedOut => panic!("a minute has passed"),
        };
        let ways: [(&str, Read<$type>); 4] = [
            ("read", |from| Ok(from.read()?.is_some())),
            ("read_timeout", timed),
            ("read_event", |from| Ok(from.read_event()?.is_some())),
            ("read_chunk", |from| Ok(from.read_chunk()?.is_some())),
        ];
        ways
    }};
}

/// Reads on and on. Gives the errors.
fn errors<T>(from: &mut T, read: Read<T>) -> Vec<Error> {
    let mut errors = Vec::new();
    // The loop that passes over errors.
    for _ in 0..20 {
        match read(from) {
            Ok(true) => {}
            Ok(false) => return errors,
            Err(error) => errors.push(error),
        }
    }
    panic!("the loop does not end: {errors:?}");
}

#[test]
fn whole_connection_gives_the_error_that_ends_it_once() {
    for end in ENDS {
        for (way, read) in ways!(WebSocket<TcpStream>) {
            let (mut socket, _peer) = ending(end);
            let errors = errors(&mut socket, read);
            assert_eq!(errors.len(), 1, "{end:?}, {way}: {errors:?}");
            assert!(!read(&mut socket).unwrap(), "{end:?}, {way}");
            assert!(!socket.close_info().unwrap().was_clean, "{end:?}, {way}");
            // Nobody takes the end for a clean one.
            let closed = socket.close(CloseCode::NORMAL, "");
            assert!(matches!(closed, Err(Error::Protocol(_))), "{end:?}, {way}: {closed:?}");
            assert!(!read(&mut socket).unwrap(), "{end:?}, {way}: given again");
        }
    }
}

#[test]
fn reader_gives_the_error_that_ends_the_connection_once() {
    for end in ENDS {
        for (way, read) in ways!(Reader<TcpStream>) {
            let (socket, _peer) = ending(end);
            let (mut reader, writer) = socket.split();
            let errors = errors(&mut reader, read);
            assert_eq!(errors.len(), 1, "{end:?}, {way}: {errors:?}");
            let closed = reader.close(CloseCode::NORMAL, "");
            assert!(matches!(closed, Err(Error::Protocol(_))), "{end:?}, {way}: {closed:?}");
            assert!(!read(&mut reader).unwrap() && !reader.close_info().unwrap().was_clean);
            // The whole knows what the half has given.
            let mut socket = reader.reunite(writer).unwrap();
            assert!(socket.read().unwrap().is_none(), "{end:?}, {way}");
        }
    }
}
