//! Frames are passed on unchanged.

use std::io::{Read, Write};
use std::net::TcpStream;

use sansocket::Message;
use sansocket::blocking;
use sansocket::frame::MaskKey;
use sansocket::frame::Opcode::{Binary, Close, Continuation, Ping, Pong, Text};

use crate::example_server::Server;
use crate::peers::{Frame, KEY, Peer, Relay, header};

#[test]
fn messages_of_every_length_are_echoed() {
    let echo = Server::start("echo", &["--plain"]);
    let relay = Server::start("relay", &["--upstream", &echo.address]);
    let mut socket = blocking::connect(&relay.url("/")).unwrap();
    let lengths = [0, 1, 125, 126, 65_535, 65_536, 16 << 20];
    let binary = lengths.map(|len: u32| Message::from((0..len).map(|i| (i % 251) as u8).collect::<Vec<_>>()));
    let text = lengths.map(|len| Message::from("ü".repeat(len as usize / 2)));
    for message in binary.iter().chain(&text) {
        socket.send(message).unwrap();
        assert!(socket.read().unwrap().unwrap() == *message, "a message of {} bytes", message.len());
    }
    // Many messages, several per read.
    let many: Vec<_> = (0..5000_u32).map(|i| Message::from(i.to_string())).collect();
    for message in &many {
        socket.feed(message).unwrap();
    }
    for message in many {
        assert_eq!(socket.read().unwrap().unwrap(), message);
    }
}

/// "An intermediary MUST NOT change the fragmentation of a message if any reserved bit values are used …": the relay
/// never changes it. Control frames stay at their place, and the relay does not answer them.
#[test]
fn section_5_4_frames_are_passed_on_unchanged() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    let frames: [(_, _, &[u8]); 11] = [
        (Text, false, b"gr\xc3"), // cut in the middle of a character
        (Ping, true, b"are you there?"),
        (Continuation, false, b""),
        (Continuation, false, b"\xbc"),
        (Pong, true, b""),
        (Continuation, true, b""),
        (Binary, false, &[7; 126]),
        (Continuation, true, &[8; 70_000]),
        (Binary, true, b""),
        (Ping, true, &[9; 125]),
        (Close, true, b"\x0f\xa1I am off"),
    ];
    let (keys, none) =
        (relayed(&mut client, &mut upstream, &frames), relayed(&mut upstream, &mut client, &frames));
    assert_eq!(none, [None; 11], "a server's frames are not masked");
    // "the client MUST pick a fresh masking key" (section 5.3) for each.
    let mut keys: Vec<_> = keys.into_iter().map(|key| key.unwrap().0).chain([KEY.0]).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 12);
    client.shutdown_write();
    upstream.shutdown_write();
    client.expect_end();
    upstream.expect_end();
    relay.wait_for_end();
}

type Plain<'a> = (sansocket::frame::Opcode, bool, &'a [u8]);

/// Sends the frames in one write, and checks them at the other end. Gives their masking keys there.
fn relayed(from: &mut Peer, to: &mut Peer, frames: &[Plain<'_>]) -> Vec<Option<MaskKey>> {
    let bytes: Vec<u8> =
        frames.iter().flat_map(|(opcode, fin, payload)| from.encode(*opcode, *fin, payload)).collect();
    from.write(&bytes);
    let received = frames.iter().map(|&(opcode, fin, payload)| {
        let frame = to.frame().unwrap();
        let mask = frame.mask;
        assert_eq!(frame, Frame { opcode, fin, mask, payload: payload.to_vec() });
        mask
    });
    received.collect()
}

#[test]
fn parts_of_a_frame_are_passed_on_as_they_arrive() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    passes_in_parts(&mut client, &mut upstream, Some(KEY));
    passes_in_parts(&mut upstream, &mut client, None);
}

fn passes_in_parts(from: &mut Peer, to: &mut Peer, mask: Option<MaskKey>) {
    from.write(&header(Binary, true, mask, 1 << 40));
    let mut received = 0;
    for sent in [1001, 2002, 3003] {
        from.write(&[0; 1001]);
        while received < sent {
            let (header, offset, payload) = to.part().unwrap();
            assert_eq!((header.opcode, header.payload_len, offset), (Binary, 1 << 40, received));
            for (byte, i) in payload.iter().zip(received..) {
                assert_eq!(*byte, mask.map_or(0, |key| key.0[i as usize % 4]));
            }
            received += payload.len() as u64;
        }
    }
}

/// Each frame is cut in two. The Ping before its first part shows when the relay has read that part.
#[test]
fn frames_that_arrive_in_two_parts_are_passed_on() {
    let relay = Relay::start();
    let (mut client, mut upstream) = relay.pair();
    for (opcode, payload) in [(Text, "世界".as_bytes()), (Ping, b"?"), (Binary, &[5; 200]), (Pong, &[6; 125])]
    {
        for cut in 1..14 {
            let mut first = client.encode(Ping, true, b"before");
            let frame = client.encode(opcode, true, payload);
            let (start, rest) = frame.split_at(cut.min(frame.len()));
            first.extend(start);
            client.write(&first);
            assert_eq!(upstream.frame().unwrap().payload, b"before");
            client.write(rest);
            let frame = upstream.frame().unwrap();
            assert_eq!((frame.opcode, &frame.payload[..]), (opcode, payload), "cut at {cut}");
        }
    }
}

#[test]
fn frames_right_behind_the_request_are_passed_on() {
    let echo = Server::start("echo", &["--plain"]);
    let relay = Server::start("relay", &["--upstream", &echo.address]);
    let mut stream = TcpStream::connect(&relay.address).unwrap();
    let mut sent = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        .to_vec();
    sent.extend(b"\x82\x83\0\0\0\0abc\x88\x80\0\0\0\0");
    stream.write_all(&sent).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received.ends_with(b"\r\n\r\n\x82\x03abc\x88\x00"), "{}", received.escape_ascii());
}
