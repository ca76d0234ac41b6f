//! A whole connection that several tasks poll.

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use model::shuttle::future;
use model::{clock, explore};
use sansocket::asynchronous::WebSocket;
use sansocket::{Connection, Message, State};

use crate::peer::{Peer, client, config, server};
use crate::tasks::{Locked, coin, seconds, spawn};
use crate::wire::duplex;

/// Which end our connection is.
fn ends() -> (Connection, Connection) {
    if coin() { (server(config()), client(config())) } else { (client(config()), server(config())) }
}

fn long(name: &str) -> String {
    name.repeat(50)
}

/// The peer has some to say, reads everything, and closes when it has two messages.
async fn converse(mut peer: Peer) -> Vec<String> {
    peer.send("one").await;
    while peer.received.len() < 2 {
        assert!(peer.read(16).await);
        peer.write().await;
    }
    peer.send("two").await;
    peer.close().await;
    peer.run().await.received
}

// attack: io-2
#[test]
fn sending_more_than_the_stream_holds_goes_on_beside_reading() {
    explore("whole, StreamExt::split: send against next", 600, || {
        clock::start();
        let (end, other) = duplex(16);
        let (ours, theirs) = ends();
        let (mut sink, mut stream) = StreamExt::split(WebSocket::from_parts(end, ours));
        let peer = spawn(converse(Peer::new(other, theirs)));
        let sending = spawn(async move {
            sink.send(Message::from(long("a"))).await.unwrap();
            sink.send(Message::from(long("b"))).await.unwrap();
            sink // The stream is dropped with both halves.
        });
        let reading = spawn(async move {
            let mut received = Vec::new();
            while let Some(message) = stream.next().await {
                received.push(message.unwrap());
            }
            received
        });
        assert_eq!(reading.join(), [Message::from("one"), Message::from("two")]);
        let sink = sending.join();
        drop(sink);
        assert_eq!(peer.join(), [long("a"), long("b")]);
        assert_eq!(clock::now(), seconds(0));
    });
}

#[test]
fn close_and_next_both_return() {
    explore("whole, StreamExt::split: close against next", 600, || {
        clock::start();
        let (end, other) = duplex(16);
        let (ours, theirs) = ends();
        let (mut sink, mut stream) = StreamExt::split(WebSocket::from_parts(end, ours));
        let mut peer = Peer::new(other, theirs);
        let peer = spawn(async move {
            peer.send("before").await;
            peer.run().await.received
        });
        let closing = spawn(async move {
            if coin() {
                sink.feed(Message::from(long("a"))).await.unwrap();
            }
            sink.close().await.unwrap();
        });
        let reading = spawn(async move {
            while let Some(message) = stream.next().await {
                assert_eq!(message.unwrap(), Message::from("before"));
            }
        });
        closing.join();
        reading.join();
        let received = peer.join();
        assert!(received.is_empty() || received == [long("a")]);
        assert_eq!(clock::now(), seconds(0));
    });
}

#[test]
fn flush_feed_and_read_wait_side_by_side() {
    explore("whole, behind a lock: flush against feed against read", 600, || {
        clock::start();
        let (mut end, other) = duplex(16);
        end.flushes_late = coin();
        let (ours, theirs) = ends();
        let socket = Locked::new(WebSocket::from_parts(end, ours));
        let peer = spawn(converse(Peer::new(other, theirs)));
        let feeding = socket.clone();
        let feeding = spawn(async move {
            for name in ["a", "b"] {
                feeding.poll(Sink::poll_ready).await.unwrap();
                feeding
                    .poll(|socket, _| Sink::start_send(socket, Message::from(long(name))).into())
                    .await
                    .unwrap();
                future::yield_now().await;
            }
            feeding.poll(Sink::poll_flush).await.unwrap();
        });
        let flushing = socket.clone();
        let flushing = spawn(async move {
            for _ in 0..3 {
                flushing.poll(Sink::poll_flush).await.unwrap();
                future::yield_now().await;
            }
        });
        let reading = spawn(async move {
            let mut received = Vec::new();
            while let Some(message) = socket.poll(Stream::poll_next).await {
                received.push(message.unwrap());
            }
            assert_eq!(socket.poll(|socket, _| socket.state().into()).await, State::Closed);
            received
        });
        feeding.join();
        flushing.join();
        assert_eq!(reading.join(), [Message::from("one"), Message::from("two")]);
        assert_eq!(peer.join(), [long("a"), long("b")]);
        assert_eq!(clock::now(), seconds(0));
    });
}

/// A stream that always has something keeps no task from its turn, and a read that has yielded goes on.
#[test]
fn many_reads_leave_room_for_a_writer() {
    explore("whole, StreamExt::split: many reads against send", 100, || {
        clock::start();
        let (end, other) = duplex(16);
        let (ours, theirs) = ends();
        let (mut sink, mut stream) = StreamExt::split(WebSocket::from_parts(end, ours));
        let mut peer = Peer::new(other, theirs);
        let peer = spawn(async move {
            peer.send(&"x".repeat(3000)).await;
            peer.send("last").await;
            peer.run().await.received
        });
        let sending = spawn(async move {
            for name in ["a", "b"] {
                sink.send(Message::from(long(name))).await.unwrap();
            }
            sink
        });
        let reading = spawn(async move {
            let first = stream.next().await.unwrap().unwrap();
            assert_eq!(first, Message::from("x".repeat(3000)));
            assert_eq!(stream.next().await.unwrap().unwrap(), Message::from("last"));
        });
        reading.join();
        drop(sending.join());
        assert_eq!(peer.join(), [long("a"), long("b")]);
        assert_eq!(clock::now(), seconds(0));
    });
}
