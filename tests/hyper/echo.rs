//! Opening, messages and the closing handshake, in both versions of HTTP.

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use sansocket::HandshakeError::{self, *};
use sansocket::handshake::client;
use sansocket::handshake::server as handshake_server;
use sansocket::hyper::{WebSocket, receive};
use sansocket::{CloseCode, Config, Error, Message};
use tokio::io::DuplexStream;

use crate::peers::{self, Serves, echo, server, server_that};

fn request() -> client::Request {
    client::Request::new("ws://example.com/echo?a=b").unwrap().subprotocol("chat")
}

/// Opens a connection in that version of HTTP.
async fn connect(serves: Serves, io: DuplexStream, config: Config) -> WebSocket {
    if serves == Serves::Http2 {
        let (socket, _) = peers::client(io).await.connect(&request(), config).await.unwrap();
        return socket;
    }
    let (upgrade, pending) = request().to_http_upgrade(config).unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection.with_upgrades());
    let mut response = sender.send_request(upgrade.map(|()| Empty::<Bytes>::new())).await.unwrap();
    let (upgrade, response) = receive(&mut response, pending).unwrap();
    assert_eq!(response.header("sec-websocket-protocol"), Some("chat"));
    upgrade.await.unwrap()
}

fn deflate() -> Config {
    #[cfg(feature = "deflate")]
    return Config::default().deflate(Some(sansocket::Deflate::default()));
    #[cfg(not(feature = "deflate"))]
    Config::default()
}

// req: 8441-5-a, 8441-5-e, 8441-5-f
#[tokio::test]
async fn messages_are_echoed_and_either_end_closes() {
    for (serves, config) in [
        (Serves::Http1, Config::default()),
        (Serves::Http1, deflate()),
        (Serves::Http2, Config::default()),
        (Serves::Http2, deflate()),
    ] {
        let (io, mut upgrades) = server(serves, config.clone());
        let mut socket = connect(serves, io, config.clone()).await;
        let served = tokio::spawn(echo(upgrades.recv().await.unwrap().await.unwrap()));
        assert_eq!(socket.subprotocol(), Some("chat"));
        #[cfg(feature = "deflate")]
        assert_eq!(socket.negotiated().is_some(), config.deflate.is_some());
        let messages: [Message; 5] = [
            "".into(),
            "grüß dich".into(),
            vec![0, 255].into(),
            "x".repeat(40_000).into(),
            vec![7; 3 << 20].into(),
        ];
        for message in messages {
            socket.send(&message).await.unwrap();
            assert_eq!(socket.read().await.unwrap(), Some(message));
        }
        socket.close(CloseCode(4001), "I am off").await.unwrap();
        let info = served.await.unwrap().unwrap().close_info().unwrap();
        assert_eq!((info.code, &*info.reason, info.was_clean), (CloseCode(4001), "I am off", true));
        assert!(socket.close_info().unwrap().was_clean);

        let (io, mut upgrades) = server(serves, Config::default());
        let mut socket = connect(serves, io, Config::default()).await;
        let mut served = upgrades.recv().await.unwrap().await.unwrap();
        let closes = tokio::spawn(async move { served.close(CloseCode::GOING_AWAY, "bye").await });
        assert_eq!(socket.read().await.unwrap(), None);
        closes.await.unwrap().unwrap();
        assert_eq!(socket.close_info().unwrap().code, CloseCode::GOING_AWAY);
    }
}

/// Status, body and error for a request over HTTP/1.1.
async fn refused(request: Request<Empty<Bytes>>) -> (u16, String, HandshakeError) {
    let (io, mut upgrades) = server(Serves::Http1, Config::default());
    let response = peers::get(io, request).await;
    let Err(Error::Handshake(error)) = upgrades.recv().await.unwrap().await else { panic!() };
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap(), error)
}

#[tokio::test]
async fn requests_that_open_nothing_are_answered() {
    let page = Request::get("/").header("host", "a").body(Empty::new()).unwrap();
    assert_eq!(refused(page).await, (426, "an ordinary HTTP request\n".into(), NotAnUpgrade));
    let old = Request::get("/").header("host", "a").header("sec-websocket-version", "8");
    let (status, _, error) = refused(old.body(Empty::new()).unwrap()).await;
    assert_eq!((status, error), (400, Missing("Upgrade")));
}

#[tokio::test]
async fn request_that_hyper_has_not_read_cannot_be_upgraded() {
    let (upgrade, _) = request().to_http_upgrade(Config::default()).unwrap();
    let (response, upgrade) = sansocket::hyper::upgrade(&mut { upgrade }, Config::default());
    assert_eq!(response.status(), 500);
    assert!(matches!(upgrade.await, Err(Error::Handshake(NotUpgradable))));
}

#[tokio::test]
async fn response_that_cannot_be_sent_is_500() {
    let wrong = |request: &handshake_server::Request| request.accept().subprotocol("other");
    let (io, mut upgrades) = server_that(Serves::Http1, Config::default(), wrong);
    let (upgrade, _) = request().to_http_upgrade(Config::default()).unwrap();
    let response = peers::get(io, upgrade.map(|()| Empty::new())).await;
    assert_eq!(response.status(), 500);
    let outcome = upgrades.recv().await.unwrap().await;
    assert!(matches!(outcome, Err(Error::Handshake(BadSubprotocol(_)))));
}

/// The client is gone before the response has been sent.
#[tokio::test]
async fn upgrade_ends_with_its_http_connection() {
    let (io, mut upgrades) = server(Serves::Http1, Config::default());
    let (upgrade, _) = request().to_http_upgrade(Config::default()).unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io)).await.unwrap();
    let connection = tokio::spawn(connection);
    let sent =
        tokio::spawn(async move { sender.send_request(upgrade.map(|()| Empty::<Bytes>::new())).await });
    let upgrade = upgrades.recv().await.unwrap();
    sent.abort();
    connection.abort();
    if let Ok(mut socket) = upgrade.await {
        // The response was written first. The connection is lost then.
        assert!(socket.read().await.is_err());
    }
}
