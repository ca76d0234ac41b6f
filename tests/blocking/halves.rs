//! The halves of a split connection: over each socket type, joining them again, the caller's stream, false byte counts.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use sansocket::blocking::{self, ReuniteError, Shareable, Stream, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Connection, Error, Event, Message, ProtocolError, SendError, State};

use super::script::{Script, Step};
use super::{connect, connect_raw, patient, serve};

#[cfg(unix)]
#[test]
fn unix_sockets_are_split() {
    use std::os::unix::net::UnixStream;

    let (client, server) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || {
        let (mut reader, writer) = blocking::accept(server).unwrap().split();
        while let Some(event) = reader.read_event().unwrap() {
            if let Event::Text(text) = event {
                writer.send(text).unwrap(); // the event borrows the reader only
            }
        }
        reader.close_info().unwrap().code
    });
    let request = Request::new("ws://localhost/").unwrap();
    let (mut reader, writer) = blocking::connect_over(client, &request, patient()).unwrap().0.split();
    assert!(reader.stream().peer_addr().unwrap().is_unnamed());
    let sending = thread::spawn(move || {
        for n in 0..100 {
            writer.send(&format!("{n} {}", "x".repeat(10_000))).unwrap();
        }
        writer
    });
    for n in 0..100 {
        let message = reader.read().unwrap().unwrap();
        assert!(message.as_text().unwrap().starts_with(&format!("{n} x")));
    }
    let mut socket = reader.reunite(sending.join().unwrap()).unwrap();
    socket.close(CloseCode(4001), "").unwrap();
    assert_eq!(server.join().unwrap(), CloseCode(4001));
}

#[test]
fn stream_gives_the_addresses_of_the_socket() {
    let (url, server) = serve(patient(), |socket| {
        let local = socket.stream().local_addr().unwrap();
        let (reader, writer) = socket.split();
        assert_eq!(reader.stream().local_addr().unwrap(), local);
        assert_eq!(writer.stream().local_addr().unwrap(), local);
        (local, writer.stream().peer_addr().unwrap(), writer.stream().tcp().nodelay().unwrap())
    });
    let client = connect(&url);
    let addresses = (client.stream().peer_addr().unwrap(), client.stream().local_addr().unwrap());
    let (local, peer, nodelay) = server.join().unwrap();
    assert_eq!(addresses, (local, peer));
    assert!(nodelay && client.stream().tcp().nodelay().unwrap(), "small messages are not held back");
}

// req: 6455-5.5.3-c
#[test]
fn pong_is_sent_unsolicited() {
    let (url, server) = serve(patient(), |mut socket| {
        socket.pong(b"whole").unwrap();
        let (mut reader, writer) = socket.split();
        writer.pong(b"half").unwrap();
        reader.read().unwrap()
    });
    let mut client = connect(&url);
    assert_eq!(client.read_event().unwrap(), Some(Event::Pong(b"whole")));
    assert_eq!(client.read_event().unwrap(), Some(Event::Pong(b"half")));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(server.join().unwrap(), None);
}

#[test]
fn reunite_keeps_received_and_queued_bytes() {
    let (url, server) = serve(patient(), |socket| {
        let (mut reader, writer) = socket.split();
        assert_eq!(reader.read().unwrap(), Some(Message::from("go")));
        writer.feed("fed").unwrap();
        let mut socket = reader.reunite(writer).unwrap();
        assert_eq!((socket.state(), socket.buffered_amount()), (State::Open, 5));
        socket.send("sent").unwrap();
        (socket.read().unwrap(), socket.read().unwrap())
    });
    let mut client = connect_raw(&url);
    // The second message begins behind the first one and goes on later.
    client.write_all(b"\x81\x82\0\0\0\0go\x01\x83\0\0\0\0Hel\x80\x82\0\0").unwrap();
    let mut written = [0; 11];
    client.read_exact(&mut written).unwrap();
    assert_eq!(&written, b"\x81\x03fed\x81\x04sent");
    client.write_all(b"\0\0lo\x88\x80\0\0\0\0").unwrap();
    drop(client);
    assert_eq!(server.join().unwrap(), (Some(Message::from("Hello")), None));
}

#[test]
fn reunite_of_two_connections_returns_both_halves() {
    let [mut first, mut second] = [(); 2].map(|()| Scripted::new(Script::new(b"\x81\x81\0\0\0\0a")).open());
    first.send("1").unwrap();
    second.send("2").unwrap();
    let ((reader, own), (_other, writer)) = (first.split(), second.split());
    let error = reader.reunite(writer).map(drop).unwrap_err();
    assert!(error.to_string().contains("two connections"), "{error}");
    let ReuniteError(mut reader, writer) = error;
    assert_eq!(reader.read().unwrap(), Some(Message::from("a")));
    writer.send("3").unwrap();
    assert_eq!(writer.stream().written(), b"\x81\x012\x81\x013");
    assert_eq!(reader.reunite(own).unwrap().stream().written(), b"\x81\x011");
}

#[test]
fn reunite_with_another_writer_returns_both_halves() {
    let (reader, writer) = Scripted::new(Script::new(b"")).open().split();
    let other = reader.writer();
    let ReuniteError(reader, writer) = reader.reunite(writer).map(drop).unwrap_err();
    other.send("1").unwrap();
    writer.send("2").unwrap();
    drop(other);
    let mut socket = reader.reunite(writer).unwrap();
    socket.send("3").unwrap();
    assert_eq!(socket.stream().written(), b"\x81\x011\x81\x012\x81\x013");
}

// attack: io-1
#[test]
fn stream_that_claims_too_many_written_bytes_is_an_error_of_a_writer() {
    let (_reader, writer) =
        Scripted::new(Script { writes: [Step::Lie].into(), ..Script::default() }).open().split();
    let lie = writer.send("x").unwrap_err();
    assert!(matches!(&lie, Error::Io(error) if error.kind() == ErrorKind::InvalidData), "{lie}");
    let again = writer.send("y").unwrap_err();
    assert!(matches!(&again, Error::Io(_)), "the connection has ended: {again}");
}

/// How much of the first message was written is known only to the writer that failed.
// attack: io-1
#[test]
fn reunited_connection_writes_no_message_after_a_failed_write() {
    for failure in [Step::Error(ErrorKind::BrokenPipe), Step::Error(ErrorKind::Other), Step::Lie] {
        let script = Script { writes: [Step::Bytes(3), failure].into(), ..Script::default() };
        let (reader, writer) = Scripted::new(script).open().split();
        writer.send("first").unwrap_err();
        let mut socket = reader.reunite(writer).unwrap();
        let second = socket.send("second");
        let written = socket.stream().written();
        assert!(
            b"\x81\x05first\x81\x06second".starts_with(&written),
            "{failure:?}: {second:?}, {}",
            written.escape_ascii()
        );
    }
}

#[test]
fn writer_of_a_stream_that_panicked_gives_an_error() {
    let script = Script { writes: [Step::Panic].into(), ..Script::default() };
    let (_reader, writer) = Scripted::new(script).open().split();
    let other = writer.clone();
    thread::spawn(move || writer.send("first")).join().unwrap_err();
    let (ended, result) = std::sync::mpsc::channel();
    thread::spawn(move || ended.send(other.send("second")));
    let second = result.recv_timeout(super::LONG).expect("the other thread does not wait for ever");
    assert!(matches!(second, Err(Error::Io(_))), "{second:?}");
}

/// It writes under the mutex, and some sockets start their time limit again with each part of a write that they take.
#[test]
fn reader_writes_at_most_64_kib_at_a_time() {
    let stream = Scripted::new(Script::default());
    let (mut reader, writer) = stream.clone().open().split();
    writer.feed(&[0; 1 << 20]).unwrap();
    assert!(matches!(reader.read(), Err(Error::Protocol(ProtocolError::ConnectionLost))));
    let (written, calls) = stream.with(|script| (script.written.len(), script.write_calls));
    assert!(written > 0 && written <= calls << 16, "{written} bytes in {calls} writes");
}

#[test]
fn reader_and_writer_may_close_at_the_same_time() {
    for _ in 0..200 {
        let (mut reader, writer) = Scripted::new(Script::new(b"\x88\x80\0\0\0\0")).open().split();
        let closing = thread::spawn(move || writer.close(CloseCode::NORMAL, ""));
        reader.close(CloseCode::NORMAL, "").unwrap();
        assert!(matches!(closing.join().unwrap(), Ok(()) | Err(Error::Send(SendError::Closed))));
    }
}

/// What a failed writer had taken away does not wait any longer.
#[test]
fn output_of_a_reunited_connection_is_empty_after_a_failed_write() {
    let writes = [Step::Bytes(3), Step::Error(ErrorKind::BrokenPipe)];
    let (reader, writer) =
        Scripted::new(Script { writes: writes.into(), ..Script::default() }).open().split();
    writer.send("first").unwrap_err();
    let socket = reader.reunite(writer).unwrap();
    assert_eq!(socket.buffered_amount(), 0);
    let (_, mut connection) = socket.into_parts();
    assert!(connection.output().is_empty(), "a loop that writes until the output is empty ends");
}

/// A scripted stream that halves share.
#[derive(Clone)]
struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    fn new(script: Script) -> Self {
        Self(Arc::new(Mutex::new(script)))
    }

    fn open(self) -> WebSocket<Self> {
        WebSocket::from_parts(self, Connection::server(patient())).unwrap()
    }

    fn with<T>(&self, task: impl FnOnce(&mut Script) -> T) -> T {
        task(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn written(&self) -> Vec<u8> {
        self.with(|script| script.written.clone())
    }
}

impl Read for Scripted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.with(|script| script.read(to))
    }
}

impl Write for Scripted {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.with(|script| script.write(from))
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.with(|script| script.write_vectored(from))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush)
    }
}

impl Stream for Scripted {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shareable for Scripted {
    type Handle = Self;

    fn share(self) -> Self {
        self
    }

    fn get(handle: &Self) -> &Self {
        handle
    }

    fn unshare(handle: Self) -> Result<Self, Self> {
        Ok(handle)
    }

    fn shutdown_both(_: &Self) {}
}

#[allow(dead_code, reason = "compiles only if the halves can be sent to other threads")]
fn halves_are_send(socket: WebSocket<TcpStream>) -> impl Send {
    socket.split()
}
