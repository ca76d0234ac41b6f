//! Peers that do not read, a server that was stopped for a while, a process out of descriptors.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sansocket::frame::Opcode;

use super::EMBED;
use super::example_server::{Server, eventually};
use super::peer::{Socket, bare, connect, frame, is_served, next, opened};
use super::usage::{descriptors, descriptors_are, resident, rests};

/// More bytes than all buffers between client and server hold.
const ENDLESS: usize = 512 << 20;

/// The most bytes that the server may hold for one such peer: a message that is arriving and one that waits to be
/// written, each in memory that grows by doubling.
const HELD: usize = 80 << 20;

/// Sends messages and reads nothing, until the server takes no more bytes or has taken `enough`. Gives the number of
/// bytes. The server must serve others meanwhile.
fn stuff(stream: &mut TcpStream, server: &Server, message: &[u8], enough: usize) -> usize {
    stream.set_nonblocking(true).unwrap();
    let messages = message.repeat((64 << 10) / message.len() + 1);
    let (mut sent, mut refusals) = (0, 0);
    while refusals < 10 && sent < enough {
        match stream.write(&messages[sent % messages.len()..]) {
            Ok(n) => {
                sent += n;
                refusals = 0;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                is_served(server);
                thread::sleep(Duration::from_millis(50));
                refusals += 1;
            }
        }
    }
    sent
}

#[test]
fn server_stops_reading_from_a_peer_that_does_not_read() {
    let server = Server::start(EMBED, &["--write-timeout", "600"]);
    let idle = resident(&server);
    for len in [0, 10, 64 << 10, 16 << 20] {
        let mut stream = opened(&server);
        let sent = stuff(&mut stream, &server, &frame(Opcode::Binary, true, &vec![0; len]), ENDLESS);
        assert!(sent < ENDLESS, "the server goes on reading");
        let held = resident(&server).saturating_sub(idle);
        println!("messages of {len}: {} KiB were taken, {} KiB are held", sent >> 10, held >> 10);
        assert!(held < HELD, "{held} bytes held");
        rests(&server);
    }
}

#[test]
fn flood_of_pings_costs_little_memory() {
    let server = Server::start(EMBED, &["--write-timeout", "600"]);
    let idle = resident(&server);
    let mut stream = opened(&server);
    // Only the newest Pings are answered, so the server reads many before the answers fill the buffers.
    stuff(&mut stream, &server, &frame(Opcode::Ping, true, &[b'?'; 125]), 64 << 20);
    is_served(&server);
    let held = resident(&server).saturating_sub(idle);
    assert!(held < HELD, "{held} bytes held");
}

#[test]
fn peer_that_does_not_read_is_dropped_after_the_write_timeout() {
    let server = Server::start(EMBED, &["--write-timeout", "1"]);
    let before = descriptors(&server);
    let mut stream = opened(&server);
    stream.set_nonblocking(true).unwrap();
    let message = frame(Opcode::Binary, true, &[0; 64 << 10]);
    let mut sent = 0;
    eventually("the connection ends", || {
        loop {
            match stream.write(&message[sent % message.len()..]) {
                Ok(n) => sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => return Some(()),
            }
        }
    });
    is_served(&server);
    descriptors_are(&server, before);
}

#[test]
fn peers_that_keep_the_stream_open_are_dropped_after_the_close_timeout() {
    let server = Server::start(EMBED, &[]);
    let before = descriptors(&server);
    let mut peers = [opened(&server), opened(&server)];
    for peer in &mut peers {
        peer.write_all(&frame(Opcode::Continuation, true, b"of nothing")).unwrap();
        peer.set_nonblocking(true).unwrap();
    }
    let [_silent, mut talker] = peers;
    eventually("both connections end", || {
        talker.write_all(&[0; 64 << 10]).ok();
        (descriptors(&server) == before).then_some(())
    });
}

#[test]
fn server_that_was_stopped_for_1_s_loses_nothing() {
    loses_nothing_when_stopped(Duration::from_secs(1));
}

/// ```text
/// cargo test --release -p embed -- --ignored
/// ```
#[test]
#[ignore = "takes more than five seconds"]
fn server_that_was_stopped_for_5_s_loses_nothing() {
    loses_nothing_when_stopped(Duration::from_secs(5));
}

/// Two connections are busy when the server is stopped, two more begin while it is stopped.
fn loses_nothing_when_stopped(time: Duration) {
    let server = Server::start(EMBED, &[]);
    let mut sockets: Vec<Socket> = (0..4).map(|_| connect(&server)).collect();
    let mut peers: Vec<_> = sockets.drain(..2).flat_map(converse).collect();
    server.signal("STOP");
    peers.extend(sockets.into_iter().flat_map(converse));
    thread::sleep(time);
    server.signal("CONT");
    for peer in peers {
        peer.join().unwrap();
    }
}

/// Sends in one thread, reads the echoes in another.
fn converse(socket: Socket) -> [JoinHandle<()>; 2] {
    const MESSAGES: usize = 20_000;
    let text = |i: usize| format!("{i} {}", ".".repeat(i % 500));
    let (mut reader, writer) = socket.split();
    let sender = thread::spawn(move || (0..MESSAGES).for_each(|i| writer.send(&text(i)).unwrap()));
    let receiver = thread::spawn(move || {
        for i in 0..MESSAGES {
            assert_eq!(reader.read().unwrap().unwrap().as_text(), Some(&*text(i)));
        }
    });
    [sender, receiver]
}

/// More sockets are ready than one poll reports.
///
/// ```text
/// cargo test --release -p embed -- --ignored
/// ```
#[test]
#[ignore = "needs two thousand descriptors and twenty seconds"]
fn keepalive_counts_bytes_that_arrived_while_the_server_was_stopped() {
    let server = Server::start(EMBED, &["--keepalive", "5"]);
    let mut crowd: Vec<TcpStream> = (0..2000).map(|_| opened(&server)).collect();
    let receives = |stream: &mut TcpStream, expected: &[u8]| {
        let mut received = vec![0; expected.len()];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, expected);
    };
    crowd.iter_mut().for_each(|stream| receives(stream, b"\x89\x00"));
    server.signal("STOP");
    for stream in &mut crowd {
        stream.write_all(&frame(Opcode::Text, true, b"alive")).unwrap();
    }
    thread::sleep(Duration::from_secs(6));
    server.signal("CONT");
    crowd.iter_mut().for_each(|stream| receives(stream, b"\x81\x05alive"));
}

#[test]
fn server_out_of_descriptors_serves_open_connections_and_recovers() {
    let server = Server::start_with_descriptors(40, EMBED);
    let mut alice = connect(&server);
    let crowd: Vec<TcpStream> = (0..100).map(|_| bare(&server)).collect();
    for text in ["still", "served"] {
        alice.send(text).unwrap();
        assert_eq!(next(&mut alice).as_text(), Some(text));
        rests(&server);
    }
    assert!(descriptors(&server) < crowd.len(), "most connections wait");
    drop(crowd);
    is_served(&server);
}
