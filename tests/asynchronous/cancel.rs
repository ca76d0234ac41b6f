//! Cancel safety: each future is dropped at each poll of a session and then called again. No message is lost or sent twice,
//! and the written bytes are a prefix of the expected ones.
//!
//! The futures of the opening handshake own their stream, so dropping one drops the connection. They are not tested here.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use sansocket::{Bytes, Chunk, CloseCode, Config, Event, Message, Outgoing, Prepared};

use crate::bindings::{Binding, Task, over_each, poll, server, untimed};
use crate::script::wire::Wire;
use crate::script::{ANSWERS, FRAMES, Script, Step, messages};

over_each! {
    dropped_read_loses_no_message,
    dropped_read_event_loses_no_event,
    dropped_read_chunk_loses_no_chunk,
    dropped_read_of_a_half_loses_no_message,
    dropped_send_queues_all_or_nothing,
    dropped_send_of_a_half_queues_all_or_nothing,
    dropped_feed_queues_all_or_nothing,
    dropped_close_is_completed_by_the_next_close,
    dropped_close_of_a_reader_is_completed_by_the_next_close,
    dropped_close_of_a_writer_is_completed_by_the_reader,
    dropped_close_in_a_message_discards_the_rest_of_it,
}

/// After which polls the future is dropped.
#[derive(Clone, Copy)]
enum Drops {
    EveryPoll,
    Only(usize),
}

pub(crate) struct Polls {
    drops: Drops,
    count: usize,
}

impl Polls {
    /// Polls until the future is ready, or until it is dropped.
    pub(crate) fn run<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let task = Arc::new(Task::default());
        loop {
            self.count += 1;
            if let Poll::Ready(output) = poll(&task, &mut future) {
                return Some(output);
            }
            assert!(task.is_woken(), "the task would sleep for ever");
            match self.drops {
                Drops::EveryPoll => return None,
                Drops::Only(at) if at == self.count => return None,
                Drops::Only(_) => {}
            }
        }
    }
}

/// Makes and runs the future again until it is ready.
macro_rules! again {
    ($polls:expr, $future:expr) => {
        loop {
            if let Some(output) = $polls.run($future) {
                break output;
            }
        }
    };
}

#[cfg_attr(
    not(feature = "deflate"),
    allow(unused_imports, reason = "the tests with compression use it, too")
)]
pub(crate) use again;

/// A stream that is pending before each byte in both directions, and before a flush.
pub(crate) fn hesitant(incoming: &[u8]) -> Wire {
    let steps = [Step::Error(ErrorKind::WouldBlock), Step::Bytes(1)];
    Wire::new(Script {
        reads: steps.repeat(500).into(),
        writes: steps.repeat(500).into(),
        flushes: vec![ErrorKind::WouldBlock; 8].into(),
        ..Script::new(incoming)
    })
}

/// Runs `play` with a drop at every poll, then once for each poll with a drop at that poll only.
pub(crate) fn at_every_poll(play: impl Fn(&mut Polls)) {
    play(&mut Polls { drops: Drops::EveryPoll, count: 0 });
    for at in 1.. {
        let mut polls = Polls { drops: Drops::Only(at), count: 0 };
        play(&mut polls);
        if polls.count < at {
            assert!(at > 5, "the futures were pending");
            return;
        }
    }
}

// attack: io-2
fn dropped_read_loses_no_message<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        let mut received = Vec::new();
        while let Some(message) = again!(polls, socket.read()).unwrap() {
            again!(polls, socket.feed(&message)).unwrap();
            received.push(message);
            assert!(ANSWERS.starts_with(&wire.written()));
        }
        assert_eq!((received, wire.written()), (messages(), ANSWERS.to_vec()));
    });
}

/// Reads all events of the session and checks them.
macro_rules! all_events {
    ($polls:expr, $reader:expr) => {{
        let mut seen = Vec::new();
        while let Some(event) = again!($polls, async {
            $reader.read_event().await.map(|event| {
                event.map(|event| match event {
                    Event::Text(text) => text.to_owned(),
                    event => format!("{event:?}"),
                })
            })
        })
        .unwrap()
        {
            seen.push(event);
        }
        assert_eq!((seen.len(), &*seen[1], &*seen[2]), (4, "Hello", "Binary([1, 2])"), "{seen:?}");
    }};
}

// attack: io-2
fn dropped_read_event_loses_no_event<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        all_events!(polls, socket);
        assert_eq!(wire.written(), b"\x8a\x01?\x88\x02\x03\xe8");
    });
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, _writer) = server::<B>(&wire, untimed()).split();
        all_events!(polls, reader);
        assert_eq!(wire.written(), b"\x8a\x01?\x88\x02\x03\xe8");
    });
}

/// Reads all data of the session in chunks and checks it.
macro_rules! all_chunks {
    ($polls:expr, $reader:expr) => {{
        let (mut bytes, mut ends) = (Vec::new(), 0);
        while let Some((chunk, fin)) = again!($polls, async {
            $reader.read_chunk().await.map(|chunk| {
                chunk.map(|chunk| match chunk {
                    Chunk::Text { text, fin } => (text.as_bytes().to_vec(), fin),
                    Chunk::Binary { data, fin } => (data.to_vec(), fin),
                })
            })
        })
        .unwrap()
        {
            bytes.extend(chunk);
            ends += usize::from(fin);
        }
        assert_eq!((&bytes[..], ends), (&b"Hello\x01\x02"[..], 2));
    }};
}

// attack: io-2
fn dropped_read_chunk_loses_no_chunk<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        all_chunks!(polls, socket);
    });
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, _writer) = server::<B>(&wire, untimed()).split();
        all_chunks!(polls, reader);
    });
}

// attack: io-2
fn dropped_read_of_a_half_loses_no_message<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, writer) = server::<B>(&wire, untimed()).split();
        let mut received = Vec::new();
        while let Some(message) = again!(polls, reader.read()).unwrap() {
            again!(polls, writer.feed(&message)).unwrap();
            received.push(message);
        }
        assert_eq!((received, wire.written()), (messages(), ANSWERS.to_vec()));
    });
}

/// Sends one message in spite of drops. Checks after each drop that all of it is queued, or nothing.
macro_rules! send_once {
    ($polls:expr, $wire:expr, $socket:expr, $len:expr, $future:expr) => {
        loop {
            let before = $wire.written().len() + $socket.buffered_amount();
            let sent = $polls.run($future);
            let queued = $wire.written().len() + $socket.buffered_amount() - before;
            if let Some(sent) = sent {
                sent.unwrap();
                assert_eq!(queued, $len);
                break;
            }
            assert!(queued == 0 || queued == $len, "{queued} of {} bytes", $len);
            if queued > 0 {
                break;
            }
        }
    };
}

/// The bytes that `send_all` writes.
const SENT: &[u8] = b"\x81\x01a\x82\x01b\x82\x01c\x82\x01d\x01\x01e\x80\x01f\x89\x01g\x82\x01h";

/// The output has room for one message, so each message waits for the one before.
fn crowded() -> Config {
    untimed().max_output_len(16)
}

macro_rules! send_all {
    ($polls:expr, $wire:expr, $socket:expr) => {
        let message = |byte: &'static [u8]| Message::Binary(Bytes::from_static(byte));
        let prepared = Prepared::from(message(b"d"));
        send_once!($polls, $wire, $socket, 3, $socket.send("a"));
        send_once!($polls, $wire, $socket, 3, $socket.send(b"b"));
        send_once!($polls, $wire, $socket, 3, $socket.send(&message(b"c")));
        send_once!($polls, $wire, $socket, 3, $socket.send(&prepared));
        send_once!($polls, $wire, $socket, 3, $socket.send(Outgoing::text_fragment("e", false)));
        send_once!($polls, $wire, $socket, 3, $socket.send(Outgoing::text_fragment("f", true)));
        send_once!($polls, $wire, $socket, 3, $socket.ping(b"g"));
        send_once!($polls, $wire, $socket, 3, $socket.send(Outgoing::binary_fragment(b"h", true)));
        again!($polls, $socket.flush()).unwrap();
        assert_eq!($wire.written(), SENT);
    };
}

// attack: io-2
fn dropped_send_queues_all_or_nothing<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(b"");
        let mut socket = server::<B>(&wire, crowded());
        send_all!(polls, wire, socket);
    });
}

// attack: io-2
fn dropped_send_of_a_half_queues_all_or_nothing<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(b"");
        let (_reader, writer) = server::<B>(&wire, crowded()).split();
        send_all!(polls, wire, writer);
    });
}

macro_rules! gather_all {
    ($polls:expr, $wire:expr, $writer:expr) => {
        for byte in b'a'..b'k' {
            let message = Message::from(vec![byte]);
            send_once!($polls, $wire, $writer, 3, $writer.feed(&message));
            send_once!($polls, $wire, $writer, 3, $writer.feed(&Prepared::from(message.clone())));
        }
        again!($polls, $writer.flush()).unwrap();
        let twice = (b'a'..b'k').flat_map(|byte| [0x82, 1, byte, 0x82, 1, byte]);
        assert_eq!($wire.written(), twice.collect::<Vec<_>>());
    };
}

// attack: io-2
fn dropped_feed_queues_all_or_nothing<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(b"");
        let mut socket = server::<B>(&wire, crowded());
        gather_all!(polls, wire, socket);
    });
    at_every_poll(|polls| {
        let wire = hesitant(b"");
        let (_reader, writer) = server::<B>(&wire, crowded()).split();
        gather_all!(polls, wire, writer);
    });
}

// attack: io-2
fn dropped_close_is_completed_by_the_next_close<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        again!(polls, socket.close(CloseCode::NORMAL, "bye")).unwrap();
        assert_eq!(wire.written(), b"\x88\x05\x03\xe8bye\x8a\x01?");
        assert!(wire.state().shut && socket.close_info().unwrap().was_clean);
    });
}

// attack: io-2
fn dropped_close_of_a_reader_is_completed_by_the_next_close<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, _writer) = server::<B>(&wire, untimed()).split();
        again!(polls, reader.close(CloseCode::NORMAL, "bye")).unwrap();
        assert_eq!(wire.written(), b"\x88\x05\x03\xe8bye\x8a\x01?");
        assert!(wire.state().shut && reader.close_info().unwrap().was_clean);
    });
}

// attack: io-2
fn dropped_close_of_a_writer_is_completed_by_the_reader<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, writer) = server::<B>(&wire, untimed()).split();
        if polls.run(writer.close(CloseCode::NORMAL, "bye")).is_none() {
            assert_ne!(writer.state(), sansocket::State::Open, "the closing handshake has begun");
        }
        let mut received = Vec::new();
        while let Some(message) = again!(polls, reader.read()).unwrap() {
            received.push(message);
        }
        assert_eq!((received, &wire.written()[..]), (messages(), &b"\x88\x05\x03\xe8bye\x8a\x01?"[..]));
    });
}

/// A binary message of 10 bytes, then the message "x", then a Close frame. The close is dropped after part of the first.
fn dropped_close_in_a_message_discards_the_rest_of_it<B: Binding>() {
    let wire = Wire::open(b"\x82\x8a\0\0\0\0abcde");
    let mut socket = server::<B>(&wire, untimed());
    let task = Arc::default();
    assert!(poll(&task, &mut pin!(socket.close(CloseCode::NORMAL, ""))).is_pending());
    wire.arrive(b"fghij\x81\x81\0\0\0\0x\x88\x80\0\0\0\0");
    let mut chunk = pin!(async { socket.read_chunk().await.map(|chunk| format!("{chunk:?}")) });
    let Poll::Ready(chunk) = poll(&task, &mut chunk) else { panic!("no chunk") };
    assert_eq!(chunk.unwrap(), r#"Some(Text { text: "x", fin: true })"#);
}
