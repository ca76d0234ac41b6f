//! Opening handshakes and times on tokio, whose clock goes on only while nothing else can.

use std::time::Duration;

use sansocket::handshake::client::Request;
use sansocket::handshake::server::{Request as Incoming, Response};
use sansocket::tokio::{WebSocket, accept, accept_with, connect_over, connect_with};
use sansocket::{CloseCode, Config, Error, HandshakeError, Message, ProtocolError, State};
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
async fn a_handshake_byte_by_byte_has_a_deadline_as_a_whole() {
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
async fn a_server_that_does_not_answer_is_given_up() {
    let begin = Instant::now();
    let (_peer, stream) = duplex(1000);
    let error = connect_over(stream, &Request::new("ws://x/").unwrap(), Config::default()).await;
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))));
    assert_eq!(begin.elapsed().as_secs(), Config::default().handshake_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn reaching_a_server_has_the_same_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let begin = Instant::now();
    let error = connect_with(&Request::new(&url).unwrap(), Config::default()).await;
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))));
    assert_eq!(begin.elapsed().as_secs(), Config::default().handshake_timeout.as_secs());
    let none = Config { handshake_timeout: Duration::ZERO, ..Config::default() };
    let error = connect_with(&Request::new(&url).unwrap(), none).await;
    assert!(matches!(error, Err(Error::Handshake(HandshakeError::TimedOut))));
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_request_at_once_is_not_lost() {
    let (mut peer, stream) = duplex(1000);
    peer.write_all(&[REQUEST, FRAMES].concat()).await.unwrap();
    let mut socket = accept(stream).await.unwrap();
    assert_eq!(socket.read().await.unwrap(), Some(Message::from("Hello")));
    let mut head = vec![0; RESPONSE.len()];
    peer.read_exact(&mut head).await.unwrap();
    assert_eq!(head, RESPONSE);
}

/// What the peer gets for a request, and what the server's application does.
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
async fn refusals_arrive() {
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
async fn a_peer_that_refuses_the_end_is_left() {
    let begin = Instant::now();
    let (mut peer, stream) = duplex(1000);
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(accept(stream).await.is_err());
    assert_eq!(begin.elapsed().as_secs(), Config::default().close_timeout.as_secs());
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_kept_alive_while_both_ends_read() {
    let (mut client, mut server) = pair(Config::default()).await;
    let hour = Duration::from_secs(3600);
    let both = async { tokio::join!(client.read(), server.read()) };
    assert!(tokio::time::timeout(hour, both).await.is_err(), "nothing happens for an hour");
    client.send_text("still here").await.unwrap();
    assert_eq!(server.read().await.unwrap(), Some(Message::from("still here")));
}

// attack: io-3
#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_is_lost() {
    let begin = Instant::now();
    let (_client, mut server) = pair(Config::default()).await;
    let lost = server.read().await;
    assert!(matches!(lost, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{lost:?}");
    assert_eq!(begin.elapsed().as_secs(), 2 * Config::default().keepalive.unwrap().as_secs());
    assert_eq!(server.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn closing_needs_no_time_where_both_ends_take_part() {
    let begin = Instant::now();
    let (mut client, mut server) = pair(untimed()).await;
    let (closed, read) = tokio::join!(client.close(CloseCode::NORMAL, "bye"), server.read());
    assert!(closed.is_ok() && read.unwrap().is_none());
    assert_eq!(&*server.close_info().unwrap().reason, "bye");
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn closing_without_an_answer_takes_the_time_for_it() {
    let begin = Instant::now();
    let (mut client, _server) = pair(untimed()).await;
    let closed = client.close(CloseCode::NORMAL, "bye").await;
    assert!(matches!(closed, Err(Error::Protocol(ProtocolError::ConnectionLost))), "{closed:?}");
    assert_eq!(begin.elapsed().as_secs(), 5);
}

// req: 6455-4.1-k, 6455-4.1-m, 6455-4.2.2-c, 6455-10.6-a
#[tokio::test(start_paused = true)]
async fn a_secure_connection_runs_inside_the_stream_that_is_given_or_not_at_all() {
    let request = Request::new("wss://127.0.0.1:1/").unwrap();
    let refused = connect_with(&request, untimed()).await;
    assert!(matches!(refused, Err(Error::Handshake(HandshakeError::TlsNeeded))));
    let (client, server) = duplex(1000);
    let (client, server) = tokio::join!(
        connect_over(client, &request, untimed()),
        accept_with(server, untimed(), Incoming::accept)
    );
    let (mut client, mut server) = (client.unwrap().0, server.unwrap());
    client.send_text("inside").await.unwrap();
    assert_eq!(server.read().await.unwrap(), Some(Message::from("inside")));
}
