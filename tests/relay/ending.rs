//! The end of a pair: both connections end, and both peers get a Close frame with the reason.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use sansocket::CloseCode;
use sansocket::frame::Opcode::{Binary, Close, Ping, Text};

use crate::example_server::PATIENCE;
use crate::peers::{KEY, Relay, header};

#[test]
fn section_7_1_closing_handshake_is_passed_on_with_code_and_reason() {
    for client_first in [true, false] {
        let relay = Relay::start();
        let (client, upstream) = relay.sockets();
        let (mut first, mut second) = if client_first { (client, upstream) } else { (upstream, client) };
        thread::scope(|scope| {
            scope.spawn(|| first.close(CloseCode(4001), "I am off").unwrap());
            assert_eq!(second.read().unwrap(), None);
        });
        // The answer repeats the code alone.
        for (socket, reason) in [(first, ""), (second, "I am off")] {
            let end = socket.close_info().unwrap();
            assert_eq!((end.code, &*end.reason, end.was_clean), (CloseCode(4001), reason, true));
        }
        relay.wait_for_end();
    }
}

/// The relay ends the client's stream when the server has ended its own.
#[test]
fn section_7_1_1_server_ends_the_stream_first() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    client.send(Close, true, b"");
    assert_eq!(upstream.frame().unwrap().payload, b"");
    // A server may send messages before it answers the Close frame.
    upstream.send(Text, true, b"wait");
    upstream.send(Close, true, b"\x03\xe8");
    assert_eq!(client.frame().unwrap().payload, b"wait");
    client.expect_close(CloseCode::NORMAL);
    client.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let waited = client.stream.peek(&mut [0]).map_err(|error| error.kind());
    assert!(
        matches!(waited, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)),
        "{waited:?}: the stream has ended"
    );
    client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(upstream);
    client.expect_end();
    drop(client);
    relay.wait_for_end();
}

/// Bytes that break a rule, and the close code for them.
fn client_faults() -> Vec<(Vec<u8>, CloseCode)> {
    vec![
        (b"\x81\x01a".to_vec(), CloseCode::PROTOCOL_ERROR), // not masked
        (b"\xc1\x80\0\0\0\0".to_vec(), CloseCode::PROTOCOL_ERROR), // RSV1
        (b"\x80\x80\0\0\0\0".to_vec(), CloseCode::PROTOCOL_ERROR), // continues nothing
        (b"\x88\x81\0\0\0\0a".to_vec(), CloseCode::PROTOCOL_ERROR), // half a close code
        (b"\x81\x81\0\0\0\0\xff".to_vec(), CloseCode::INVALID_DATA), // not UTF-8
        (b"\x88\x83\0\0\0\0\x03\xe8\xff".to_vec(), CloseCode::INVALID_DATA),
    ]
}

#[test]
fn fault_of_the_client_sends_it_the_code_and_the_server_1001() {
    let relay = Relay::start();
    for (fault, code) in client_faults() {
        let (mut client, mut upstream) = relay.pair();
        let mut bytes = client.encode(Ping, true, b"before");
        bytes.extend(&fault);
        client.write(&bytes);
        assert_eq!(upstream.frame().unwrap().payload, b"before");
        upstream.expect_close(CloseCode::GOING_AWAY);
        upstream.expect_end();
        // The server sends a message and answers. The client gets the message and the Close frame for its fault.
        upstream.send(Text, true, b"an answer");
        upstream.send(Close, true, b"\x03\xe9");
        drop(upstream);
        assert_eq!(client.frame().unwrap().payload, b"an answer");
        client.expect_close(code);
        client.expect_end();
        drop(client);
        relay.wait_for_end();
    }
}

#[test]
fn fault_of_the_server_sends_it_the_code_and_the_client_1014() {
    let relay = Relay::start();
    let rows: [(&[u8], CloseCode); 3] = [
        (b"\x81\x81\0\0\0\0a", CloseCode::PROTOCOL_ERROR), // masked
        (b"\x83\x00", CloseCode::PROTOCOL_ERROR),          // unknown opcode
        (b"\x81\x01\xff", CloseCode::INVALID_DATA),
    ];
    for (fault, code) in rows {
        let (mut client, mut upstream) = relay.pair();
        upstream.write(fault);
        client.expect_close(CloseCode::BAD_GATEWAY);
        client.expect_end();
        client.send(Close, true, b"\x03\xf6");
        drop(client);
        upstream.expect_close(code);
        upstream.expect_end();
        drop(upstream);
        relay.wait_for_end();
    }
}

/// No Close frame can be sent inside a frame, so the server's stream just ends. The client still gets its Close frame.
#[test]
fn fault_inside_a_frame_ends_the_receivers_stream() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    client.write(&header(Text, true, Some(KEY), 100));
    client.write(&b"abc".iter().zip(KEY.0).map(|(byte, key)| byte ^ key).collect::<Vec<_>>());
    assert_eq!(upstream.part().unwrap().2, b"abc");
    client.write(&[0xff ^ KEY.0[3]]);
    assert_eq!(upstream.part(), None);
    drop(upstream);
    client.expect_close(CloseCode::INVALID_DATA);
    client.expect_end();
    drop(client);
    relay.wait_for_end();
}

/// The Close frame for a fault waits for the end of the frame that is being sent to the faulty peer.
#[test]
fn close_frame_for_a_fault_waits_for_the_end_of_a_frame() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    let frame = upstream.encode(Binary, true, &[7; 1000]);
    upstream.write(&frame[..500]);
    let (header, _, start) = client.part().unwrap();
    assert_eq!(header.payload_len, 1000);
    client.write(b"\x81\x00"); // not masked
    upstream.expect_close(CloseCode::GOING_AWAY);
    upstream.write(&frame[500..]);
    upstream.send(Close, true, b"\x03\xe9");
    let mut received = start.len();
    while received < 1000 {
        received += client.part().unwrap().2.len();
    }
    client.expect_close(CloseCode::PROTOCOL_ERROR);
    drop((client, upstream));
    relay.wait_for_end();
}

/// A peer goes by the end of its stream, or by a reset (a socket that is closed with unread bytes).
#[test]
fn loss_of_one_end_sends_1001_or_1014_to_the_other() {
    let relay = Relay::start();
    for reset in [false, true] {
        for client_first in [true, false] {
            let (mut client, mut upstream) = relay.pair();
            let (gone, left, code) = if client_first {
                (&mut client, &mut upstream, CloseCode::GOING_AWAY)
            } else {
                (&mut upstream, &mut client, CloseCode::BAD_GATEWAY)
            };
            if reset {
                left.send(Text, true, b"never read");
                gone.stream.peek(&mut [0]).unwrap();
            }
            gone.stream.shutdown(Shutdown::Both).unwrap();
            left.expect_close(code);
            left.expect_end();
            left.shutdown_write();
            relay.wait_for_end();
        }
    }
}

#[test]
fn loss_of_one_end_inside_a_frame_ends_the_other_stream() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    upstream.write(b"\x82\x7e\xff\xffabc");
    assert_eq!(client.part().unwrap().2, b"abc");
    drop(upstream);
    assert_eq!(client.part(), None);
    drop(client);
    relay.wait_for_end();
}

/// Neither peer ends its stream. The pair ends at its deadline.
#[test]
fn pair_ends_although_the_peers_keep_their_streams_open() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    client.send(Close, true, b"\x03\xe8");
    upstream.expect_close(CloseCode::NORMAL);
    upstream.send(Close, true, b"\x03\xe8");
    client.expect_close(CloseCode::NORMAL);
    client.expect_end();
    upstream.expect_end();
    relay.wait_for_end();
}

#[cfg(target_os = "linux")]
#[test]
fn ended_pairs_leave_no_threads_and_no_sockets() {
    use crate::example_server::eventually;

    let relay = Relay::start();
    let count =
        |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", relay.server.pid())).unwrap().count();
    let counts = || (count("task"), count("fd"));
    let (threads, sockets) = counts();
    let pairs: Vec<_> = (0..20).map(|_| relay.pair()).collect();
    let during = (threads + 40, sockets + 40);
    eventually("two threads and two sockets for each pair", || (counts() == during).then_some(()));
    for (i, (client, upstream)) in pairs.into_iter().enumerate() {
        if i % 2 == 0 {
            drop(client);
            drop(upstream);
        } else {
            drop(upstream);
            drop(client);
        }
    }
    for _ in 0..20 {
        relay.wait_for_end();
    }
    eventually("threads and sockets are gone", || (counts() == (threads, sockets)).then_some(()));
}
