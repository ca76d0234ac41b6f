//! One reader, two writers, and a clone that is dropped in the middle of a send.

use std::time::Duration;

use futures_util::join;
use model::{clock, explore};
use sansocket::asynchronous::{Reader, WebSocket, Writer};
use sansocket::{CloseCode, Config, Error, Message};

use crate::peer::{Peer, client, config, server};
use crate::tasks::{Task, choice, coin, given_up, seconds, spawn};
use crate::wire::{End, duplex};

/// Each message is longer than what the stream holds.
const ROOM: usize = 16;

type Outcome = (Result<(), Error>, Duration);

fn open(config: Config) -> (Reader<End>, Writer<End>, Peer) {
    let (mut end, other) = duplex(ROOM);
    end.flushes_late = coin();
    let (reader, writer) = WebSocket::from_parts(end, server(config.clone())).split();
    (reader, writer, Peer::new(other, client(config)))
}

fn message(name: &str, number: usize) -> String {
    format!("{name}{number}").repeat(20)
}

/// Sends two messages, each in two fragments or whole, then says how and when that ended.
fn write(writer: &Writer<End>, name: &'static str) -> Task<Outcome> {
    let writer = writer.clone();
    spawn(async move {
        for number in 0..2 {
            let sent = if coin() {
                writer.send(&message(name, number)).await
            } else {
                match writer.feed(&message(name, number)).await {
                    Ok(()) => writer.flush().await,
                    error => error,
                }
            };
            if sent.is_err() {
                return (sent, clock::now());
            }
        }
        (Ok(()), clock::now())
    })
}

/// Begins to send a message, and is dropped.
fn begin(writer: &Writer<End>) -> Task<()> {
    let writer = writer.clone();
    spawn(async move {
        let message = message("c", 0);
        given_up(choice(3) + 1, writer.send(&message)).await;
    })
}

/// Reads to the end.
fn read(mut reader: Reader<End>) -> Task<(Vec<Message>, Outcome)> {
    spawn(async move {
        let mut received = Vec::new();
        loop {
            match reader.read().await {
                Ok(Some(message)) => received.push(message),
                Ok(None) => return (received, (Ok(()), clock::now())),
                Err(error) => return (received, (Err(error), clock::now())),
            }
        }
    })
}

/// All of `a` and `b`, in order, each whole and once. At most one of `c`.
fn check_received(received: &[String]) {
    let is_from =
        |name: &str| -> Vec<&String> { received.iter().filter(|text| text.starts_with(name)).collect() };
    for name in ["a", "b"] {
        assert_eq!(is_from(name), [&message(name, 0), &message(name, 1)]);
    }
    let dropped = is_from("c");
    assert!(dropped.is_empty() || dropped == [&message("c", 0)]);
    assert_eq!(received.len(), 4 + dropped.len());
}

// attack: io-2
#[test]
fn slow_peer_gets_every_message_whole_and_once() {
    explore("halves: slow peer", 2000, || {
        clock::start();
        let (reader, writer, mut peer) = open(config());
        let peer = spawn(async move {
            peer.send("one").await;
            peer.read_slowly(8, Duration::from_millis(10), Duration::from_millis(200)).await;
            peer.send("two").await;
            peer.run().await.received
        });
        let reading = read(reader);
        let (a, b, c) = (write(&writer, "a"), write(&writer, "b"), begin(&writer));
        a.join().0.unwrap();
        b.join().0.unwrap();
        c.join();
        spawn(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() }).join();
        let (messages, (ended, at)) = reading.join();
        ended.unwrap();
        assert_eq!(messages, [Message::from("one"), Message::from("two")]);
        assert!(at <= Duration::from_millis(210), "{at:?}");
        check_received(&peer.join());
    });
}

#[test]
fn everybody_gives_up_a_silent_peer_at_the_write_timeout() {
    explore("halves: silent peer", 1000, || {
        clock::start();
        let (reader, writer, peer) = open(config());
        let peer = spawn(peer.sleep_until(seconds(100)));
        let reading = read(reader);
        let (a, b, c) = (write(&writer, "a"), write(&writer, "b"), begin(&writer));
        let outcomes = [a.join(), b.join(), reading.join().1];
        c.join();
        for (ended, at) in outcomes {
            ended.unwrap_err();
            assert_eq!(at, seconds(30));
        }
        peer.join();
    });
}

#[test]
fn everybody_is_released_when_the_peer_closes() {
    explore("halves: peer closes and reads on", 1000, || {
        clock::start();
        let (reader, writer, mut peer) = open(config());
        let peer = spawn(async move {
            clock::sleep_until(seconds(1)).await;
            peer.read(8).await;
            peer.close().await;
            peer.run().await.received
        });
        let reading = read(reader);
        let (a, b, c) = (write(&writer, "a"), write(&writer, "b"), begin(&writer));
        // What was not queued when the Close frame came is refused.
        for (_, at) in [a.join(), b.join()] {
            assert_eq!(at, seconds(1));
        }
        c.join();
        let (ended, at) = reading.join().1;
        ended.unwrap();
        assert_eq!(at, seconds(1));
        drop(writer);
        let received = peer.join();
        for text in &received {
            let name = &text[..1];
            assert!([message(name, 0), message(name, 1)].contains(text), "{text}");
        }
        assert_eq!(clock::now(), seconds(1));
    });
}

#[test]
fn everybody_is_released_when_the_peer_is_gone() {
    explore("halves: peer gone", 1000, || {
        clock::start();
        let (reader, writer, mut peer) = open(config());
        let peer = spawn(async move {
            peer.send("one").await;
            clock::sleep_until(seconds(1)).await;
            peer.read(8).await;
        });
        let reading = read(reader);
        let (a, b, c) = (write(&writer, "a"), write(&writer, "b"), begin(&writer));
        let (messages, reader) = reading.join();
        let outcomes = [a.join(), b.join(), reader];
        assert_eq!(messages, [Message::from("one")]);
        c.join();
        for (ended, at) in outcomes {
            ended.unwrap_err();
            assert_eq!(at, seconds(1));
        }
        peer.join();
    });
}

#[test]
fn reader_closes_while_writers_wait() {
    explore("halves: Reader::close against send", 1000, || {
        clock::start();
        let (mut reader, writer, mut peer) = open(config());
        let peer = spawn(async move {
            peer.read_slowly(8, Duration::from_millis(10), Duration::from_millis(50)).await;
            peer.run().await.received
        });
        let (a, b) = (write(&writer, "a"), write(&writer, "b"));
        let closing = spawn(async move { reader.close(CloseCode::NORMAL, "").await });
        closing.join().unwrap();
        for (ended, at) in [a.join(), b.join()] {
            assert!(matches!(ended, Ok(()) | Err(Error::Send(_))), "{ended:?}");
            assert!(at <= Duration::from_millis(60));
        }
        drop(writer);
        peer.join();
        assert!(clock::now() <= Duration::from_millis(60));
    });
}

/// A future that has been polled in this turn of the task is not polled again by itself: one that flushes for it must wake
/// the task.
#[test]
fn one_task_holds_all_futures() {
    explore("halves: all futures in one task", 2000, || {
        clock::start();
        let (mut reader, writer, mut peer) = open(config());
        let peer = spawn(async move {
            while peer.received.len() < 2 {
                assert!(peer.read(16).await);
            }
            peer.close().await;
            peer.run().await.received
        });
        let (a, b) = (message("a", 0), message("b", 0));
        let order = choice(3);
        spawn(async move {
            let read = async { assert_eq!(reader.read().await.unwrap(), None) };
            let first = async { writer.send(&a).await.unwrap() };
            let second = async { writer.send(&b).await.unwrap() };
            match order {
                0 => drop(join!(read, first, second)),
                1 => drop(join!(first, read, second)),
                _ => drop(join!(first, second, read)),
            }
        })
        .join();
        let mut received = peer.join();
        received.sort();
        assert_eq!(received, [message("a", 0), message("b", 0)]);
        assert_eq!(clock::now(), seconds(0));
    });
}
