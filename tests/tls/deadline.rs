//! Peers that stall in the TLS handshake.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use sansocket::{Config, Connector, Error, HandshakeError};

use crate::peers::{connect_everywhere, echo, serve};
use crate::servers::listen_to_many;
use crate::throwaway::Ca;

const TIMEOUT: Duration = Duration::from_millis(500);

/// Far longer than the timeout, far shorter than a test may take.
const LATE: Duration = Duration::from_secs(20);

fn assert_times_out(port: u16, connector: &Connector) {
    let begin = Instant::now();
    for outcome in connect_everywhere(&format!("wss://localhost:{port}/"), connector) {
        assert!(matches!(outcome, Err(Error::Handshake(HandshakeError::TimedOut))), "{outcome:?}");
    }
    assert!(begin.elapsed() < LATE, "{:?}", begin.elapsed());
}

// attack: way-1
#[test]
fn stalls_in_the_tls_handshake_end_at_the_one_deadline() {
    let ca = Ca::new();
    let connector = Connector::new().config(Config::default().handshake_timeout(TIMEOUT)).tls(ca.client());
    let silent = listen_to_many(|mut tcp| drop(tcp.read_to_end(&mut Vec::new())));
    assert_times_out(silent, &connector);
    // A byte now and then does not prolong it.
    let slow = listen_to_many(|mut tcp| {
        let record = [0x16, 3, 3, 0x40, 0].into_iter().chain(std::iter::repeat(0));
        for byte in record {
            if tcp.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(TIMEOUT / 10);
        }
    });
    assert_times_out(slow, &connector);
    for len in [1, 5, 100, 600] {
        let server = serve(ca.server(), echo);
        assert_times_out(listen_to_many(move |tcp| pass_on(tcp, server, len)), &connector);
    }
}

/// Passes on all that the client sends, and this many bytes that the server sends.
fn pass_on(client: TcpStream, server: u16, len: usize) {
    let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let sending = thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut server.take(len as u64), &mut &client).ok();
    sending.join().unwrap().ok();
}
