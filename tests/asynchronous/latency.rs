//! The measured round trip, on a clock that the test sets.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use sansocket::asynchronous::WebSocket;
use sansocket::{Config, Connection, Event};

use crate::bindings::{Clock, Clocked, poll, untimed};
use crate::script::wire::Wire;

const SECOND: Duration = Duration::from_secs(1);

fn over(wire: &Wire, config: Config) -> (WebSocket<Clocked>, Clock) {
    let clock = Clock::default();
    let transport = Clocked { wire: wire.clone(), clock: clock.clone() };
    (WebSocket::from_parts(transport, Connection::server(config)), clock)
}

/// Polls a future once, which ends.
macro_rules! now {
    ($future:expr) => {
        match poll(&Arc::default(), &mut pin!($future)) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    };
}

fn waits<F: Future>(future: F) {
    assert!(poll(&Arc::default(), &mut pin!(future)).is_pending());
}

#[test]
fn round_trip_of_the_keepalive_is_measured_while_a_read_waits() {
    let wire = Wire::open(b"");
    let (mut socket, clock) = over(&wire, Config::default().keepalive(Some(10 * SECOND)));
    waits(socket.read());
    clock.advance(10 * SECOND);
    waits(socket.read());
    assert_eq!(wire.written(), b"\x89\x00");
    clock.advance(3 * SECOND);
    wire.arrive(b"\x8a\x80\0\0\0\0");
    waits(socket.read());
    assert_eq!(socket.latency(), Some(3 * SECOND));
}

/// The Pong is looked at in another call than the one that has received it.
#[test]
fn pong_behind_a_message_has_the_time_when_it_is_found() {
    let wire = Wire::open(b"");
    let (mut socket, clock) = over(&wire, untimed());
    now!(socket.ping(b"1")).unwrap();
    clock.advance(SECOND);
    wire.arrive(b"\x81\x81\0\0\0\0x\x8a\x81\0\0\0\x001\x81\x81\0\0\0\0y");
    assert!(now!(socket.read()).is_ok());
    assert_eq!(socket.latency(), None);
    clock.advance(SECOND);
    assert!(now!(socket.read()).is_ok());
    assert_eq!(socket.latency(), Some(2 * SECOND));
}

#[test]
fn latency_is_there_when_the_pong_is_lent() {
    let wire = Wire::open(b"");
    let (mut socket, clock) = over(&wire, untimed());
    now!(socket.ping(b"1")).unwrap();
    clock.advance(SECOND);
    wire.arrive(b"\x89\x80\0\0\0\0\x8a\x81\0\0\0\x001");
    assert!(matches!(now!(socket.read_event()), Ok(Some(Event::Ping(_)))));
    assert!(matches!(now!(socket.read_event()), Ok(Some(Event::Pong(b"1")))));
    assert_eq!(socket.latency(), Some(SECOND));
}

#[test]
fn halves_measure_the_ping_of_a_writer() {
    let wire = Wire::open(b"");
    let (socket, clock) = over(&wire, untimed());
    let (mut reader, writer) = socket.split();
    let mut reading = pin!(reader.read());
    assert!(poll(&Arc::default(), &mut reading).is_pending());
    clock.advance(SECOND);
    now!(writer.ping(b"1")).unwrap();
    clock.advance(SECOND / 4);
    wire.arrive(b"\x8a\x81\0\0\0\x001");
    assert!(poll(&Arc::default(), &mut reading).is_pending());
    assert_eq!(writer.clone().latency(), Some(SECOND / 4));
}

#[test]
fn round_trip_begins_when_there_is_room_for_the_ping() {
    let wire = Wire::open(b"");
    wire.state().room = Some(0);
    let (mut socket, clock) = over(&wire, untimed().max_output_len(100));
    waits(socket.send(&[0; 85]));
    {
        let mut pinging = pin!(socket.ping(b"1"));
        assert!(poll(&Arc::default(), &mut pinging).is_pending());
        clock.advance(5 * SECOND);
        wire.make_room(1000);
        assert!(poll(&Arc::default(), &mut pinging).is_ready());
    }
    clock.advance(SECOND);
    wire.arrive(b"\x8a\x81\0\0\0\x001");
    waits(socket.read());
    assert_eq!(socket.latency(), Some(SECOND));
}
