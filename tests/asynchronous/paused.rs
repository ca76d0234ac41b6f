//! Opening handshakes and deadlines on tokio's paused clock. The clock moves only while all tasks wait.

use std::time::Duration;

use sansocket::handshake::client::Request;
use sansocket::handshake::server::{Request as Incoming, Response};
use sansocket::tokio::{
    Reader, TokioTransport, WebSocket, Writer, accept, accept_with, connect_over, connect_with,
};
use sansocket::{CloseCode, Config, Connection, Error, HandshakeError, Message, ProtocolError, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::bindings::untimed;
use crate::script::{FRAMES, REQUEST, RESPONSE};

async fn pair(config: Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (client, server) = duplex(1000);
    let request = Request::new("ws://x/").unwrap();
    let (client, server) = tokio::join!(
        connect_over(client, &request, config.clone()),
        accept_with(server, config, Incoming::accept)
    );
    (client.unwrap().0, server.unwrap())
}

// attack: server-1
#[tokio::test(start_paused = true)]
async fn handshake_has_one_deadline_for_all_its_bytes() {
    let begin = Instant::now();
    let (mut peer, stream) = duplex(1000);
    let accepting = tokio::spawn(accept(stream));
    for byte in REQUEST {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if peer.write_all(&[*byte]).await.is_err() {
            break;
        }
    }
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Handshake(HandshakeError::TimedOut)), "{error}");
    assert!(begin.elapsed() >= Config::default().handshake_timeout);
}

#[tokio::test(start_paused = true)]
async fn silent_server_is_given_up_after_the_handshake_timeout() {
    let begin = Instant::now();
    let (_peer, stream) = duplex(1000);
    let error = connect_over(stream, &Request::new("ws://x/").unwrap(), Config::default()).await;
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))));
    assert_eq!(begin.elapsed().as_secs(), Config::default().handshake_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn connecting_to_a_silent_server_ends_at_the_handshake_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let begin = Instant::now();
    let error = connect_with(&Request::new(&url).unwrap(), Config::default()).await;
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))));
    assert_eq!(begin.elapsed().as_secs(), Config::default().handshake_timeout.as_secs());
    let none = Config::default().handshake_timeout(Duration::ZERO);
    let error = connect_with(&Request::new(&url).unwrap(), none).await;
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))));
}

/// A pipe that is shorter than either head, and a peer that reads none of it.
#[tokio::test(start_paused = true)]
async fn peer_that_takes_no_head_is_given_up_after_the_handshake_timeout() {
    let begin = Instant::now();
    let (_peer, stream) = duplex(64);
    let error = connect_over(stream, &Request::new("ws://x/").unwrap(), Config::default()).await;
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))), "{error:?}");
    let (mut peer, stream) = duplex(64);
    let (sent, error) = tokio::join!(peer.write_all(REQUEST), accept(stream));
    sent.unwrap();
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))), "{error:?}");
    assert_eq!(begin.elapsed().as_secs(), 2 * Config::default().handshake_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_the_request_are_not_lost() {
    let (mut peer, stream) = duplex(1000);
    peer.write_all(&[REQUEST, FRAMES].concat()).await.unwrap();
    let mut socket = accept(stream).await.unwrap();
    assert_eq!(socket.read().await.unwrap(), Some(Message::from("Hello")));
    let mut head = vec![0; RESPONSE.len()];
    peer.read_exact(&mut head).await.unwrap();
    assert_eq!(head, RESPONSE);
}

/// Sends `request` to a server. Gives the response and the server's error.
async fn answer(request: &[u8], decide: impl FnOnce(&Incoming) -> Response) -> (String, Error) {
    let (mut peer, stream) = duplex(1000);
    peer.write_all(request).await.unwrap();
    let answered = async {
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        drop(peer);
        answer
    };
    let (answer, result) = tokio::join!(answered, accept_with(stream, Config::default(), decide));
    (answer, result.unwrap_err())
}

// attack: server-5
// req: 6455-4.2.2-g, 6455-7.2.2-a, 6455-10.7-d
#[tokio::test(start_paused = true)]
async fn refusal_reaches_the_client() {
    let (plain, error) = answer(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Incoming::accept).await;
    assert!(plain.starts_with("HTTP/1.1 426 "), "{plain}");
    assert!(matches!(error, Error::Handshake(HandshakeError::NotAnUpgrade)), "{error}");
    let (rejected, error) = answer(REQUEST, |request| request.reject(403)).await;
    assert!(rejected.starts_with("HTTP/1.1 403 "), "{rejected}");
    assert!(matches!(error, Error::Handshake(HandshakeError::Rejected(403))), "{error}");
    let (bad, error) = answer(b"POST / HTTP/1.1\r\n\0\r\n\r\n", Incoming::accept).await;
    assert!(bad.starts_with("HTTP/1.1 400 "), "{bad}");
    assert!(matches!(error, Error::Handshake(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn peer_that_leaves_a_refused_stream_open_is_given_up() {
    let begin = Instant::now();
    let (mut peer, stream) = duplex(1000);
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(accept(stream).await.is_err());
    assert_eq!(begin.elapsed().as_secs(), Config::default().close_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn keepalive_keeps_an_idle_connection_open_while_both_ends_read() {
    let (mut client, mut server) = pair(Config::default()).await;
    let hour = Duration::from_secs(3600);
    let both = async { tokio::join!(client.read(), server.read()) };
    assert!(tokio::time::timeout(hour, both).await.is_err(), "neither end reads anything for an hour");
    client.send("still here").await.unwrap();
    assert_eq!(server.read().await.unwrap(), Some(Message::from("still here")));
}

// attack: io-3
#[tokio::test(start_paused = true)]
async fn silent_peer_is_lost_after_two_intervals() {
    let begin = Instant::now();
    let (_client, mut server) = pair(Config::default()).await;
    let lost = server.read().await;
    assert!(matches!(lost, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{lost:?}");
    assert_eq!(begin.elapsed().as_secs(), 2 * Config::default().keepalive.unwrap().as_secs());
    assert_eq!(server.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn closing_handshake_ends_at_once_if_both_ends_read() {
    let begin = Instant::now();
    let (mut client, mut server) = pair(untimed()).await;
    let (closed, read) = tokio::join!(client.close(CloseCode::NORMAL, "bye"), server.read());
    assert!(closed.is_ok() && read.unwrap().is_none());
    assert_eq!(&*server.close_info().unwrap().reason, "bye");
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn unanswered_close_ends_at_the_close_timeout() {
    let begin = Instant::now();
    let (mut client, _server) = pair(untimed()).await;
    let closed = client.close(CloseCode::NORMAL, "bye").await;
    assert!(matches!(closed, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{closed:?}");
    assert_eq!(begin.elapsed().as_secs(), 5);
}

// req: 6455-4.1-k, 6455-4.1-m, 6455-4.2.2-c, 6455-10.6-a
#[tokio::test(start_paused = true)]
async fn wss_url_needs_a_feature_or_a_stream_of_the_caller() {
    let request = Request::new("wss://127.0.0.1:1/").unwrap();
    match connect_with(&request, untimed()).await {
        Err(Error::Handshake(HandshakeError::TlsNeeded)) if cfg!(not(feature = "rustls")) => {}
        Err(Error::Io(_)) if cfg!(feature = "rustls") => {}
        outcome => panic!("{outcome:?}"),
    }
    let (client, server) = duplex(1000);
    let (client, server) = tokio::join!(
        connect_over(client, &request, untimed()),
        accept_with(server, untimed(), Incoming::accept)
    );
    let (mut client, mut server) = (client.unwrap().0, server.unwrap());
    client.send("inside").await.unwrap();
    assert_eq!(server.read().await.unwrap(), Some(Message::from("inside")));
}

/// A server whose peer sends `bytes` and reads nothing. The peer's stream stays open.
async fn unread(bytes: &[u8]) -> (Reader<DuplexStream>, Writer<DuplexStream>, DuplexStream) {
    let (mut peer, stream) = duplex(100);
    let config = Config::default().write_timeout(Duration::from_secs(3600));
    let (reader, writer) =
        WebSocket::from_parts(TokioTransport::new(stream), Connection::server(config)).split();
    peer.write_all(bytes).await.unwrap();
    (reader, writer, peer)
}

/// Runs a read and a long send in `join!`, in `select!` and in two tasks. Both end after `timeout`.
async fn both_end_after(timeout: Duration, bytes: &[u8]) {
    let message = Message::from(vec![7; 1000]);
    for way in ["join", "select", "tasks"] {
        let (mut reader, writer, _peer) = unread(bytes).await;
        let begin = Instant::now();
        let sent = match way {
            "join" => tokio::join!(writer.send(&message), reader.read()).0,
            "select" => {
                let mut sending = std::pin::pin!(writer.send(&message));
                tokio::select! {
                    biased;
                    sent = &mut sending => sent,
                    _ = reader.read() => sending.await,
                }
            }
            _ => {
                let message = message.clone();
                let sending = tokio::spawn(async move { writer.send(&message).await });
                tokio::task::yield_now().await; // the send is queued before the peer's Close frame is read
                reader.read().await.ok();
                sending.await.unwrap()
            }
        };
        assert!(matches!(sent, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{way}: {sent:?}");
        let late = begin.elapsed().saturating_sub(timeout);
        assert!(begin.elapsed() >= timeout && late < Duration::from_millis(100), "{way}: {late:?}");
    }
}

// attack: close-3
#[tokio::test(start_paused = true)]
async fn close_timeout_is_kept_while_a_send_waits() {
    both_end_after(Config::default().close_timeout, b"\x88\x82\0\0\0\0\x03\xe8").await;
}

// attack: io-3
#[tokio::test(start_paused = true)]
async fn keepalive_finds_a_silent_peer_while_a_send_waits() {
    both_end_after(Config::default().keepalive.unwrap() * 2, b"").await;
}
