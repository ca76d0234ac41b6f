//! Many connections over one, and flow control between them.

use std::time::Duration;

use bytes::Bytes;
use sansocket::handshake::client;
use sansocket::{CloseCode, Config, Error, Message};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::peers::{self, Serves, echo, server};
use crate::streams::Script;

#[tokio::test]
async fn hundred_connections_share_one_http_connection() {
    let (io, mut upgrades) = server(Serves::Http2, Config::default());
    tokio::spawn(async move {
        while let Some(upgrade) = upgrades.recv().await {
            tokio::spawn(async { echo(upgrade.await.unwrap()).await });
        }
    });
    let streams = peers::client(io).await;
    let request = client::Request::new("ws://example.com/").unwrap();
    let mut sockets = Vec::new();
    for _ in 0..100 {
        sockets.push(streams.connect(&request, Config::default()).await.unwrap().0);
    }
    for round in 0..3 {
        for (id, socket) in sockets.iter_mut().enumerate() {
            socket.send(&format!("{round} {id}")).await.unwrap();
        }
        for (id, socket) in sockets.iter_mut().enumerate() {
            assert_eq!(socket.read().await.unwrap(), Some(Message::from(format!("{round} {id}"))));
        }
    }
    for socket in &mut sockets {
        socket.close(CloseCode::NORMAL, "").await.unwrap();
    }
}

// attack: http2-3
/// The peer opens no window for one stream. The server stops there, and goes on everywhere else.
#[tokio::test(start_paused = true)]
async fn peer_without_a_window_stalls_its_own_stream_alone() {
    let config = Config::default().write_timeout(Duration::from_secs(30)).keepalive(None);
    let (io, mut upgrades) = server(Serves::Http2, config);
    let mut script = Script::start(io).await;
    let (stalled, mut from_stalled) = script.open().await;
    let mut flooded = upgrades.recv().await.unwrap().await.unwrap();
    let (told, waits) = oneshot::channel();
    let flood = tokio::spawn(async move {
        let message = Bytes::from(vec![7; 1 << 20]);
        let sent = flooded.send(&message).await;
        told.send(flooded.buffered_amount()).unwrap();
        sent
    });
    // All that the window of the stream has room for arrives, and nothing behind it.
    let mut arrived = 0;
    while arrived < 65_535 {
        arrived += from_stalled.data().await.unwrap().unwrap().len();
    }
    assert_eq!(arrived, 65_535);

    // 99 other streams are as fast as ever: the window of the HTTP connection is larger.
    let mut others = Vec::new();
    for _ in 0..99 {
        others.push(script.open().await);
        let upgrade = upgrades.recv().await.unwrap();
        tokio::spawn(async move { echo(upgrade.await.unwrap()).await });
    }
    for _ in 0..10 {
        for (other, from_other) in &mut others {
            // Section 5.7: "Hello", masked.
            other
                .send_data(Bytes::from_static(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), false)
                .unwrap();
            let data = from_other.data().await.unwrap().unwrap();
            assert_eq!(data, &b"\x81\x05Hello"[..]);
            from_other.flow_control().release_capacity(data.len()).unwrap();
        }
    }

    // The clock is paused: it goes on when nothing else does, up to the write timeout.
    let Err(Error::Io(error)) = flood.await.unwrap() else { panic!() };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    // Hyper holds no more than the window and a few pieces of 16 KiB.
    let left = waits.await.unwrap();
    assert!(left > (1 << 20) - 65_535 - 5 * (16 << 10), "{left} bytes wait in the connection");
    drop(stalled);
}

/// The program does not read some streams, and goes on with another.
#[tokio::test(start_paused = true)]
async fn streams_that_are_not_read_hold_up_no_other() {
    let (io, mut upgrades) = server(Serves::Http2, Config::default());
    let mut script = Script::start(io).await;
    let mut unread = Vec::new();
    for _ in 0..20 {
        let (mut stream, from) = script.open().await;
        // It is sent as far as the window goes.
        stream.send_data(Bytes::from(vec![0; 2 << 20]), false).unwrap();
        unread.push((stream, from, upgrades.recv().await.unwrap().await.unwrap()));
    }

    let (mut stream, mut from) = script.open().await;
    tokio::spawn(async move { echo(upgrades.recv().await.unwrap().await.unwrap()).await });
    for _ in 0..100 {
        // Section 5.7: "Hello", masked.
        stream.send_data(Bytes::from_static(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), false).unwrap();
        // The clock is paused: it goes on when nothing else does.
        let data = timeout(Duration::from_secs(10), from.data()).await.expect("held up").unwrap().unwrap();
        assert_eq!(data, &b"\x81\x05Hello"[..]);
    }
}
