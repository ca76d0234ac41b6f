//! The span of a connection: whose child it is, and when it is entered.

use std::future::poll_fn;
use std::pin::pin;

use sansocket::{CloseCode, Config, Connection, Role, blocking, tokio};
use tracing::Instrument;

use crate::peer::{Peer, Then, frame, streams};
use crate::recorder::Recorder;
use crate::{block_on, to_tokio};

#[test]
fn span_is_a_child_of_the_one_around_the_opening_and_is_entered_in_no_wait() {
    let (stream, peer) = streams();
    let close = frame(Role::Server, sansocket::frame::Opcode::Close, b"\x03\xe8");
    let peer = Peer::play(peer, Some(Role::Server), close, Then::Listen);
    let recorder = Recorder::default();
    recorder.record(|| {
        block_on(async {
            let serve = async {
                let mut socket = tokio::accept(to_tokio(stream)).await.unwrap();
                tracing::info!("the program's own");
                while socket.read().await.unwrap().is_some() {}
            };
            let mut serve = pin!(serve.instrument(tracing::info_span!("task")));
            let mut waits = 0;
            poll_fn(|cx| {
                let polled = serve.as_mut().poll(cx);
                assert_eq!(recorder.depth(), 0);
                waits += u32::from(polled.is_pending());
                polled
            })
            .await;
            assert!(waits > 0);
        });
    });
    peer.leave();
    let nesting = recorder.nesting();
    let nesting: Vec<Vec<&str>> =
        nesting.iter().map(|names| names.iter().map(String::as_str).collect()).collect();
    let [opened, own, closed] = &*nesting else { panic!("{nesting:?}") };
    assert_eq!(**opened, ["DEBUG opened", "websocket", "task"]);
    assert_eq!(own[1..], ["task"]);
    assert_eq!(**closed, ["DEBUG closed by=peer code=1000 sent=1000", "websocket", "task"]);
}

#[test]
fn connection_that_was_opened_elsewhere_has_a_span_without_a_path() {
    let recorder = Recorder::default();
    let (first, second) = streams();
    let (client, server) = (Connection::client(Config::default()), Connection::server(Config::default()));
    recorder.record(|| {
        drop(blocking::WebSocket::from_parts(first, client).unwrap());
        block_on(async { drop(tokio::from_parts(to_tokio(second), server)) });
    });
    let spans = ["client", "server"].map(|role| format!("websocket role={role} peer=127.0.0.1:PORT"));
    assert_eq!(recorder.spans(), spans);
    assert_eq!(recorder.events(), ["DEBUG opened", "DEBUG dropped"].repeat(2));
}

#[test]
fn connection_that_opened_while_nobody_listened_stays_silent() {
    let recorder = Recorder::default();
    let (stream, peer) = streams();
    let close = frame(Role::Server, sansocket::frame::Opcode::Close, b"\x03\xe8");
    let peer = Peer::play(peer, Some(Role::Server), close, Then::Listen);
    let mut socket = blocking::accept(stream).unwrap();
    recorder.record(|| socket.close(CloseCode::NORMAL, "").unwrap());
    drop(socket);
    peer.leave();
    assert_eq!((recorder.spans(), recorder.events()), (vec![], vec![]));
}
