//! Futures that are dropped and started again, halves that are dropped in every order, halves that are joined again.

use futures_util::{SinkExt, StreamExt};
use model::shuttle::future;
use model::{clock, explore};
use sansocket::asynchronous::{ReuniteError, WebSocket};
use sansocket::{CloseCode, Message};

use crate::peer::{Peer, client, config, server};
use crate::tasks::{choice, coin, given_up, interrupted, seconds, spawn};
use crate::wire::duplex;

fn message(name: &str, number: usize) -> String {
    format!("{name}{number}").repeat(10)
}

// attack: io-2
#[test]
fn dropped_futures_lose_and_double_nothing() {
    explore("dropped: read, feed, flush, close started again", 3000, || {
        clock::start();
        let (mut end, other) = duplex(16);
        end.flushes_late = coin();
        // Room for one message in the output, so that `feed` waits.
        let limits = config().max_output_len(60);
        let (mut reader, writer) = WebSocket::from_parts(end, server(limits)).split();
        let mut peer = Peer::new(other, client(config()));
        let peer = spawn(async move {
            for number in 0..3 {
                peer.send(&message("p", number)).await;
                peer.read(16).await;
            }
            peer.run().await.received
        });
        let writing: Vec<_> = ["a", "b"]
            .map(|name| {
                let writer = writer.clone();
                spawn(async move {
                    for number in 0..2 {
                        let message = message(name, number);
                        interrupted(4, || writer.feed(&message)).await.unwrap();
                        interrupted(4, || writer.flush()).await.unwrap();
                    }
                })
            })
            .into();
        let reading = spawn(async move {
            let mut received = Vec::new();
            loop {
                // A future that borrows the reader cannot leave a closure, so this is spelled out.
                let mut polls = choice(4);
                let read = loop {
                    if polls == 0 {
                        break reader.read().await;
                    }
                    polls -= 1;
                    if let Some(read) = given_up(1, reader.read()).await {
                        break read;
                    }
                    if coin() {
                        future::yield_now().await;
                    }
                };
                match read.unwrap() {
                    Some(message) => received.push(message),
                    None => return received,
                }
            }
        });
        writing.into_iter().for_each(|task| task.join());
        spawn(async move {
            // A `close` that has been polled has queued its Close frame.
            if given_up(choice(2) + 1, writer.close(CloseCode::NORMAL, "")).await.is_none() {
                interrupted(3, || writer.flush()).await.unwrap();
            }
        })
        .join();
        assert_eq!(reading.join(), [0, 1, 2].map(|number| Message::from(message("p", number))));
        let received = peer.join();
        assert_eq!(received.len(), 4);
        for name in ["a", "b"] {
            let of: Vec<_> = received.iter().filter(|text| text.starts_with(name)).collect();
            assert_eq!(of, [&message(name, 0), &message(name, 1)]);
        }
        assert_eq!(clock::now(), seconds(0));
    });
}

#[test]
fn dropped_send_takes_no_wake_up_with_it() {
    explore("dropped: send in the middle, others wait", 3000, || {
        clock::start();
        let (end, other) = duplex(16);
        let (mut reader, writer) = WebSocket::from_parts(end, server(config())).split();
        let mut peer = Peer::new(other, client(config()));
        let peer = spawn(async move {
            while peer.received.len() < 2 {
                clock::sleep_until(clock::now() + seconds(1)).await;
                peer.read(32).await;
            }
            peer.close().await;
            peer.run().await.received
        });
        let dropped = ["c", "d"].map(|name| {
            let writer = writer.clone();
            spawn(async move {
                let message = message(name, 0);
                given_up(choice(3) + 1, writer.send(&message)).await;
                if coin() {
                    drop(writer);
                    return;
                }
                clock::sleep_until(seconds(2)).await;
            })
        });
        let writing = ["a", "b"].map(|name| {
            let mut writer = writer.clone();
            spawn(async move {
                let message = message(name, 0);
                // As a sink, too.
                if coin() {
                    writer.send(&message).await
                } else {
                    SinkExt::send(&mut writer, message.into()).await
                }
            })
        });
        let reading = spawn(async move {
            while let Some(message) = reader.next().await {
                message.unwrap();
            }
        });
        dropped.into_iter().for_each(|task| task.join());
        for task in writing {
            // The peer may close before.
            task.join().ok();
        }
        reading.join();
        drop(writer);
        let mut received = peer.join();
        received.sort();
        let sent = ["a", "b", "c", "d"].map(|name| message(name, 0));
        assert!(received.iter().all(|text| sent.contains(text)), "{received:?}");
        received.dedup();
        assert!(received.len() >= 2);
    });
}

#[test]
fn halves_are_dropped_in_every_order() {
    explore("dropped: halves and clones in every order", 2000, || {
        clock::start();
        let (end, other) = duplex(16);
        let (reader, writer) = WebSocket::from_parts(end, server(config())).split();
        let mut peer = Peer::new(other, client(config()));
        let peer = spawn(async move {
            peer.send("one").await;
            peer.run().await.received
        });
        let reading = spawn(async move {
            let mut reader = reader;
            given_up(choice(3) + 1, reader.read()).await;
            // Writers made here outlive the reader, too.
            if coin() { Some(reader.writer()) } else { None }
        });
        let writing = ["a", "b"].map(|name| {
            let writer = if coin() { writer.clone() } else { writer.clone().clone() };
            spawn(async move {
                if coin() {
                    let message = message(name, 0);
                    given_up(choice(3) + 1, writer.send(&message)).await;
                }
            })
        });
        let last = spawn(async move { writer.send(&message("z", 0)).await });
        if coin() {
            drop(reading.join());
            writing.into_iter().for_each(|task| task.join());
            last.join().unwrap();
        } else {
            last.join().unwrap();
            writing.into_iter().for_each(|task| task.join());
            if let Some(writer) = reading.join() {
                spawn(async move { writer.flush().await }).join().unwrap();
            }
        }
        // With the last half the stream has been dropped: the peer sees its end.
        let received = peer.join();
        assert_eq!(received.iter().filter(|text| **text == message("z", 0)).count(), 1, "{received:?}");
        assert_eq!(clock::now(), seconds(0));
    });
}

#[test]
fn halves_are_joined_when_the_last_clone_is_gone() {
    explore("dropped: reunite", 2000, || {
        clock::start();
        let (end, other) = duplex(16);
        let (mut reader, mut writer) = WebSocket::from_parts(end, server(config())).split();
        let mut peer = Peer::new(other, client(config()));
        let peer = spawn(async move {
            peer.send("one").await;
            peer.run().await.received
        });
        let clones = ["a", "b"].map(|name| {
            let writer = writer.clone();
            spawn(async move {
                let message = message(name, 0);
                let polls = if name == "a" { usize::MAX } else { choice(3) + 1 };
                given_up(polls, writer.send(&message)).await;
            })
        });
        let reading = spawn(async move {
            assert_eq!(reader.read().await.unwrap(), Some(Message::from("one")));
            for clone in clones {
                // The clones write, and need no reader.
                if coin() {
                    (reader, writer) = match reader.reunite(writer) {
                        Ok(socket) => socket.split(),
                        Err(ReuniteError(reader, writer)) => (reader, writer),
                    };
                }
                clone.ended().await;
            }
            let mut socket = reader.reunite(writer).ok().unwrap();
            socket.send(&message("z", 0)).await.unwrap();
            socket.close(CloseCode::NORMAL, "").await.unwrap();
        });
        reading.join();
        let received = peer.join();
        let sent = ["a", "b", "z"].map(|name| message(name, 0));
        assert!(received.iter().all(|text| sent.contains(text)), "{received:?}");
        assert_eq!(received.last(), Some(&sent[2]));
        assert!(received.contains(&sent[0]));
        assert_eq!(clock::now(), seconds(0));
    });
}
