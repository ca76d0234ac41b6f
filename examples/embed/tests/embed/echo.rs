//! Echoed messages, closing, keepalive.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use sansocket::blocking;
use sansocket::frame::Opcode;
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Config, Message};

use super::EMBED;
use super::compressed::echoes_compressed;
use super::example_server::Server;
use super::peer::{REQUEST, bare, connect, frame, head, next, opened, rest};

/// Pseudorandom bytes, the same for every call.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn messages_of_all_lengths_are_echoed() {
    let server = Server::start(EMBED, &[]);
    let mut socket = connect(&server);
    for len in [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20] {
        for message in [Message::from(noise(len)), "ü".repeat(len / 2).into()] {
            socket.send(&message).unwrap();
            assert!(next(&mut socket) == message, "{len} bytes");
        }
    }
}

#[test]
fn deflate_compresses_both_ways_if_the_client_offers_it() {
    let server = Server::start(EMBED, &["--deflate"]);
    echoes_compressed(&server.url("/"));
    let mut socket = connect(&server);
    assert_eq!(socket.negotiated(), None);
    socket.send("as it is").unwrap();
    assert_eq!(next(&mut socket).as_text(), Some("as it is"));
}

#[test]
fn fragmented_message_is_echoed_whole() {
    let server = Server::start(EMBED, &[]);
    let mut stream = opened(&server);
    let wire = [
        frame(Opcode::Text, false, b"Gr"),
        frame(Opcode::Continuation, false, b"\xC3"),
        frame(Opcode::Ping, true, b"?"),
        frame(Opcode::Continuation, false, b""),
        frame(Opcode::Continuation, true, b"\xBC\xC3\x9Fe"),
    ];
    // In one write, then byte by byte.
    stream.write_all(&wire.concat()).unwrap();
    for byte in wire.concat() {
        stream.set_nodelay(true).unwrap();
        stream.write_all(&[byte]).unwrap();
    }
    let expected = "\u{8A}\u{1}?".chars().map(|c| c as u8).chain(*b"\x81\x07").chain("Grüße".bytes());
    let expected: Vec<u8> = expected.collect();
    let mut received = vec![0; 2 * expected.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(received, expected.repeat(2));
}

#[test]
fn many_small_messages_are_echoed_in_order() {
    const COUNT: u32 = 100_000;
    let server = Server::start(EMBED, &[]);
    let (mut reader, writer) = connect(&server).split();
    let sender = thread::spawn(move || {
        (0..COUNT).try_for_each(|i| writer.feed(&i.to_string())).and_then(|()| writer.flush())
    });
    for i in 0..COUNT {
        let message = reader.read().unwrap().unwrap();
        assert_eq!(message.as_text(), Some(&*i.to_string()));
    }
    sender.join().unwrap().unwrap();
}

#[test]
fn connections_get_only_their_own_messages() {
    let server = Server::start(EMBED, &[]);
    let mut sockets: Vec<_> = (0..20).map(|_| connect(&server)).collect();
    for round in 0..5 {
        let message = |index: usize| Message::from(noise(round * 50_000 + index));
        for (index, socket) in sockets.iter_mut().enumerate() {
            socket.send(&message(index)).unwrap();
        }
        for (index, socket) in sockets.iter_mut().enumerate() {
            assert!(next(socket) == message(index), "connection {index}");
        }
    }
}

#[test]
fn message_and_end_of_stream_right_behind_the_request_are_answered() {
    let server = Server::start(EMBED, &[]);
    let mut stream = bare(&server);
    stream.write_all(&[REQUEST, &frame(Opcode::Text, true, b"Hello")].concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(head(&mut stream).starts_with("HTTP/1.1 101 "));
    assert_eq!(rest(&mut stream), b"\x81\x05Hello");
}

#[test]
fn peer_that_has_ended_its_stream_gets_the_whole_answer() {
    let server = Server::start(EMBED, &[]);
    let mut stream = opened(&server);
    let message = noise(16 << 20);
    stream.write_all(&frame(Opcode::Binary, true, &message)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let received = rest(&mut stream);
    assert!(received.len() == 10 + message.len() && received[10..] == message);
}

#[test]
fn close_frame_is_answered_with_its_code() {
    let server = Server::start(EMBED, &[]);
    let mut socket = connect(&server);
    socket.send("before").unwrap();
    socket.close(CloseCode(4001), "I am off").unwrap();
    let end = socket.close_info().unwrap();
    assert_eq!((end.code, end.was_clean), (CloseCode(4001), true));
}

#[test]
fn subprotocol_echo_is_chosen_and_no_other() {
    let server = Server::start(EMBED, &[]);
    for (offered, agreed) in [(&["chat", "echo"][..], Some("echo")), (&["chat"], None), (&[], None)] {
        let request = Request::new(&server.url("/")).unwrap();
        let request = offered.iter().fold(request, |request, name| request.subprotocol(*name));
        let (socket, _) = blocking::connect_with(&request, Config::default()).unwrap();
        assert_eq!(socket.subprotocol(), agreed);
    }
}

#[test]
fn silent_peer_is_pinged_and_dropped_without_an_answer() {
    let server = Server::start(EMBED, &["--keepalive", "1"]);
    let mut mute = opened(&server);
    let (mut polite, writer) = connect(&server).split();
    let reading = thread::spawn(move || polite.read());
    let mut received = [0; 2];
    mute.read_exact(&mut received).unwrap();
    assert_eq!(received, *b"\x89\x00");
    assert_eq!(rest(&mut mute), b"");
    // The other connection reads, so it has answered the Ping.
    writer.send("still there").unwrap();
    assert_eq!(reading.join().unwrap().unwrap(), Some("still there".into()));
}
