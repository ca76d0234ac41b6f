//! Deadlines of the blocking shell: each is a point in time, and the end of a connection releases all threads.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use sansocket::blocking::{Shareable, WebSocket};
use sansocket::{CloseCode, Config, Connection, Error, Message, ProtocolError, State};

use super::{LONG, SHORT, patient};

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, peer)
}

fn server<S: Shareable>(stream: S, config: Config) -> WebSocket<S> {
    WebSocket::from_parts(stream, Connection::server(config)).unwrap()
}

/// A message longer than the buffers of a socket.
fn long_message() -> Message {
    Message::from(vec![7; 30 << 20])
}

fn is_timed_out(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::TimedOut)
}

/// Several partial writes fit into the buffers of the system before the peer has to read.
// attack: floods-5, io-3
#[test]
fn write_timeout_is_kept_over_partial_writes() {
    let timeout = Duration::from_secs(1);
    for is_split in [false, true] {
        let (stream, _peer) = tcp_pair();
        let mut socket = server(stream, patient().write_timeout(timeout));
        let begin = Instant::now();
        let error = if is_split {
            socket.split().1.send(&long_message()).unwrap_err()
        } else {
            socket.send(&long_message()).unwrap_err()
        };
        let elapsed = begin.elapsed();
        assert!(is_timed_out(&error), "split: {is_split}: {error}");
        assert!(elapsed >= timeout && elapsed < timeout * 5 / 2, "split: {is_split}: {elapsed:?}");
    }
}

/// How a connection ends while a writer is stuck.
#[derive(Clone, Copy, Debug)]
enum End {
    CloseUnanswered,
    CloseOfThePeer,
    FaultOfThePeer,
    SilenceOfThePeer,
    Abort,
}

// attack: close-3, floods-5
#[test]
fn stuck_writers_are_released_when_the_connection_ends() {
    use std::io::Write;

    for end in
        [End::CloseUnanswered, End::CloseOfThePeer, End::FaultOfThePeer, End::SilenceOfThePeer, End::Abort]
    {
        let (stream, mut peer) = tcp_pair();
        let keepalive = matches!(end, End::SilenceOfThePeer).then_some(SHORT);
        let socket = server(stream, patient().close_timeout(SHORT).keepalive(keepalive));
        let begin = Instant::now();
        let (mut reader, writer) = socket.split();
        // One thread writes, the other waits for it.
        let stuck: Vec<_> = (0..2)
            .map(|_| {
                let writer = writer.clone();
                thread::spawn(move || writer.send(&long_message()).unwrap_err())
            })
            .collect();
        while writer.buffered_amount() == 0 {
            thread::yield_now();
        }
        let result = match end {
            End::CloseUnanswered => reader.close(CloseCode::NORMAL, "").map(|()| None),
            End::CloseOfThePeer => {
                peer.write_all(b"\x88\x82\0\0\0\0\x03\xe8").unwrap();
                reader.read()
            }
            End::FaultOfThePeer => {
                peer.write_all(b"\x81\x01a").unwrap(); // not masked
                reader.read()
            }
            End::SilenceOfThePeer => reader.read(),
            End::Abort => {
                writer.abort();
                reader.read()
            }
        };
        match end {
            End::CloseOfThePeer => assert_eq!(result.unwrap(), None),
            _ => assert!(matches!(result, Err(Error::Protocol(_) | Error::Io(_))), "{end:?}: {result:?}"),
        }
        stuck.into_iter().for_each(|thread| drop(thread.join().unwrap()));
        assert!(begin.elapsed() < LONG / 2, "{end:?}: {:?}", begin.elapsed());
        assert!(writer.state() == State::Closed || matches!(end, End::Abort), "{end:?}");
    }
}

/// Another thread sends the Close frame. The peer sends messages without end and no Close frame.
// attack: close-3
#[test]
fn endless_messages_do_not_delay_the_close_deadline_of_a_reader() {
    use std::io::Write;

    for reads_chunks in [false, true] {
        let (stream, mut peer) = tcp_pair();
        let (mut reader, writer) = server(stream, patient().close_timeout(SHORT)).split();
        let flood = thread::spawn(move || while peer.write_all(&b"\x82\x80\0\0\0\0".repeat(1000)).is_ok() {});
        assert!(reader.read().unwrap().is_some());
        writer.close(CloseCode::NORMAL, "").unwrap();
        let error = loop {
            let read = if reads_chunks {
                reader.read_chunk().map(|chunk| chunk.is_some())
            } else {
                reader.read().map(|message| message.is_some())
            };
            match read {
                Ok(is_open) => assert!(is_open),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)), "{error}");
        drop((reader, writer));
        flood.join().unwrap();
    }
}

// attack: io-3
#[test]
fn non_blocking_socket_is_an_error() {
    for timeout in [Duration::from_millis(1), Duration::from_millis(20), LONG] {
        let (stream, _peer) = tcp_pair();
        stream.set_nonblocking(true).unwrap();
        let mut socket = server(stream, patient());
        let error = (0..20).find_map(|_| socket.read_timeout(timeout).err()).expect("an error");
        assert!(error.to_string().contains("non-blocking"), "{error}");
        let error = socket.send(&long_message()).unwrap_err();
        assert!(error.to_string().contains("non-blocking"), "{error}");
    }
    let (stream, _peer) = tcp_pair();
    stream.set_nonblocking(true).unwrap();
    let (mut reader, writer) = server(stream, patient()).split();
    let error = writer.send(&long_message()).unwrap_err();
    assert!(error.to_string().contains("non-blocking"), "{error}");
    let error = (0..20).find_map(|_| reader.read().err()).expect("an error");
    assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)), "{error}");
}

/// The peer reads some of the message in each interval of the keepalive, and sends nothing.
// attack: io-3
#[cfg(unix)]
#[test]
fn long_upload_to_a_slow_reader_is_not_ended_by_the_keepalive() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    const LEN: usize = 2 << 20;
    for is_split in [true, false] {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        let mut socket = server(stream, patient().keepalive(Some(Duration::from_millis(500))));
        let slow_peer = thread::spawn(move || {
            let (mut received, mut part) = (0, vec![0; 16 << 10]);
            while received < LEN + 10 {
                thread::sleep(Duration::from_millis(20));
                received += peer.read(&mut part).unwrap();
            }
            peer.write_all(b"\x81\x82\0\0\0\0hi\x88\x80\0\0\0\0").unwrap();
            peer.read_to_end(&mut part).unwrap();
        });
        let message = Message::from(vec![7; LEN]);
        if is_split {
            let (mut reader, writer) = socket.split();
            let sending = thread::spawn(move || writer.send(&message));
            assert_eq!(reader.read().unwrap(), Some(Message::from("hi")));
            sending.join().unwrap().unwrap();
            assert_eq!(reader.read().unwrap(), None);
        } else {
            socket.send(&message).unwrap();
            assert_eq!(socket.read().unwrap(), Some(Message::from("hi")));
            assert_eq!(socket.read().unwrap(), None);
        }
        slow_peer.join().unwrap();
    }
}
