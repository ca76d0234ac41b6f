//! Two tasks, back-pressure, and calls that are dropped.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use sansocket::Connection;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::script::task::finish;
use crate::script::wire::Wire;
use crate::shells::with_timers;
use crate::{frame, untimed};

fn stream(wire: &Wire) -> sansocket::tokio::ByteStream<Wire> {
    sansocket::tokio::from_parts(wire.clone(), Connection::server(untimed())).into_byte_stream()
}

#[test]
fn write_waits_while_the_peer_does_not_read_and_takes_nothing() {
    with_timers(|| {
        let wire = Wire::open(b"");
        wire.state().room = Some(1000);
        let mut stream = stream(&wire);
        let mut taken = 0;
        while let Some(n) = finish(poll_fn(|cx| {
            Poll::Ready(match Pin::new(&mut stream).poll_write(cx, &[7; 10_000]) {
                Poll::Ready(n) => Some(n.unwrap()),
                Poll::Pending => None,
            })
        })) {
            taken += n;
            assert!(taken < 200_000, "there is no end of the room");
        }
        assert!(taken >= 64 << 10, "{taken} bytes");
        wire.make_room(1_000_000);
        finish(stream.write_all(b"end")).unwrap();
        finish(stream.flush()).unwrap();
        let written = wire.written();
        let bytes = written.iter().filter(|byte| **byte == 7).count();
        assert_eq!(bytes, taken, "a write that waited has taken nothing");
        assert!(written.ends_with(b"end"));
    });
}

#[tokio::test(start_paused = true)]
async fn each_half_wakes_its_own_task() {
    let wire = Wire::open(b"");
    wire.state().room = Some(0);
    let (mut reader, mut writer) = tokio::io::split(stream(&wire));
    let reading = tokio::spawn(async move {
        let mut bytes = [0; 5];
        reader.read_exact(&mut bytes).await.unwrap();
        (bytes, reader)
    });
    let writing = tokio::spawn(async move {
        writer.write_all(&[7; 300_000]).await.unwrap();
        writer.flush().await.unwrap();
        writer
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    wire.arrive(&frame(0x82, b"Hel"));
    wire.arrive(&frame(0x82, b"lo"));
    let (bytes, mut reader) = reading.await.unwrap();
    assert_eq!(&bytes, b"Hello");
    assert!(!writing.is_finished());
    wire.make_room(1_000_000);
    let mut writer = writing.await.unwrap();
    let closing = tokio::spawn(async move { writer.shutdown().await });
    tokio::task::yield_now().await;
    assert!(
        wire.written().ends_with(b"\x88\x02\x03\xe8") && !closing.is_finished(),
        "the peer has not answered"
    );
    wire.arrive(&frame(0x88, b"\x03\xe8"));
    wire.state().stays_open = false;
    wire.arrive(b"");
    assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
    closing.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_at_the_close_timeout() {
    let wire = Wire::open(b"");
    let mut stream = stream(&wire);
    let error = stream.shutdown().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn read_that_is_dropped_loses_nothing() {
    with_timers(|| {
        let wire = Wire::open(b"");
        let mut stream = stream(&wire);
        let mut all = Vec::<u8>::new();
        for part in frame(0x82, b"Hello").chunks(1) {
            wire.arrive(part);
            loop {
                let mut to = [0; 10];
                let mut reading = Box::pin(stream.read(&mut to));
                let polled = finish(poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))));
                drop(reading);
                match polled {
                    Poll::Ready(n) => all.extend(&to[..n.unwrap()]),
                    Poll::Pending => break,
                }
            }
        }
        assert_eq!(all, b"Hello");
    });
}
