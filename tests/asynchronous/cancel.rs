//! Every future dropped at every poll of a session, and called again: nothing is lost, nothing is doubled, and what is on
//! the wire is part of what should be there.
//!
//! The futures of the opening handshake own their stream: dropping one drops the connection, by its nature.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use sansocket::{Bytes, CloseCode, Config, Event, Fin, Message, Piece, Prepared};

use crate::bindings::{Binding, Task, over_each, poll, server, untimed};
use crate::script::wire::Wire;
use crate::script::{ANSWERS, FRAMES, Script, Step, messages};

over_each! {
    reading_messages, reading_events, reading_pieces, reading_half, sending, sending_half, gathering, closing, closing_half,
    closing_by_the_reader,
}

/// Which polls are the last of their future.
#[derive(Clone, Copy)]
enum Drops {
    EveryPoll,
    Only(usize),
}

struct Polls {
    drops: Drops,
    count: usize,
}

impl Polls {
    /// Polls until it is ready, or until it is to be dropped.
    fn run<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let task = Arc::new(Task::default());
        loop {
            self.count += 1;
            if let Poll::Ready(output) = poll(&task, &mut future) {
                return Some(output);
            }
            assert!(task.is_woken(), "this task would sleep for ever");
            match self.drops {
                Drops::EveryPoll => return None,
                Drops::Only(at) if at == self.count => return None,
                Drops::Only(_) => {}
            }
        }
    }
}

/// Calls it again until it is through.
macro_rules! again {
    ($polls:expr, $future:expr) => {
        loop {
            if let Some(output) = $polls.run($future) {
                break output;
            }
        }
    };
}

/// A stream that is pending before every byte, in both directions and when it is flushed.
fn hesitant(incoming: &[u8]) -> Wire {
    let steps = [Step::Error(ErrorKind::WouldBlock), Step::Bytes(1)];
    Wire::new(Script {
        reads: steps.repeat(500).into(),
        writes: steps.repeat(500).into(),
        flushes: vec![ErrorKind::WouldBlock; 8].into(),
        ..Script::new(incoming)
    })
}

/// Plays it with a drop at each poll by itself, and with one at all of them.
fn at_every_poll(play: impl Fn(&mut Polls)) {
    play(&mut Polls { drops: Drops::EveryPoll, count: 0 });
    for at in 1.. {
        let mut polls = Polls { drops: Drops::Only(at), count: 0 };
        play(&mut polls);
        if polls.count < at {
            assert!(at > 5, "there was something to drop");
            return;
        }
    }
}

// attack: io-2
fn reading_messages<B: Binding>() {
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

/// The events of the session, as text, from whatever reads.
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
fn reading_events<B: Binding>() {
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

/// The data of the session, piece by piece, from whatever reads.
macro_rules! all_pieces {
    ($polls:expr, $reader:expr) => {{
        let (mut bytes, mut ends) = (Vec::new(), 0);
        while let Some((piece, fin)) = again!($polls, async {
            $reader.read_piece().await.map(|piece| {
                piece.map(|piece| match piece {
                    Piece::Text(text, fin) => (text.as_bytes().to_vec(), fin),
                    Piece::Binary(data, fin) => (data.to_vec(), fin),
                })
            })
        })
        .unwrap()
        {
            bytes.extend(piece);
            ends += usize::from(fin == Fin::Final);
        }
        assert_eq!((&bytes[..], ends), (&b"Hello\x01\x02"[..], 2));
    }};
}

// attack: io-2
fn reading_pieces<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        all_pieces!(polls, socket);
    });
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, _writer) = server::<B>(&wire, untimed()).split();
        all_pieces!(polls, reader);
    });
}

// attack: io-2
fn reading_half<B: Binding>() {
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

/// Sends once, whatever is dropped: it is queued as a whole or not at all.
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

/// What `send_all` leaves on the wire.
const SENT: &[u8] = b"\x81\x01a\x82\x01b\x82\x01c\x82\x01d\x01\x01e\x80\x01f\x89\x01g\x82\x01h";

/// No message fits in besides another, so each waits for room first.
fn crowded() -> Config {
    Config { max_output_len: 16, ..untimed() }
}

macro_rules! send_all {
    ($polls:expr, $wire:expr, $socket:expr) => {
        let message = |byte: &'static [u8]| Message::Binary(Bytes::from_static(byte));
        let prepared = Prepared::from(message(b"d"));
        send_once!($polls, $wire, $socket, 3, $socket.send_text("a"));
        send_once!($polls, $wire, $socket, 3, $socket.send_binary(b"b"));
        send_once!($polls, $wire, $socket, 3, $socket.send(&message(b"c")));
        send_once!($polls, $wire, $socket, 3, $socket.send_prepared(&prepared));
        send_once!($polls, $wire, $socket, 3, $socket.send_text_fragment("e", Fin::More));
        send_once!($polls, $wire, $socket, 3, $socket.send_text_fragment("f", Fin::Final));
        send_once!($polls, $wire, $socket, 3, $socket.ping(b"g"));
        send_once!($polls, $wire, $socket, 3, $socket.send_binary_fragment(b"h", Fin::Final));
        again!($polls, $socket.flush()).unwrap();
        assert_eq!($wire.written(), SENT);
    };
}

// attack: io-2
fn sending<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(b"");
        let mut socket = server::<B>(&wire, crowded());
        send_all!(polls, wire, socket);
    });
}

// attack: io-2
fn sending_half<B: Binding>() {
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
            send_once!($polls, $wire, $writer, 3, $writer.feed_prepared(&Prepared::from(message.clone())));
        }
        again!($polls, $writer.flush()).unwrap();
        let twice = (b'a'..b'k').flat_map(|byte| [0x82, 1, byte, 0x82, 1, byte]);
        assert_eq!($wire.written(), twice.collect::<Vec<_>>());
    };
}

// attack: io-2
fn gathering<B: Binding>() {
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
fn closing<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let mut socket = server::<B>(&wire, untimed());
        again!(polls, socket.close(CloseCode::NORMAL, "bye")).unwrap();
        assert_eq!(wire.written(), b"\x88\x05\x03\xe8bye\x8a\x01?");
        assert!(wire.state().shut && socket.close_info().unwrap().was_clean);
    });
}

// attack: io-2
fn closing_by_the_reader<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, _writer) = server::<B>(&wire, untimed()).split();
        again!(polls, reader.close(CloseCode::NORMAL, "bye")).unwrap();
        assert_eq!(wire.written(), b"\x88\x05\x03\xe8bye\x8a\x01?");
        assert!(wire.state().shut && reader.close_info().unwrap().was_clean);
    });
}

// attack: io-2
fn closing_half<B: Binding>() {
    at_every_poll(|polls| {
        let wire = hesitant(FRAMES);
        let (mut reader, writer) = server::<B>(&wire, untimed()).split();
        if polls.run(writer.close(CloseCode::NORMAL, "bye")).is_none() {
            assert_ne!(writer.state(), sansocket::State::Open, "it is under way");
        }
        let mut received = Vec::new();
        while let Some(message) = again!(polls, reader.read()).unwrap() {
            received.push(message);
        }
        assert_eq!((received, &wire.written()[..]), (messages(), &b"\x88\x05\x03\xe8bye\x8a\x01?"[..]));
    });
}
