//! Thousands of connections that begin and end in every possible way.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use sansocket::frame::Opcode;

use super::EMBED;
use super::example_server::{Server, eventually};
use super::peer::{REQUEST, bare, frame, is_served, opened};
use super::usage::{descriptors, descriptors_are, resident, rests};

/// How many are open at a time.
const BATCH: usize = 100;

/// How many bytes more the process may hold after one round than after the round before.
const MARGIN: usize = 1 << 20;

/// How many kinds of [`connection`] there are.
const STATES: usize = 9;

/// A connection in one of [`STATES`] states. Dropping it ends it there.
fn connection(server: &Server, state: usize) -> TcpStream {
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let message = frame(Opcode::Binary, true, &[0; 30_000]);
    match state {
        0 => bare(server),
        1 => sent(bare(server), &half(REQUEST)),
        2 => reset(sent(bare(server), &half(REQUEST))),
        3 => opened(server),
        4 => sent(opened(server), &half(&message)),
        5 => reset(sent(opened(server), &half(&message))),
        6 => sent(opened(server), &message),
        7 => sent(opened(server), &frame(Opcode::Continuation, true, b"of nothing")),
        _ => sent(opened(server), &frame(Opcode::Close, true, b"")),
    }
}

fn sent(mut stream: TcpStream, bytes: &[u8]) -> TcpStream {
    stream.write_all(bytes).unwrap();
    stream
}

/// Dropping this stream resets the connection.
fn reset(stream: TcpStream) -> TcpStream {
    set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    stream
}

fn round(server: &Server, count: usize) {
    for batch in 0..count.div_ceil(BATCH) {
        let crowd = (0..BATCH).map(|i| connection(server, (batch + i) % STATES));
        drop(crowd.collect::<Vec<_>>());
    }
    is_served(server);
}

fn leaves_nothing_behind(count: usize) {
    let server = Server::start(EMBED, &[]);
    let before = descriptors(&server);
    round(&server, count.min(1000));
    descriptors_are(&server, before);
    let used = resident(&server);
    round(&server, count);
    descriptors_are(&server, before);
    let more = resident(&server).saturating_sub(used);
    println!("{count} connections left {more} bytes behind");
    assert!(more < MARGIN, "{more} bytes left behind");
    rests(&server);
}

#[test]
fn hundreds_of_ended_connections_leave_no_descriptors_and_no_memory() {
    leaves_nothing_behind(500);
}

/// ```text
/// cargo test --release -p embed -- --ignored
/// ```
#[test]
#[ignore = "five thousand connections"]
fn thousands_of_ended_connections_leave_no_descriptors_and_no_memory() {
    leaves_nothing_behind(5000);
}

/// Needs `ulimit -n 8192`.
#[test]
#[ignore = "needs two thousand descriptors"]
fn thousands_of_idle_connections_cost_no_time() {
    let server = Server::start(EMBED, &["--keepalive", "600"]);
    let crowd: Vec<TcpStream> = (0..2000).map(|_| opened(&server)).collect();
    eventually("all are open", || (descriptors(&server) > crowd.len()).then_some(()));
    rests(&server);
}
