//! The blocking shell over sockets of the operating system.

#![cfg(feature = "std")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "an unexpected value ends the test"
)]

mod deadlines;
mod halves;
mod latency;
mod opening;
mod over;
#[path = "../script/mod.rs"]
mod script;
#[path = "../throwaway/servers.rs"]
mod servers;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sansocket::blocking::{self, NetStream, TimedRead, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{
    Chunk, CloseCode, Config, Error, Event, HandshakeError, Message, Outgoing, Prepared, ProtocolError,
    SendError, State,
};

use servers::read_head;

const HANDSHAKE: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

type Socket = WebSocket<NetStream>;

/// A timeout that no test waits for.
const LONG: Duration = Duration::from_secs(60);

/// A timeout that tests wait for.
const SHORT: Duration = Duration::from_millis(50);

fn patient() -> Config {
    Config::default().keepalive(None).close_timeout(LONG).handshake_timeout(LONG).write_timeout(LONG)
}

/// Starts a server that runs `task` with one connection. Gives its URL and its thread.
fn serve<T: Send + 'static>(
    config: Config,
    task: impl FnOnce(Socket) -> T + Send + 'static,
) -> (String, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let task = move || {
        let (stream, _) = listener.accept().unwrap();
        task(blocking::accept_with(NetStream::from(stream), config, |request| request.accept()).unwrap())
    };
    (url, thread::spawn(task))
}

fn connect(url: &str) -> Socket {
    blocking::connect_with(&Request::new(url).unwrap(), patient()).unwrap().0
}

/// A TCP client after its opening handshake.
fn connect_raw(url: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.trim_start_matches("ws://").trim_end_matches('/')).unwrap();
    stream.write_all(HANDSHAKE).unwrap();
    let head = read_head(&stream).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

fn echo(mut socket: Socket) -> Result<Socket, Error> {
    while let Some(message) = socket.read()? {
        socket.feed(&message)?;
    }
    Ok(socket)
}

// req: 6455-4.1-a, 6455-4.1-h, 6455-5.5.2-d, 6455-6.1-i
#[test]
fn messages_are_echoed_and_the_client_closes() {
    let (url, server) = serve(patient(), echo);
    let mut client = connect(&url);
    for message in [Message::from("Hello"), Message::from(vec![7; 300_000]), Message::from("")] {
        client.send(&message).unwrap();
        assert_eq!(client.read().unwrap(), Some(message));
    }
    client.send(Outgoing::text_fragment("Hel", false)).unwrap();
    client.ping(b"in between").unwrap();
    client.send(Outgoing::text_fragment("lo", true)).unwrap();
    assert_eq!(client.read_event().unwrap(), Some(Event::Pong(b"in between")));
    assert_eq!(client.read_event().unwrap(), Some(Event::Text("Hello")));
    client.close(CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(client.state(), State::Closed);
    let info = server.join().unwrap().unwrap().close_info().unwrap();
    assert_eq!((info.code, &*info.reason, info.was_clean), (CloseCode::NORMAL, "bye", true));
    assert!(matches!(client.send("late"), Err(Error::Send(SendError::Closed))));
}

#[test]
fn client_reads_to_the_end_after_the_server_has_closed() {
    let (url, server) = serve(patient(), |mut socket| {
        socket.send("last words").unwrap();
        socket.close(CloseCode::GOING_AWAY, "restart").unwrap();
        socket.close_info().unwrap()
    });
    let mut client = connect(&url);
    assert_eq!(client.read().unwrap(), Some(Message::from("last words")));
    assert_eq!(client.read().unwrap(), None);
    assert_eq!(client.read().unwrap(), None, "the connection stays closed");
    let info = client.close_info().unwrap();
    assert_eq!((info.code, &*info.reason, info.was_clean), (CloseCode::GOING_AWAY, "restart", true));
    assert_eq!(server.join().unwrap().code, CloseCode::GOING_AWAY, "echoed");
}

// attack: io-3
#[test]
fn timed_out_read_loses_nothing() {
    let (url, server) = serve(patient(), |mut socket| {
        assert_eq!(socket.read_timeout(SHORT).unwrap(), TimedRead::TimedOut, "half of a frame has arrived");
        socket.send("go on").unwrap();
        let message = socket.read_timeout(LONG).unwrap();
        (message, socket.read_timeout(LONG).unwrap(), socket.close_info().unwrap().code)
    });
    let mut client = connect_raw(&url);
    client.write_all(b"\x81\x85\0\0\0\0Hel").unwrap();
    let mut go_on = [0; 7];
    client.read_exact(&mut go_on).unwrap();
    client.write_all(b"lo\x88\x80\0\0\0\0").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (message, end, code) = server.join().unwrap();
    assert_eq!(message, TimedRead::Message(Message::from("Hello")));
    assert_eq!((end, code), (TimedRead::Closed, CloseCode::NO_STATUS));
}

#[test]
fn long_message_is_read_in_chunks() {
    let (url, server) = serve(patient(), |mut socket| {
        let (mut text, mut chunks) = (String::new(), 0);
        while let Some(Chunk::Text { text: chunk, fin }) = socket.read_chunk().unwrap() {
            text.push_str(chunk);
            chunks += 1;
            if fin {
                break;
            }
        }
        socket.send("thanks").unwrap();
        socket.read().unwrap();
        (text, chunks)
    });
    let mut client = connect(&url);
    let text = "κόσμε ".repeat(100_000);
    client.send(&text).unwrap();
    assert_eq!(client.read().unwrap(), Some(Message::from("thanks")));
    client.close(CloseCode::NORMAL, "").unwrap();
    let (received, chunks) = server.join().unwrap();
    assert!(received == text && chunks > 10, "{chunks} chunks");
}

// attack: close-4
// req: 6455-5.1-b, 6455-7.1.7-c, 6455-7.1.7-e, 6455-7.4.1-f, 6455-10.7-c
#[test]
fn section_7_1_7_peer_gets_a_close_frame_for_its_fault_before_the_transport_ends() {
    let rows: [(&[u8], &[u8]); 3] = [
        (b"\x81\x05Hello", b"\x03\xea"),                      // not masked: 1002
        (b"\x81\x81\0\0\0\0\xff", b"\x03\xef"),               // not UTF-8: 1007
        (b"\x82\xff\0\0\0\0\x7f\0\0\0\0\0\0\0", b"\x03\xf1"), // too long: 1009
    ];
    for (wire, code) in rows {
        let (url, server) = serve(patient(), echo);
        let mut client = connect_raw(&url);
        client.write_all(&[wire, &vec![0; 500_000]].concat()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut close = Vec::new();
        client.read_to_end(&mut close).unwrap();
        assert_eq!((close[0], &close[2..4]), (0x88, code));
        assert!(matches!(server.join().unwrap().unwrap_err(), Error::Protocol(_)));
    }
}

// attack: close-3
// req: 6455-7.1.5-c
#[test]
fn unanswered_close_is_a_lost_connection() {
    let (url, server) = serve(patient().close_timeout(SHORT), |mut socket| {
        (socket.close(CloseCode::NORMAL, ""), socket.close_info().unwrap())
    });
    let _client = connect_raw(&url);
    let (result, info) = server.join().unwrap();
    assert!(matches!(result, Err(Error::Protocol(ProtocolError::ConnectionLost))));
    assert_eq!((info.code, info.was_clean, info.sent), (CloseCode::ABNORMAL, false, Some(CloseCode::NORMAL)));
}

// attack: close-3
#[test]
fn endless_messages_do_not_delay_the_close_deadline() {
    let (url, server) =
        serve(patient().close_timeout(SHORT), |mut socket| socket.close(CloseCode::NORMAL, ""));
    let mut client = connect_raw(&url);
    // Writing fails when the server has dropped the socket.
    while client.write_all(&b"\x82\x80\0\0\0\0".repeat(1000)).is_ok() {}
    assert!(matches!(server.join().unwrap(), Err(Error::Protocol(ProtocolError::ConnectionLost))));
}

// attack: io-3
#[test]
fn keepalive_ends_a_connection_with_a_silent_peer() {
    let (url, server) = serve(patient().keepalive(Some(SHORT)), |mut socket| socket.read().map(drop));
    let mut client = connect_raw(&url);
    let mut ping = [0; 2];
    client.read_exact(&mut ping).unwrap();
    assert_eq!(ping, *b"\x89\x00");
    assert!(matches!(server.join().unwrap(), Err(Error::Protocol(ProtocolError::ConnectionLost))));
}

// attack: floods-5
#[test]
fn send_ends_at_the_write_timeout_if_the_peer_does_not_read() {
    let (url, server) = serve(patient().write_timeout(SHORT), |mut socket| {
        let data = Message::from(vec![0; 1 << 20]);
        loop {
            if let Err(error) = socket.send(&data) {
                return (error, socket.buffered_amount());
            }
        }
    });
    let _client = connect_raw(&url);
    let (error, buffered) = server.join().unwrap();
    assert!(matches!(error, Error::Io(_)) && buffered > 0, "{error}");
}

#[test]
fn messages_of_many_threads_arrive_whole_and_in_order() {
    const THREADS: usize = 8;
    const MESSAGES: usize = 500;
    let (url, server) = serve(patient(), |socket| {
        let (mut reader, writer) = socket.split();
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let writer = writer.clone();
                thread::spawn(move || {
                    for n in 0..MESSAGES {
                        writer.send(&format!("{thread} {n} {}", "x".repeat(n))).unwrap();
                    }
                })
            })
            .collect();
        let mut received = 0;
        while reader.read().unwrap().is_some() {
            received += 1;
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        (received, reader.close_info().unwrap().code)
    });
    let mut client = connect(&url);
    let mut next = [0; THREADS];
    for n in 0..THREADS * MESSAGES {
        let message = client.read().unwrap().unwrap();
        let fields: Vec<_> = message.as_text().unwrap().split(' ').map(String::from).collect();
        let thread: usize = fields[0].parse().unwrap();
        assert_eq!((fields[1].parse(), fields[2].len()), (Ok(next[thread]), next[thread]));
        next[thread] += 1;
        if n % 3 == 0 {
            client.feed(&Message::from("noise")).unwrap();
        }
    }
    client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(server.join().unwrap(), ((THREADS * MESSAGES).div_ceil(3), CloseCode::NORMAL));
}

// req: 6455-5.5.2-b, 6455-5.5.2-c
#[test]
fn waiting_reader_answers_pings_and_sees_the_close_of_a_writer() {
    let (url, server) = serve(patient(), |socket| {
        let (mut reader, writer) = socket.split();
        let waiting = thread::spawn(move || {
            (reader.read().unwrap(), reader.read().unwrap(), reader.close_info().unwrap())
        });
        (writer, waiting)
    });
    let mut client = connect(&url);
    client.ping(b"anybody there?").unwrap();
    assert_eq!(client.read_event().unwrap(), Some(Event::Pong(b"anybody there?")));
    let (writer, waiting) = server.join().unwrap();
    writer.feed(&Prepared::from("fed")).unwrap();
    writer.flush().unwrap();
    client.send("one").unwrap();
    writer.close(CloseCode(4000), "by another thread").unwrap();
    assert_eq!(client.read().unwrap(), Some(Message::from("fed")));
    assert_eq!(client.read().unwrap(), None);
    let (message, end, info) = waiting.join().unwrap();
    assert_eq!((message, end, info.was_clean), (Some(Message::from("one")), None, true));
    assert_eq!(client.close_info().unwrap().code, CloseCode(4000));
}

#[test]
fn reader_reads_while_a_writer_is_stuck() {
    let (url, server) = serve(patient(), |socket| {
        let (mut reader, writer) = socket.split();
        let stuck = writer.clone();
        let stuck = thread::spawn(move || stuck.send(&Message::from(vec![0; 30 << 20])));
        let message = reader.read().unwrap();
        assert!(writer.buffered_amount() > 0, "the peer has read nothing yet");
        writer.abort();
        (message, stuck.join().unwrap().is_err(), reader.read().is_err())
    });
    let mut client = connect_raw(&url);
    client.write_all(&[&b"\x89\x80\0\0\0\0".repeat(10_000)[..], b"\x81\x82\0\0\0\0hi"].concat()).unwrap();
    assert_eq!(server.join().unwrap(), (Some(Message::from("hi")), true, true));
}

#[test]
fn end_of_the_connection_waits_for_a_message_that_another_thread_writes() {
    const LEN: usize = 30 << 20;
    let rows: [(&[u8], &[u8]); 2] = [
        (b"\x88\x82\0\0\0\0\x03\xe8", b"\x88\x02\x03\xe8"), // the peer closes
        (b"\x81\x01a", b"\x88"),                            // not masked
    ];
    for (wire, close) in rows {
        let (url, server) = serve(patient(), |socket| {
            let (mut reader, writer) = socket.split();
            let other = writer.clone();
            let other = thread::spawn(move || other.send(&Message::from(vec![7; LEN])));
            while writer.buffered_amount() == 0 {
                thread::yield_now();
            }
            reader.read().ok();
            other.join().unwrap().unwrap();
        });
        let mut client = connect_raw(&url);
        let mut first = [0; 1];
        client.read_exact(&mut first).unwrap();
        client.write_all(wire).unwrap();
        thread::sleep(SHORT); // the server reads this while its other thread waits to write
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        let (_, end) = rest.split_at((LEN + 9).min(rest.len()));
        assert!(end.starts_with(close), "after {} of {LEN} bytes: {}", rest.len(), end.escape_ascii());
        drop(client);
        server.join().unwrap();
    }
}

#[test]
fn timeouts_may_be_the_longest_duration() {
    let endless = Config::default()
        .keepalive(Some(Duration::MAX))
        .close_timeout(Duration::MAX)
        .handshake_timeout(Duration::MAX)
        .write_timeout(Duration::MAX);
    let (url, server) = serve(endless.clone(), |socket| {
        let (mut reader, writer) = socket.split();
        while let TimedRead::Message(message) = reader.read_timeout(Duration::MAX).unwrap() {
            writer.send(&message).unwrap();
        }
        reader.close_info().unwrap().was_clean
    });
    let (mut client, _) = blocking::connect_with(&Request::new(&url).unwrap(), endless).unwrap();
    client.send("Hello").unwrap();
    assert_eq!(client.read_timeout(Duration::MAX).unwrap(), TimedRead::Message(Message::from("Hello")));
    client.close(CloseCode::NORMAL, "").unwrap();
    assert!(server.join().unwrap());
}

#[test]
fn timeouts_of_zero_have_passed_at_once() {
    let hasty = patient().close_timeout(Duration::ZERO).write_timeout(Duration::ZERO);
    let (url, server) = serve(hasty.clone(), |mut socket| {
        assert_eq!(socket.read_timeout(Duration::ZERO).unwrap(), TimedRead::TimedOut);
        socket.send("Hello").unwrap();
        socket.close(CloseCode::NORMAL, "")
    });
    let mut client = connect_raw(&url);
    assert!(matches!(server.join().unwrap(), Err(Error::Protocol(ProtocolError::ConnectionLost))));
    let mut written = Vec::new();
    client.read_to_end(&mut written).unwrap();
    assert_eq!(written, b"\x81\x05Hello\x88\x02\x03\xe8");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let hasty = hasty.handshake_timeout(Duration::ZERO);
    let late = blocking::accept_with(listener.accept().unwrap().0, hasty, |request| request.accept());
    assert!(matches!(late, Err(Error::Handshake(HandshakeError::TimedOut))));
}

#[test]
fn keepalive_restarts_on_the_clock_of_the_shell() {
    let (url, server) = serve(patient().keepalive(Some(SHORT)), |socket| {
        let (stream, mut connection) = socket.into_parts();
        connection.handle_timeout(LONG * 60);
        let (mut reader, _writer) = WebSocket::from_parts(stream, connection).unwrap().split();
        reader.read_timeout(LONG).map(drop)
    });
    let mut client = connect_raw(&url);
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut ping = [0; 2];
    client.read_exact(&mut ping).unwrap();
    assert_eq!(ping, *b"\x89\x00");
    assert!(matches!(server.join().unwrap(), Err(Error::Protocol(ProtocolError::ConnectionLost))));
}
