//! Cancel safety with compression: what is compressed is in the window of this end, so it must be sent, once and whole.

use sansocket::asynchronous::WebSocket;
use sansocket::{Compress, Config, Message, Outgoing, Prepared};

use crate::bindings::{Binding, over_each, untimed};
use crate::cancel::{again, at_every_poll, hesitant};
use crate::script::deflated::{FRAMES, answers, connection, messages};
use crate::script::wire::Wire;

over_each! {
    dropped_read_loses_no_compressed_message,
    dropped_read_of_a_half_loses_no_compressed_message,
    dropped_chunk_loses_no_compressed_chunk,
    dropped_send_compresses_all_or_nothing,
    dropped_send_of_a_half_compresses_all_or_nothing,
}

fn server<B: Binding>(wire: &Wire, config: Config) -> WebSocket<B::Transport> {
    WebSocket::from_parts(B::bind(wire.clone()), connection(config))
}

// attack: io-2
fn dropped_read_loses_no_compressed_message<B: Binding>() {
    let answers = answers(untimed());
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        let mut received = Vec::new();
        while let Some(message) = again!(polls, socket.read()).unwrap() {
            again!(polls, socket.feed(&message)).unwrap();
            received.push(message);
            assert!(answers.starts_with(&wire.written()));
        }
        assert_eq!((received, wire.written()), (messages(), answers.clone()));
    });
}

// attack: io-2
fn dropped_read_of_a_half_loses_no_compressed_message<B: Binding>() {
    let answers = answers(untimed());
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, writer) = server::<B>(&wire, untimed()).split();
        let mut received = Vec::new();
        while let Some(message) = again!(polls, reader.read()).unwrap() {
            again!(polls, writer.feed(&message)).unwrap();
            received.push(message);
        }
        assert_eq!((received, wire.written()), (messages(), answers.clone()));
    });
}

// attack: io-2
fn dropped_chunk_loses_no_compressed_chunk<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        let (mut bytes, mut ends) = (Vec::new(), 0);
        while let Some((chunk, fin)) = again!(polls, async {
            socket.read_chunk().await.map(|chunk| chunk.map(|chunk| (chunk.as_bytes().to_vec(), chunk.fin())))
        })
        .unwrap()
        {
            bytes.extend(chunk);
            ends += usize::from(fin);
        }
        assert_eq!((&bytes[..], ends), (&b"HelloHello\x01\x02"[..], 3));
    });
}

/// The output has room for the worst case of one message. Behind it, whole messages go as they are, and fragments wait.
fn crowded() -> Config {
    untimed().max_output_len(60)
}

/// What `send_all` sends.
const SENT: [&str; 4] = ["Hello", "Hello", "Hello, Hello", "Hello"];

/// What a client receives that agreed on the same.
fn texts(written: &[u8]) -> Vec<Message> {
    let deflate = sansocket::Deflate::default().takeover(true).peer_takeover(true);
    let request = sansocket::handshake::client::Request::new("ws://example.com/").unwrap();
    let config = untimed().deflate(Some(deflate));
    let mut handshake = sansocket::handshake::client::Handshake::new(&request, config).unwrap();
    let head = handshake.output().chunk().to_vec();
    let key = String::from_utf8(head).unwrap();
    let key = key.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
    let accept = sansocket::handshake::accept_key(key.as_bytes());
    let accept = String::from_utf8(accept.to_vec()).unwrap();
    handshake.receive(
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        .as_bytes(),
    );
    let (mut client, _) = handshake.next_response().unwrap().unwrap();
    client.receive(written);
    let mut texts = Vec::new();
    while let Some(message) = client.next_message().unwrap() {
        texts.push(message);
    }
    texts
}

/// Sends one message in spite of drops: all of it is queued, or nothing.
macro_rules! send_once {
    ($polls:expr, $wire:expr, $socket:expr, $outgoing:expr) => {
        let before = $wire.written().len() + $socket.buffered_amount();
        while $polls.run($socket.send($outgoing)).is_none()
            && $wire.written().len() + $socket.buffered_amount() == before
        {}
    };
}

macro_rules! send_all {
    ($polls:expr, $wire:expr, $socket:expr) => {
        let prepared = Prepared::from(SENT[3]);
        send_once!($polls, $wire, $socket, SENT[0]);
        send_once!($polls, $wire, $socket, Outgoing::from(SENT[1]).compress(Compress::Never));
        send_once!($polls, $wire, $socket, Outgoing::text_fragment("Hello, ", false));
        send_once!($polls, $wire, $socket, Outgoing::text_fragment("Hello", false));
        // Ends the message that has begun. If its fragments had been lost, this would be a message.
        send_once!($polls, $wire, $socket, Outgoing::text_fragment("", true));
        send_once!($polls, $wire, $socket, &prepared);
        again!($polls, $socket.flush()).unwrap();
        assert_eq!(texts(&$wire.written()), SENT.map(Message::from));
    };
}

// attack: io-2, deflate-6
fn dropped_send_compresses_all_or_nothing<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(b"");
        let mut socket = server::<B>(&wire, crowded());
        send_all!(polls, wire, socket);
    });
}

// attack: io-2, deflate-6
fn dropped_send_of_a_half_compresses_all_or_nothing<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(b"");
        let (_reader, writer) = server::<B>(&wire, crowded()).split();
        send_all!(polls, wire, writer);
    });
}
