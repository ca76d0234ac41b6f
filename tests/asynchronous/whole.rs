//! A whole connection in two tasks, by `futures_util::StreamExt::split`: one task sends or closes, the other reads. Both end,
//! and neither keeps the other awake.

use futures_util::{SinkExt, StreamExt};
use sansocket::Message;

use crate::bindings::{Binding, Executor, over_each, server, untimed};
use crate::script::wire::Wire;

over_each! {
    send_and_next_in_two_tasks_both_end,
    send_ends_while_next_answers_pings,
    close_and_next_in_two_tasks_both_end,
    close_and_send_and_next_all_end_with_the_connection,
}

/// Which task is polled first, and whether the stream wakes a waker that it replaces.
const ORDERS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

fn open(wakes_replaced: bool) -> Wire {
    let wire = Wire::open(b"");
    wire.state().wakes_replaced = wakes_replaced;
    wire
}

// attack: io-2
fn send_and_next_in_two_tasks_both_end<B: Binding>() {
    for (reads_first, wakes_replaced) in ORDERS {
        let wire = open(wakes_replaced);
        wire.state().room = Some(2);
        let (mut sink, mut stream) = StreamExt::split(server::<B>(&wire, untimed()));
        let mut executor = Executor::new();
        let sending = async { sink.send(Message::from("Hello")).await.is_ok() };
        let reading = async { stream.next().await.is_some_and(|item| item.unwrap() == Message::from("?")) };
        if reads_first {
            executor.spawn(reading);
            executor.run();
            executor.spawn(sending);
        } else {
            executor.spawn(sending);
            executor.run();
            executor.spawn(reading);
        }
        executor.run();
        let (send, read) = if reads_first { (1, 0) } else { (0, 1) };
        assert!(!executor.has_ended(send) && !executor.has_ended(read));
        wire.make_room(5);
        executor.run();
        assert!(executor.has_ended(send), "reads first: {reads_first}, wakes: {wakes_replaced}");
        wire.arrive(b"\x81\x81\0\0\0\0?");
        executor.run();
        assert_eq!(executor.outputs(), [true, true]);
        assert_eq!(wire.written(), b"\x81\x05Hello");
    }
}

// attack: io-2
fn send_ends_while_next_answers_pings<B: Binding>() {
    for (_, wakes_replaced) in ORDERS {
        let wire = open(wakes_replaced);
        wire.state().room = Some(0);
        let (mut sink, mut stream) = StreamExt::split(server::<B>(&wire, untimed()));
        let mut executor = Executor::new();
        executor.spawn(async { sink.send(Message::from("Hello")).await.is_ok() });
        executor.spawn(async { stream.next().await.is_some_and(|item| item.is_ok()) });
        executor.run();
        // Each byte of the message goes out between two Pings, so each task writes some of the output.
        for _ in 0..7 {
            wire.arrive(b"\x89\x80\0\0\0\0");
            wire.make_room(1);
            executor.run();
        }
        wire.make_room(100);
        executor.run();
        assert!(executor.has_ended(0) && !executor.has_ended(1));
        assert_eq!(wire.written(), [&b"\x81\x05Hello"[..], &b"\x8a\x00".repeat(7)].concat());
        wire.arrive(b"\x82\x80\0\0\0\0");
        executor.run();
        assert_eq!(executor.outputs(), [true, true]);
    }
}

// attack: io-2, close-3
fn close_and_next_in_two_tasks_both_end<B: Binding>() {
    for (reads_first, wakes_replaced) in ORDERS {
        let wire = open(wakes_replaced);
        let (mut sink, mut stream) = StreamExt::split(server::<B>(&wire, untimed()));
        let mut executor = Executor::new();
        let closing = async { sink.close().await.is_ok() };
        let reading = async { stream.next().await.is_none() };
        if reads_first {
            executor.spawn(reading);
            executor.run();
            executor.spawn(closing);
        } else {
            executor.spawn(closing);
            executor.run();
            executor.spawn(reading);
        }
        executor.run();
        assert_eq!(wire.written(), b"\x88\x02\x03\xe8");
        wire.arrive(b"\x88\x82\0\0\0\0\x03\xe8");
        executor.run();
        wire.state().stays_open = false;
        wire.arrive(b"");
        executor.run();
        assert_eq!(executor.outputs(), [true, true], "reads first: {reads_first}, wakes: {wakes_replaced}");
    }
}

// attack: io-2, close-3
fn close_and_send_and_next_all_end_with_the_connection<B: Binding>() {
    for (_, wakes_replaced) in ORDERS {
        let wire = open(wakes_replaced);
        wire.state().room = Some(1);
        let (mut reader, writer) = server::<B>(&wire, untimed()).split();
        let closer = writer.clone();
        let mut executor = Executor::new();
        executor.spawn(async { writer.send("Hello").await.is_err() });
        executor.spawn(async { reader.next().await.is_some_and(|item| item.is_err()) });
        executor.run();
        executor.spawn(async { closer.close(sansocket::CloseCode::NORMAL, "").await.is_err() });
        executor.run();
        wire.state().stays_open = false;
        wire.arrive(b"");
        executor.run();
        assert_eq!(executor.outputs(), [true, true, true]);
    }
}

/// The message that one task sends while another one reads.
const LEN: usize = 8 << 20;

/// The tasks of both ends: a client sends a long message and closes, each against a read. The server reads slowly.
macro_rules! exchange {
    ($client:expr, $server:expr, $spawn:expr) => {{
        let (mut server, client) = ($server, $client);
        let serving = $spawn(async move {
            let message = server.read().await.unwrap().unwrap();
            assert_eq!(message.len(), LEN);
            server.send("done").await.unwrap();
            assert_eq!(server.read().await.unwrap(), None);
        });
        let (mut sink, mut stream) = StreamExt::split(client);
        let reading = $spawn(async move { (stream.next().await, stream) });
        let sending = $spawn(async move {
            sink.send(Message::from(vec![7; LEN])).await.unwrap();
            sink
        });
        let mut sink = finished(sending.await);
        // Closing discards what arrives, so it begins behind the reply.
        let (reply, mut stream) = finished(reading.await);
        assert_eq!(reply.unwrap().unwrap(), Message::from("done"));
        let reading = $spawn(async move { (stream.next().await.is_none(), stream) });
        finished($spawn(async move { sink.close().await }).await).unwrap();
        assert!(finished(reading.await).0);
        finished(serving.await);
    }};
}

#[cfg(feature = "tokio")]
mod over_tokio {
    use std::time::Duration;

    use futures_util::{SinkExt, StreamExt};
    use sansocket::Message;
    use sansocket::handshake::client::Request;
    use sansocket::tokio::{WebSocket, accept, connect_over};
    use tokio::io::{AsyncRead, AsyncWrite, duplex};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinError;

    use super::LEN;
    use crate::bindings::untimed;

    fn finished<T>(result: Result<T, JoinError>) -> T {
        result.unwrap()
    }

    async fn open<S: AsyncRead + AsyncWrite + Unpin + 'static>(client: S, server: S) -> [WebSocket<S>; 2] {
        let request = Request::new("ws://x/").unwrap();
        let (client, server) = tokio::join!(connect_over(client, &request, untimed()), accept(server));
        [client.unwrap().0, server.unwrap()]
    }

    /// On the paused clock a task that hangs meets the time limit at once.
    // attack: io-2
    #[tokio::test(start_paused = true)]
    async fn long_message_and_close_against_next_over_duplex_end() {
        for capacity in [100, 1 << 16] {
            let (client, server) = duplex(capacity);
            let [client, server] = open(client, server).await;
            let exchange = async { exchange!(client, server, tokio::spawn) };
            tokio::time::timeout(Duration::from_secs(20), exchange).await.expect("no task hangs");
        }
    }

    // attack: io-2
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn long_message_and_close_against_next_over_tcp_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let [client, server] = open(client, listener.accept().await.unwrap().0).await;
        let exchange = async { exchange!(client, server, tokio::spawn) };
        tokio::time::timeout(Duration::from_secs(60), exchange).await.expect("no task hangs");
    }
}

#[cfg(feature = "smol")]
mod over_smol {
    use std::time::Duration;

    use futures_util::{SinkExt, StreamExt};
    use sansocket::handshake::client::Request;
    use sansocket::smol::{SmolTransport, WebSocket, accept, connect_over};
    use sansocket::{Connection, Message};
    use smol::net::{TcpListener, TcpStream};

    use super::LEN;
    use crate::bindings::untimed;
    use crate::script::wire::Wire;

    fn finished<T>(output: T) -> T {
        output
    }

    // attack: io-2
    #[test]
    fn long_message_and_close_against_next_over_tcp_end() {
        let exchange = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            let request = Request::new("ws://x/").unwrap();
            let (client, server) =
                smol::future::zip(connect_over(client, &request, untimed()), accept(server)).await;
            exchange!(client.unwrap().0, server.unwrap(), smol::spawn);
        };
        let limit = async {
            smol::Timer::after(Duration::from_secs(60)).await;
            panic!("a task hangs");
        };
        smol::block_on(smol::future::or(exchange, limit));
    }

    /// The peer sends Close and reads nothing. The write timeout of an hour is no deadline for the end.
    // attack: close-3
    #[test]
    fn close_timeout_is_kept_while_a_send_waits() {
        let exchange = async {
            for is_joined in [false, true] {
                let wire = Wire::open(b"\x88\x82\0\0\0\0\x03\xe8");
                wire.state().stuck = true;
                let config = untimed()
                    .close_timeout(Duration::from_millis(200))
                    .write_timeout(Duration::from_secs(3600));
                let transport = SmolTransport::new(wire);
                let (mut reader, writer) =
                    WebSocket::from_parts(transport, Connection::server(config)).split();
                let sending = async move { writer.send("Hello").await };
                let (read, sent) = if is_joined {
                    smol::future::zip(reader.read(), sending).await
                } else {
                    let sending = smol::spawn(sending);
                    (reader.read().await, sending.await)
                };
                assert_eq!(read.unwrap(), None);
                assert!(sent.is_err());
            }
        };
        let limit = async {
            smol::Timer::after(Duration::from_secs(60)).await;
            panic!("a task hangs");
        };
        smol::block_on(smol::future::or(exchange, limit));
    }
}
