//! Deadlines, on a clock that the test sets.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use sansocket::asynchronous::{Reader, WebSocket, Writer};
use sansocket::{CloseCode, Config, Connection, Error, ProtocolError, Role, State};

use crate::bindings::{Clock, Clocked, Executor, Task, poll};
use crate::script::wire::Wire;

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config::default().keepalive(Some(10 * SECOND)).close_timeout(5 * SECOND)
}

fn connection(role: Role, wire: &Wire) -> (WebSocket<Clocked>, Clock) {
    match role {
        Role::Server => over(wire, Connection::server(config())),
        Role::Client => over(wire, Connection::client(config())),
    }
}

/// A connection over `wire`, and its clock.
fn over(wire: &Wire, connection: Connection) -> (WebSocket<Clocked>, Clock) {
    let clock = Clock::default();
    let transport = Clocked { wire: wire.clone(), clock: clock.clone() };
    (WebSocket::from_parts(transport, connection), clock)
}

/// Runs a future as a task. Moves the clock by one second when the task sleeps, and after ten polls. Gives after how many
/// seconds the future ended.
fn seconds<F: Future>(clock: &Clock, future: F) -> (u32, F::Output) {
    let mut executor = Executor::new();
    executor.spawn(future);
    for second in 0..100 {
        _ = (0..10).all(|_| executor.turn());
        if executor.has_ended(0) {
            return (second, executor.outputs().remove(0));
        }
        clock.advance(SECOND);
    }
    panic!("the future has not ended after 100 s");
}

fn is_lost<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{result:?}");
}

// attack: io-3
#[test]
fn silent_peer_gets_a_ping_and_is_lost_after_two_intervals() {
    let wire = Wire::open(b"");
    let (mut socket, clock) = connection(Role::Server, &wire);
    let (after, result) = seconds(&clock, socket.read());
    is_lost(result);
    assert_eq!((after, &wire.written()[..]), (20, &b"\x89\x00"[..]));
}

// attack: io-3
#[test]
fn keepalive_ends_a_send_that_is_stuck() {
    let wire = Wire::open(b"");
    wire.state().stuck = true;
    let (socket, clock) = connection(Role::Server, &wire);
    let (mut reader, writer) = socket.split();
    let task = Arc::default();
    let mut sending = pin!(writer.send("x"));
    assert!(poll(&task, &mut sending).is_pending());
    is_lost(seconds(&clock, reader.read()).1);
    assert!(task.is_woken());
    let Poll::Ready(result) = poll(&task, &mut sending) else { panic!("the send still waits") };
    is_lost(result);
}

// attack: io-3
#[test]
fn dropped_read_leaves_the_timers_running() {
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
fn unanswered_close_ends_at_the_close_timeout() {
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
fn reader_ends_at_the_close_timeout_after_a_close_of_another_task() {
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
fn peer_that_keeps_the_transport_open_delays_the_end_by_the_close_timeout() {
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
fn unwritten_answer_to_a_close_frame_delays_the_end_by_the_close_timeout() {
    let wire = Wire::open(b"\x88\x80\0\0\0\0");
    wire.state().stuck = true;
    let (mut socket, clock) = connection(Role::Server, &wire);
    let (after, result) = seconds(&clock, socket.read());
    assert_eq!((after, result.unwrap()), (5, None));
}

#[test]
fn timeouts_may_be_zero_or_the_longest_duration() {
    for time in [Duration::ZERO, Duration::MAX] {
        let wire = Wire::open(b"");
        let config = Config::default().close_timeout(time).keepalive(Some(time));
        let (mut socket, _clock) = over(&wire, Connection::server(config));
        let first = poll(&Arc::default(), &mut pin!(socket.close(CloseCode::NORMAL, "")));
        assert_eq!(first.is_ready(), time.is_zero());
    }
}

// attack: close-3
#[test]
fn close_frame_is_written_although_no_answer_is_awaited() {
    for stuck in [false, true] {
        let wire = Wire::open(b"");
        wire.state().stuck = stuck;
        let config = Config::default().close_timeout(Duration::ZERO);
        let (mut socket, _clock) = over(&wire, Connection::server(config.clone()));
        let Poll::Ready(closed) = poll(&Arc::default(), &mut pin!(socket.close(CloseCode::NORMAL, "")))
        else {
            panic!("the close waits")
        };
        is_lost(closed);
        let written: &[u8] = if stuck { b"" } else { b"\x88\x02\x03\xe8" };
        assert_eq!(wire.written(), written);

        let wire = Wire::open(b"");
        wire.state().stuck = stuck;
        let (mut reader, _writer) = over(&wire, Connection::server(config)).0.split();
        assert!(poll(&Arc::default(), &mut pin!(reader.close(CloseCode::NORMAL, ""))).is_ready());
        assert_eq!(wire.written(), written);
    }
}

fn is_timed_out<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(&result, Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut), "{result:?}");
}

/// A connection with a write timeout of 7 s over a stream that takes nothing.
fn stuck() -> (WebSocket<Clocked>, Clock) {
    let wire = Wire::open(b"");
    wire.state().stuck = true;
    over(&wire, Connection::server(Config::default().keepalive(None).write_timeout(7 * SECOND)))
}

// attack: floods-5
#[test]
fn send_ends_at_the_write_timeout_if_the_peer_reads_nothing() {
    let (mut socket, clock) = stuck();
    let (after, result) = seconds(&clock, socket.send("x"));
    is_timed_out(result);
    assert_eq!((after, socket.state()), (7, State::Closed));
    is_lost(seconds(&clock, socket.read()).1);
}

// attack: floods-5
#[test]
fn send_of_a_writer_without_a_reader_ends_at_the_write_timeout() {
    let (socket, clock) = stuck();
    let (reader, writer) = socket.split();
    let (after, result) = seconds(&clock, writer.send("x"));
    is_timed_out(result);
    assert_eq!((after, writer.state(), reader.close_info().unwrap().was_clean), (7, State::Closed, false));
}

// attack: floods-5
#[test]
fn reader_and_writer_end_together_at_the_write_timeout() {
    let (socket, clock) = stuck();
    let (mut reader, writer) = socket.split();
    let task = Arc::default();
    let mut sending = pin!(writer.send("x"));
    assert!(poll(&task, &mut sending).is_pending());
    let (after, result) = seconds(&clock, reader.read());
    assert!(result.is_err() && after == 7, "{after}: {result:?}");
    assert!(task.is_woken());
    let Poll::Ready(result) = poll(&task, &mut sending) else { panic!("the send still waits") };
    assert!(result.is_err());
}

/// Sockets report room once it is a part of their buffer. What they take at the write limit itself is no sign of life.
// attack: floods-5
#[test]
fn room_that_is_not_reported_extends_the_write_timeout_by_a_twentieth() {
    let wire = Wire::open(b"");
    wire.state().room = Some(10);
    let config = Config::default().keepalive(None).write_timeout(40 * SECOND);
    let (mut socket, clock) = over(&wire, Connection::server(config));
    let message = [b'x'; 100];
    let grows = {
        let wire = wire.clone();
        poll_fn(move |_| {
            wire.state().room = Some(10); // and nobody is woken
            Poll::Ready(())
        })
    };
    let (after, (result, ())) = seconds(&clock, join(socket.send(&message), grows));
    is_timed_out(result);
    assert_eq!((after, wire.written().len()), (42, 20));
}

/// How a read and a send of one connection run.
#[derive(Clone, Copy, Debug)]
enum Run {
    TwoTasks,
    JoinReadFirst,
    JoinSendFirst,
    SelectReadFirst,
    SelectSendFirst,
}

const RUNS: [Run; 5] =
    [Run::TwoTasks, Run::JoinReadFirst, Run::JoinSendFirst, Run::SelectReadFirst, Run::SelectSendFirst];

/// When a future ended, in seconds, and its result.
type Ended = Option<(u32, Result<(), Error>)>;

/// Runs a read and a send until both end. `each_second` is called before each second.
fn read_and_send(
    run: Run,
    clock: &Clock,
    (mut reader, writer): (Reader<Clocked>, Writer<Clocked>),
    mut each_second: impl FnMut(u32),
) -> [Ended; 2] {
    let (now, read, sent) = (Cell::new(0), Cell::new(None), Cell::new(None));
    let message = [b'x'; 100];
    {
        let mut reading = pin!(async {
            let result = reader.read().await.map(drop);
            read.set(Some((now.get(), result)));
        });
        let mut sending = pin!(async {
            let result = writer.send(&message).await;
            sent.set(Some((now.get(), result)));
        });
        let mut executor = Executor::new();
        match run {
            Run::TwoTasks => {
                executor.spawn(reading);
                executor.spawn(sending);
            }
            Run::JoinReadFirst => executor.spawn(async move { _ = join(reading, sending).await }),
            Run::JoinSendFirst => executor.spawn(async move { _ = join(sending, reading).await }),
            Run::SelectReadFirst => executor.spawn(async move {
                match select(&mut reading, &mut sending).await {
                    Either::Left(((), sending)) => sending.await,
                    Either::Right(((), reading)) => reading.await,
                }
            }),
            Run::SelectSendFirst => executor.spawn(async move {
                match select(&mut sending, &mut reading).await {
                    Either::Left(((), reading)) => reading.await,
                    Either::Right(((), sending)) => sending.await,
                }
            }),
        }
        for second in 0..200 {
            now.set(second);
            each_second(second);
            executor.run();
            clock.advance(SECOND);
        }
    }
    [read.take(), sent.take()]
}

/// The write timeout is no deadline for a silent peer.
// attack: io-3
#[test]
fn keepalive_finds_a_silent_peer_while_a_send_waits() {
    for run in RUNS {
        for write_timeout in [25 * SECOND, 3600 * SECOND, Duration::MAX] {
            let wire = Wire::open(b"");
            wire.state().stuck = true;
            let (socket, clock) = over(&wire, Connection::server(config().write_timeout(write_timeout)));
            let [read, sent] = read_and_send(run, &clock, socket.split(), |_| ());
            let ((read_at, read), (sent_at, sent)) = (read.unwrap(), sent.unwrap());
            assert_eq!((read_at, sent_at), (20, 20), "{run:?}, {write_timeout:?}");
            is_lost(read);
            is_lost(sent);
        }
    }
}

// attack: io-3
#[test]
fn keepalive_finds_a_slow_peer_that_falls_silent_while_a_send_waits() {
    for run in RUNS {
        let wire = Wire::open(b"");
        let (socket, clock) = over(&wire, Connection::server(config().write_timeout(3600 * SECOND)));
        wire.state().room = Some(1);
        let reads_slowly = |second| {
            if (1..=45).contains(&second) {
                wire.make_room(1);
            }
        };
        let [read, sent] = read_and_send(run, &clock, socket.split(), reads_slowly);
        let ((read_at, read), (sent_at, sent)) = (read.unwrap(), sent.unwrap());
        assert_eq!(wire.written().len(), 46, "{run:?}");
        // Two to three intervals after the last sign of life.
        assert!((65..=75).contains(&read_at) && sent_at == read_at, "{run:?}: {read_at}, {sent_at}");
        is_lost(read);
        is_lost(sent);
    }
}

// attack: close-3
#[test]
fn close_timeout_is_kept_while_a_send_waits() {
    for run in RUNS {
        for write_timeout in [7 * SECOND, 3600 * SECOND, Duration::MAX] {
            let wire = Wire::open(b"");
            wire.state().stuck = true;
            let (socket, clock) = over(&wire, Connection::server(config().write_timeout(write_timeout)));
            let closes = |second| {
                if second == 1 {
                    wire.arrive(b"\x88\x82\0\0\0\0\x03\xe8");
                }
            };
            let [read, sent] = read_and_send(run, &clock, socket.split(), closes);
            let ((read_at, read), (sent_at, sent)) = (read.unwrap(), sent.unwrap());
            assert_eq!((read_at, sent_at), (6, 6), "{run:?}, {write_timeout:?}");
            read.unwrap();
            is_lost(sent);
        }
    }
}

// attack: close-3
#[test]
fn unanswered_close_ends_at_the_close_timeout_while_a_send_waits() {
    for run in RUNS {
        let wire = Wire::open(b"");
        wire.state().stuck = true;
        let (socket, clock) = over(&wire, Connection::server(config().write_timeout(3600 * SECOND)));
        let (reader, writer) = socket.split();
        let closer = writer.clone();
        let closes = |second| {
            if second == 3 {
                // The Close frame is queued, and this task waits no longer.
                let mut closing = pin!(closer.close(CloseCode::NORMAL, ""));
                assert!(poll(&Arc::default(), &mut closing).is_pending());
            }
        };
        let [read, sent] = read_and_send(run, &clock, (reader, writer), closes);
        let ((read_at, read), (sent_at, sent)) = (read.unwrap(), sent.unwrap());
        assert_eq!((read_at, sent_at), (8, 8), "{run:?}");
        is_lost(read);
        is_lost(sent);
    }
}

/// The send is polled after the reader's deadline has passed and before the timer fires.
// attack: io-3
#[test]
fn send_that_is_polled_at_a_deadline_of_the_reader_leaves_it_to_the_reader() {
    for is_one_task in [false, true] {
        let wire = Wire::open(b"");
        wire.state().stuck = true;
        let (socket, clock) = over(&wire, Connection::server(config().write_timeout(3600 * SECOND)));
        let (mut reader, writer) = socket.split();
        let of_reader = Arc::<Task>::default();
        let of_writer = if is_one_task { Arc::clone(&of_reader) } else { Arc::default() };
        let (mut reading, mut sending) = (pin!(reader.read()), pin!(writer.send("x")));
        assert!(poll(&of_reader, &mut reading).is_pending());
        assert!(poll(&of_writer, &mut sending).is_pending());
        clock.pass(10 * SECOND);
        assert!(poll(&of_writer, &mut sending).is_pending());
        clock.advance(Duration::ZERO);
        assert!(of_reader.is_woken(), "one task: {is_one_task}");
    }
}

/// As above in one task: time passes between the polls of a `join`.
// attack: close-3, io-3
#[test]
fn deadline_that_passes_between_the_polls_of_a_join_is_kept() {
    for closes in [false, true] {
        let wire = Wire::open(b"");
        wire.state().stuck = true;
        let (socket, clock) = over(&wire, Connection::server(config().write_timeout(3600 * SECOND)));
        let (mut reader, writer) = socket.split();
        let mut sending = pin!(writer.send("x"));
        assert!(poll(&Arc::default(), &mut sending).is_pending());
        if closes {
            wire.arrive(b"\x88\x80\0\0\0\0");
            let mut event = pin!(async { reader.read_event().await.map(drop) });
            assert!(poll(&Arc::default(), &mut event).is_ready());
        }
        let time_passes = poll_fn(|_| {
            clock.pass(10 * SECOND);
            Poll::Ready(())
        });
        let reading = async { reader.read().await.map(drop) };
        let (after, ((read, ()), sent)) = seconds(&clock, join(join(reading, time_passes), sending));
        is_lost(sent);
        if closes {
            read.unwrap();
            assert_eq!(after, 0, "the close timeout of 5 s has passed");
        } else {
            is_lost(read);
            assert_eq!(after, 10, "the second interval ends at 20 s");
        }
    }
}
