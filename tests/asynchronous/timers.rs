//! Times, on a clock that the test sets.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sansocket::asynchronous::WebSocket;
use sansocket::{Buffer, CloseCode, Config, Connection, Error, ProtocolError, Role, State};

use crate::bindings::{Clock, Clocked, Task, poll};
use crate::script::wire::Wire;

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config { keepalive: Some(10 * SECOND), close_timeout: 5 * SECOND, ..Config::default() }
}

fn connection(role: Role, wire: &Wire) -> (WebSocket<Clocked>, Clock) {
    let clock = Clock::default();
    let io = Clocked { wire: wire.clone(), clock: clock.clone() };
    (WebSocket::from_parts(io, Connection::new(role, config()), Buffer::new()), clock)
}

/// Polls whenever the future was woken, a second of the clock after the other; gives how many seconds that took.
fn seconds<F: Future>(clock: &Clock, future: F) -> (u32, F::Output) {
    let mut future = pin!(future);
    let task = Arc::new(Task::default());
    for second in 0..100 {
        for _ in 0..10 {
            if let Poll::Ready(output) = poll(&task, &mut future) {
                return (second, output);
            }
            if !task.is_woken() {
                break;
            }
        }
        clock.advance(SECOND);
    }
    panic!("it takes for ever");
}

fn is_lost<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{result:?}");
}

// attack: io-3
#[test]
fn silence_is_met_with_a_ping_and_then_the_connection_is_lost() {
    let wire = Wire::open(b"");
    let (mut socket, clock) = connection(Role::Server, &wire);
    let (after, result) = seconds(&clock, socket.read());
    is_lost(result);
    assert_eq!((after, &wire.written()[..]), (20, &b"\x89\x00"[..]));
}

// attack: io-3
#[test]
fn the_keepalive_finds_a_writer_that_is_stuck() {
    let wire = Wire::open(b"");
    wire.state().stuck = true;
    let (socket, clock) = connection(Role::Server, &wire);
    let (mut reader, writer) = socket.split();
    let task = Arc::default();
    let mut sending = pin!(writer.send_text("x"));
    assert!(poll(&task, &mut sending).is_pending());
    is_lost(seconds(&clock, reader.read()).1);
    assert!(task.is_woken());
    let Poll::Ready(result) = poll(&task, &mut sending) else { panic!("it still waits") };
    is_lost(result);
}

// attack: io-3
#[test]
fn a_read_that_is_dropped_leaves_the_timers_running() {
    let wire = Wire::open(b"");
    let (mut socket, clock) = connection(Role::Server, &wire);
    for _ in 0..15 {
        assert!(poll(&Arc::default(), &mut pin!(socket.read())).is_pending());
        clock.advance(SECOND);
    }
    assert_eq!(wire.written(), b"\x89\x00");
    is_lost(seconds(&clock, socket.read()).1);
}

// attack: close-3
#[test]
fn a_peer_that_does_not_answer_a_close_frame_is_given_up() {
    for flood in [None, Some(b"\x82\x80\0\0\0\0".to_vec()), Some(b"\x89\x80\0\0\0\0".to_vec())] {
        let wire = Wire::open(b"");
        wire.state().repeats = flood;
        let (mut socket, clock) = connection(Role::Server, &wire);
        let (after, result) = seconds(&clock, socket.close(CloseCode::NORMAL, ""));
        is_lost(result);
        assert_eq!((after, &wire.written()[..4]), (5, &b"\x88\x02\x03\xe8"[..]));
    }
}

#[test]
fn a_reader_gives_up_when_another_task_has_closed() {
    let wire = Wire::open(b"");
    let (socket, clock) = connection(Role::Server, &wire);
    let (mut reader, writer) = socket.split();
    let task = Arc::default();
    let mut reading = pin!(reader.read());
    assert!(poll(&task, &mut reading).is_pending());
    assert!(poll(&Arc::default(), &mut pin!(writer.close(CloseCode::NORMAL, ""))).is_ready());
    assert!(task.is_woken());
    let (after, result) = seconds(&clock, reading);
    is_lost(result);
    assert_eq!(after, 5);
}

// attack: close-3
// req: 6455-5.5.1-k, 6455-5.5.1-n, 6455-7.1.1-a, 6455-7.1.1-d
#[test]
fn a_peer_that_leaves_the_transport_open_or_floods_it_delays_the_end_no_longer_than_that() {
    for (role, close) in [(Role::Server, &b"\x88\x80\0\0\0\0"[..]), (Role::Client, b"\x88\x00")] {
        for flood in [None, Some(vec![b'x'; 10_000])] {
            let wire = Wire::open(close);
            let (mut socket, clock) = connection(role, &wire);
            let task = Arc::default();
            assert!(poll(&task, &mut Box::pin(async { socket.read_event().await.map(drop) })).is_ready());
            wire.state().repeats = flood;
            let (after, result) = seconds(&clock, socket.read());
            assert_eq!((after, result.unwrap()), (5, None));
            assert!(wire.state().shut);
        }
    }
}

#[test]
fn an_answer_that_cannot_be_written_delays_the_end_no_longer_than_that() {
    let wire = Wire::open(b"\x88\x80\0\0\0\0");
    wire.state().stuck = true;
    let (mut socket, clock) = connection(Role::Server, &wire);
    let (after, result) = seconds(&clock, socket.read());
    assert_eq!((after, result.unwrap()), (5, None));
}

#[test]
fn no_time_at_all_and_all_the_time_there_is() {
    for time in [Duration::ZERO, Duration::MAX] {
        let wire = Wire::open(b"");
        let io = Clocked { wire: wire.clone(), clock: Clock::default() };
        let config = Config { close_timeout: time, keepalive: Some(time), ..Config::default() };
        let mut socket = WebSocket::from_parts(io, Connection::server(config), Buffer::new());
        let first = poll(&Arc::default(), &mut pin!(socket.close(CloseCode::NORMAL, "")));
        assert_eq!(first.is_ready(), time.is_zero());
    }
}

fn is_timed_out<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(&result, Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut), "{result:?}");
}

/// A connection over a stream that takes nothing, and a clock on which a peer is given seven seconds.
fn stuck() -> (WebSocket<Clocked>, Clock) {
    let wire = Wire::open(b"");
    wire.state().stuck = true;
    let clock = Clock::default();
    let config = Config { keepalive: None, write_timeout: 7 * SECOND, ..Config::default() };
    let io = Clocked { wire, clock: clock.clone() };
    (WebSocket::from_parts(io, Connection::server(config), Buffer::new()), clock)
}

// attack: floods-5
#[test]
fn a_peer_that_reads_nothing_is_given_up_by_whoever_sends() {
    let (mut socket, clock) = stuck();
    let (after, result) = seconds(&clock, socket.send_text("x"));
    is_timed_out(result);
    assert_eq!((after, socket.state()), (7, State::Closed));
    is_lost(seconds(&clock, socket.read()).1);
}

// attack: floods-5
#[test]
fn a_peer_that_reads_nothing_is_given_up_by_a_writer_without_a_reader() {
    let (socket, clock) = stuck();
    let (reader, writer) = socket.split();
    let (after, result) = seconds(&clock, writer.send_text("x"));
    is_timed_out(result);
    assert_eq!((after, writer.state(), reader.close_info().unwrap().was_clean), (7, State::Closed, false));
}

// attack: floods-5
#[test]
fn a_peer_that_reads_nothing_is_given_up_by_reader_and_writer_at_once() {
    let (socket, clock) = stuck();
    let (mut reader, writer) = socket.split();
    let task = Arc::default();
    let mut sending = pin!(writer.send_text("x"));
    assert!(poll(&task, &mut sending).is_pending());
    let (after, result) = seconds(&clock, reader.read());
    assert!(result.is_err() && after == 7, "{after}: {result:?}");
    assert!(task.is_woken());
    let Poll::Ready(result) = poll(&task, &mut sending) else { panic!("it still waits") };
    assert!(result.is_err());
}
