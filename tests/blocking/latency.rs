//! The measured round trip over sockets. The peer answers after a pause, so a round trip is at least that long.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use sansocket::Event;
use sansocket::blocking::TimedRead;

use super::{connect_raw, patient, serve};

const PAUSE: Duration = Duration::from_millis(30);

/// Reads a Ping with the payload `1` and answers it after the pause.
fn answer(peer: &mut TcpStream) {
    let mut ping = [0; 3];
    peer.read_exact(&mut ping).unwrap();
    assert_eq!(&ping, b"\x89\x011");
    thread::sleep(PAUSE);
    peer.write_all(b"\x8a\x81\0\0\0\x001").unwrap();
}

#[test]
fn whole_connection_measures_its_ping() {
    let (url, server) = serve(patient(), |mut socket| {
        let begin = Instant::now();
        socket.ping(b"1").unwrap();
        assert_eq!(socket.latency(), None);
        while socket.latency().is_none() {
            assert_eq!(socket.read_timeout(PAUSE).unwrap(), TimedRead::TimedOut);
        }
        (socket.latency().unwrap(), begin.elapsed())
    });
    answer(&mut connect_raw(&url));
    let (latency, all) = server.join().unwrap();
    assert!((PAUSE..=all).contains(&latency), "{latency:?} of {all:?}");
}

#[test]
fn halves_measure_the_ping_of_a_writer() {
    let (url, server) = serve(patient(), |socket| {
        let (mut reader, writer) = socket.split();
        let begin = Instant::now();
        let pinging = thread::spawn(move || writer.ping(b"1").map(|()| writer).unwrap());
        assert!(matches!(reader.read_event(), Ok(Some(Event::Pong(b"1")))));
        (pinging.join().unwrap().latency().unwrap(), begin.elapsed())
    });
    answer(&mut connect_raw(&url));
    let (latency, all) = server.join().unwrap();
    assert!((PAUSE..=all).contains(&latency), "{latency:?} of {all:?}");
}

#[test]
fn keepalive_is_measured_while_a_read_waits() {
    let (url, server) = serve(patient().keepalive(Some(PAUSE)), |mut socket| {
        let begin = Instant::now();
        assert!(socket.read().unwrap().is_some());
        (socket.latency().unwrap(), begin.elapsed())
    });
    let mut peer = connect_raw(&url);
    let mut ping = [0; 2];
    peer.read_exact(&mut ping).unwrap();
    assert_eq!(&ping, b"\x89\x00");
    peer.write_all(b"\x8a\x80\0\0\0\0\x81\x80\0\0\0\0").unwrap();
    let (latency, all) = server.join().unwrap();
    assert!(latency <= all, "{latency:?} of {all:?}");
}
