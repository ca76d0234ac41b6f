//! Compressed messages (RFC 7692) are passed on as they are.

use sansocket::CloseCode;
use sansocket::frame::FrameHeader;
use sansocket::frame::Opcode::{self, Binary, Close, Continuation, Ping, Pong, Text};

use crate::peers::{KEY, Peer, Relay};

const PLAIN: &str = "permessage-deflate";

/// "Hello" as section 7.2.3.1 compresses it.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

/// A frame: opcode, whether it begins a compressed message, whether it ends a message, payload.
type Row<'a> = (Opcode, bool, bool, &'a [u8]);

/// Sends the frames in one write, and checks them at the other end.
fn relayed(from: &mut Peer, to: &mut Peer, rows: &[Row<'_>]) {
    let mut bytes = Vec::new();
    for &(opcode, compressed, fin, payload) in rows {
        let start = bytes.len();
        bytes.extend(from.encode(opcode, fin, payload));
        bytes[start] |= if compressed { 0x40 } else { 0 };
    }
    from.write(&bytes);
    for (opcode, compressed, fin, payload) in rows {
        let mut received = Vec::new();
        let header: FrameHeader = loop {
            let (header, _, part) = to.part().unwrap();
            received.extend(part);
            if received.len() as u64 == header.payload_len {
                break header;
            }
        };
        assert_eq!((header.opcode, header.rsv1, header.fin), (*opcode, *compressed, *fin));
        assert!(received == *payload, "{opcode:?}: another payload");
        assert!(header.mask.is_none_or(|key| key != KEY), "a fresh masking key");
    }
}

/// Offers of permessage-deflate go to the server, others do not. What the server chooses goes to the client.
#[test]
fn offers_and_choice_are_passed_on() {
    let relay = Relay::start();
    let detailed = "permessage-deflate; server_no_context_takeover; client_max_window_bits=12";
    let chosen = "permessage-deflate; server_no_context_takeover; client_max_window_bits=10";
    let rows: [[&[&str]; 4]; 5] = [
        [&[PLAIN], &[PLAIN], &[PLAIN], &[PLAIN]],
        [&["x-webkit-deflate-frame", detailed, PLAIN], &[chosen], &[detailed, PLAIN], &[chosen]],
        // The client and the server judge the parameters.
        [&["permessage-deflate; new=\"1\""], &[PLAIN], &["permessage-deflate; new=1"], &[PLAIN]],
        [&[PLAIN], &[], &[PLAIN], &[]],
        [&["x-webkit-deflate-frame"], &[], &[], &[]],
    ];
    for [sent, answer, offered, answered] in rows {
        let (_, _, passed) = relay.compressed_pair(sent, answer);
        assert_eq!(passed, [offered, answered], "{sent:?}, {answer:?}");
    }
}

#[test]
fn compressed_messages_are_passed_on_unchanged() {
    let relay = Relay::start();
    let (mut client, mut upstream, _) = relay.compressed_pair(&[PLAIN], &[PLAIN]);
    let rows: [Row<'_>; 12] = [
        (Text, true, true, HELLO),
        (Text, true, false, b"\xf2\x48\xcd"),
        (Ping, false, true, b"between"),
        (Continuation, false, false, b""),
        (Pong, false, true, b""),
        (Continuation, false, true, b"\xc9\xc9\x07\x00"),
        (Text, false, true, "as it is: 世界".as_bytes()),
        (Text, true, true, b"\xff\xff\xff: neither DEFLATE nor UTF-8"),
        (Binary, true, true, &[7; 70_000]),
        (Binary, true, true, b""),
        (Binary, false, false, b"a"),
        (Continuation, false, true, b"b"),
    ];
    let close: Row<'_> = (Close, false, true, b"\x0f\xa1I am off");
    relayed(&mut client, &mut upstream, &[&rows[..], &[close]].concat());
    relayed(&mut upstream, &mut client, &[&rows[..], &[close]].concat());
    client.shutdown_write();
    upstream.shutdown_write();
    client.expect_end();
    upstream.expect_end();
    relay.wait_for_end();
}

/// "… MUST NOT … set the RSV1 bit" on a continuation or a control frame (section 6.1), and on no frame without agreement.
#[test]
fn rsv1_where_it_is_not_allowed_is_refused() {
    let relay = Relay::start();
    let agreed: &[&str] = &[PLAIN];
    let rows: [(&[&str], &[Row<'_>]); 5] = [
        (&[], &[(Text, true, true, HELLO)]),
        (&[], &[(Binary, true, false, HELLO)]),
        (agreed, &[(Ping, true, true, b"")]),
        (agreed, &[(Text, true, false, HELLO), (Continuation, true, true, b"")]),
        (agreed, &[(Text, false, false, b"a"), (Continuation, true, true, b"")]),
    ];
    for (chosen, rows) in rows {
        for client_sends in [true, false] {
            let (client, upstream, _) = relay.compressed_pair(&[PLAIN], chosen);
            let (mut from, mut to) = if client_sends { (client, upstream) } else { (upstream, client) };
            let (last, first) = rows.split_last().unwrap();
            relayed(&mut from, &mut to, first);
            let mut frame = from.encode(last.0, last.2, last.3);
            frame[0] |= 0x40;
            from.write(&frame);
            to.expect_close(if client_sends { CloseCode::GOING_AWAY } else { CloseCode::BAD_GATEWAY });
            to.shutdown_write();
            from.expect_close(CloseCode::PROTOCOL_ERROR);
        }
    }
}

/// Over the relay, messages are compressed in both directions and are the same.
#[cfg(feature = "deflate")]
#[test]
fn compressed_messages_are_echoed() {
    use sansocket::blocking;
    use sansocket::handshake::client::Request;
    use sansocket::{Config, Deflate, Message};

    use crate::example_server::Server;

    let echo = Server::start("echo", &["--plain", "--deflate"]);
    let relay = Server::start("relay", &["--upstream", &echo.address]);
    let deflate = Deflate::default().takeover(true).peer_takeover(true).min_len(0);
    let config = Config::default().deflate(Some(deflate));
    let request = Request::new(&relay.url("/")).unwrap();
    let (mut socket, _) = blocking::connect_with(&request, config).unwrap();
    assert!(socket.negotiated().is_some());
    for len in [0, 1, 125, 126, 65_536, 1 << 20] {
        let message = Message::from("Relay ".repeat(len / 6));
        socket.send(&message).unwrap();
        assert!(socket.read().unwrap().unwrap() == message, "a message of {len} bytes");
    }
}
