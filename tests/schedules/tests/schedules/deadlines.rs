//! Deadlines that come due while others wait. Each is met at its time, on a clock that is exact.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::join;
use model::{Time, clock, explore, explore_in};
use sansocket::asynchronous::{Reader, WebSocket, Writer};
use sansocket::{CloseCode, Config, Error, ProtocolError};

use crate::peer::{Peer, client, config, server};
use crate::tasks::{Task, choice, coin, seconds, spawn};
use crate::wire::{End, duplex};

fn open(config: Config) -> (Reader<End>, Writer<End>, Peer) {
    let (mut end, other) = duplex(16);
    end.flushes_late = coin();
    let (reader, writer) = WebSocket::from_parts(end, server(config.clone())).split();
    (reader, writer, Peer::new(other, client(config)))
}

/// How a read or a write ended, and when.
type Outcome = (Result<(), Error>, Duration);

async fn read(reader: &mut Reader<End>) -> Outcome {
    loop {
        match reader.read().await {
            Ok(Some(_)) => {}
            Ok(None) => return (Ok(()), clock::now()),
            Err(error) => return (Err(error), clock::now()),
        }
    }
}

/// At that time, sends more than the stream holds. If the connection is being closed, only flushes.
async fn write(writer: Writer<End>, at: Duration) -> Outcome {
    clock::sleep_until(at).await;
    let mut sent = writer.send(&"x".repeat(1000)).await;
    if let Err(Error::Send(_)) = sent {
        sent = writer.flush().await;
    }
    (sent, clock::now())
}

/// A reader and two writers in tasks of their own, in one task with `join!`, or the reader and a writer in one task
/// with `select`. One writer begins at once, the other at a full second up to `latest`: perhaps when a deadline is due.
/// Gives the outcome of the reader, then those of the writers.
fn drive(mut reader: Reader<End>, writer: &Writer<End>, latest: usize) -> Task<Vec<Outcome>> {
    let (first, second) = (writer.clone(), writer.clone());
    let (first, second) = (write(first, seconds(0)), write(second, seconds(choice(latest + 1) as u64)));
    match choice(3) {
        0 => {
            let reading = spawn(async move { read(&mut reader).await });
            let writing = [spawn(first), spawn(second)];
            spawn(async move {
                let mut outcomes = vec![reading.ended().await];
                for task in writing {
                    outcomes.push(task.ended().await);
                }
                outcomes
            })
        }
        1 => spawn(async move {
            let (reading, first, second) = join!(read(&mut reader), first, second);
            vec![reading, first, second]
        }),
        _ => {
            let other = spawn(second);
            spawn(async move {
                let mut outcomes = match select(pin!(read(&mut reader)), pin!(first)).await {
                    Either::Left((reading, writing)) => vec![reading, writing.await],
                    Either::Right((writing, reading)) => vec![reading.await, writing],
                };
                outcomes.push(other.ended().await);
                outcomes
            })
        }
    }
}

fn check(outcomes: &[Outcome], times: &[Duration]) {
    for (ended, at) in outcomes {
        assert!(ended.is_err(), "{outcomes:?}");
        assert!(times.contains(at), "{outcomes:?}");
        assert_eq!(*at, outcomes[0].1, "{outcomes:?}");
    }
}

/// The peer reads at the very times when the keepalive is due, so that writers are woken first, or the reader is.
#[test]
fn keepalive_finds_a_slow_peer_that_falls_silent() {
    explore("deadlines: keepalive beside writers", 3000, || {
        clock::start();
        let (reader, writer, mut peer) =
            open(config().keepalive(Some(seconds(1))).write_timeout(seconds(3600)));
        let peer = spawn(async move {
            for time in 1..=2 {
                clock::sleep_until(seconds(time)).await;
                peer.read(8).await;
            }
            peer.sleep_until(seconds(9000)).await;
        });
        let outcomes = drive(reader, &writer, 4).join();
        // At 2 s the stream took something, just before that interval ended or just after. Two more end it.
        check(&outcomes, &[seconds(4), seconds(5)]);
        peer.join();
    });
}

#[test]
fn keepalive_pings_beside_idle_writers() {
    explore("deadlines: keepalive, nothing to write", 500, || {
        clock::start();
        let (mut reader, writer, mut peer) = open(config().keepalive(Some(seconds(1))));
        let peer = spawn(async move {
            while clock::now() < seconds(3) {
                assert!(peer.read(64).await);
                peer.write().await;
            }
            let pinged = peer.pinged.clone();
            peer.sleep_until(seconds(100)).await;
            pinged
        });
        let writing = spawn(async move {
            clock::sleep_until(Duration::from_millis(1500)).await;
            writer.send("short").await
        });
        let (ended, at) = spawn(async move { read(&mut reader).await }).join();
        ended.unwrap_err();
        // Pings at 1 s and 3 s were answered, the one at 5 s was not.
        assert_eq!(at, seconds(6));
        writing.join().unwrap();
        assert_eq!(peer.join(), [seconds(1), seconds(3)]);
    });
}

#[test]
fn write_timeout_counts_from_the_last_progress() {
    explore("deadlines: write timeout", 2000, || {
        clock::start();
        // The keepalive comes due all the time, and is answered.
        let (reader, writer, mut peer) = open(config().write_timeout(seconds(3)));
        let peer = spawn(async move {
            for time in [1, 3, 5] {
                clock::sleep_until(seconds(time)).await;
                peer.read(8).await;
                peer.send("here").await;
            }
            peer.sleep_until(seconds(100)).await;
        });
        check(&drive(reader, &writer, 4).join(), &[seconds(8)]);
        peer.join();
    });
}

#[test]
fn close_timeout_ends_a_peer_that_closes_and_reads_nothing() {
    explore("deadlines: close timeout, peer closes", 3000, || {
        clock::start();
        let keepalive = coin().then_some(seconds(2));
        let limits = config().close_timeout(seconds(2)).write_timeout(seconds(3600)).keepalive(keepalive);
        let (reader, writer, mut peer) = open(limits);
        let peer = spawn(async move {
            clock::sleep_until(seconds(1)).await;
            peer.close().await;
            if coin() {
                peer.read(8).await;
            }
            clock::sleep_until(seconds(3)).await;
            if coin() {
                peer.read(8).await;
            }
            peer.sleep_until(seconds(9000)).await;
        });
        let outcomes = drive(reader, &writer, 3).join();
        // The closing handshake has been completed as far as the reader can see.
        for (_, at) in &outcomes {
            assert_eq!(*at, seconds(3), "{outcomes:?}");
        }
        assert!(outcomes[0].0.is_ok(), "{outcomes:?}");
        peer.join();
    });
}

#[test]
fn close_timeout_ends_a_peer_that_does_not_answer() {
    explore("deadlines: close timeout, this end closes", 3000, || {
        clock::start();
        let limits = config().close_timeout(seconds(2)).write_timeout(seconds(3600));
        let (reader, writer, mut peer) = open(limits);
        let is_stuck = coin();
        let peer = spawn(async move {
            // It reads all, or nothing.
            while !is_stuck && peer.read(500).await {}
            peer.sleep_until(seconds(100)).await;
        });
        let driven = drive(reader, &writer, 3);
        let closing = spawn(async move {
            clock::sleep_until(seconds(1)).await;
            (writer.close(CloseCode::NORMAL, "").await, clock::now())
        });
        let outcomes = driven.join();
        assert!(
            matches!(outcomes[0], (Err(Error::Protocol(ProtocolError::ConnectionLost)), _)),
            "{outcomes:?}"
        );
        assert_eq!(outcomes[0].1, seconds(3));
        let closed = closing.join();
        for (ended, at) in outcomes[1..].iter().chain([&closed]) {
            assert_eq!(ended.is_err(), is_stuck, "{outcomes:?}");
            assert!(!is_stuck || *at == seconds(3), "{outcomes:?} {closed:?}");
        }
        peer.join();
    });
}

/// A task may take any time between two steps. All are released, and none before the time.
#[test]
fn tasks_that_are_late_are_released() {
    explore_in(Time::Hasty, "deadlines: tasks that are late", 3000, || {
        clock::start();
        let limits = config().close_timeout(seconds(2)).write_timeout(seconds(4)).keepalive(Some(seconds(1)));
        let (reader, writer, mut peer) = open(limits);
        let peer = spawn(async move {
            for time in 1..=2 {
                clock::sleep_until(seconds(time)).await;
                peer.read(8).await;
            }
            if coin() {
                peer.close().await;
            }
            peer.sleep_until(seconds(1_000_000)).await;
        });
        for (_, at) in drive(reader, &writer, 4).join() {
            assert!(at >= seconds(2), "{at:?}");
        }
        drop(writer);
        peer.join();
    });
}
