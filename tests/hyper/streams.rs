//! How a stream of HTTP/2 begins and ends.

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sansocket::HandshakeError::*;
use sansocket::handshake::client;
use sansocket::hyper::Http2;
use sansocket::{CloseCode, Config, Error, ProtocolError};
use tokio::io::DuplexStream;

use crate::peers::{self, Serves, server};

/// A client that sends what a test says.
pub(crate) struct Script(SendRequest<Bytes>);

impl Script {
    pub(crate) async fn start(io: DuplexStream) -> Self {
        let (sender, mut connection) = h2::client::Builder::new()
            .initial_connection_window_size(1 << 20)
            .initial_window_size(65_535)
            .handshake(io)
            .await
            .unwrap();
        // The settings of the server come first.
        while !connection_is_ready(&sender) {
            std::future::poll_fn(|cx| {
                let _ = std::pin::Pin::new(&mut connection).poll(cx);
                std::task::Poll::Ready(())
            })
            .await;
            tokio::task::yield_now().await;
        }
        tokio::spawn(connection);
        Self(sender)
    }

    /// Sends an extended `CONNECT` and expects 200.
    pub(crate) async fn open(&mut self) -> (SendStream<Bytes>, RecvStream) {
        let (response, stream) = self.request(Some("websocket")).await;
        assert_eq!(response.status(), 200);
        (stream, response.into_body())
    }

    /// Sends a `CONNECT` with that protocol.
    async fn request(&mut self, protocol: Option<&'static str>) -> (Response<RecvStream>, SendStream<Bytes>) {
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .version(Version::HTTP_2)
            .uri("https://example.com/chat")
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap();
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        } else {
            *request.uri_mut() = "example.com:443".parse().unwrap();
        }
        let mut sender = self.0.clone().ready().await.unwrap();
        let (response, stream) = sender.send_request(request, false).unwrap();
        (response.await.unwrap(), stream)
    }
}

fn connection_is_ready(sender: &SendRequest<Bytes>) -> bool {
    sender.is_extended_connect_protocol_enabled()
}

// req: 8441-5-g
#[tokio::test]
async fn end_of_the_stream_in_the_middle_is_a_lost_connection() {
    // Nothing, half of a header, a fragment, half of a frame.
    for bytes in [&b""[..], b"\x81", b"\x01\x81\0\0\0\0a", b"\x82\x85\0\0\0\0ab"] {
        let (io, mut upgrades) = server(Serves::Http2, Config::default());
        let (mut stream, _from) = Script::start(io).await.open().await;
        stream.send_data(Bytes::copy_from_slice(bytes), true).unwrap();
        let mut socket = upgrades.recv().await.unwrap().await.unwrap();
        let Err(Error::Protocol(error)) = socket.read().await else { panic!() };
        assert_eq!(error, ProtocolError::ConnectionLost);
        assert_eq!(socket.close_info().unwrap().code, CloseCode::ABNORMAL);
    }
}

// req: 8441-5-g
#[tokio::test]
async fn reset_of_the_stream_ends_the_connection_and_no_other() {
    for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::PROTOCOL_ERROR] {
        let (io, mut upgrades) = server(Serves::Http2, Config::default());
        let mut script = Script::start(io).await;
        let (mut reset, _from_reset) = script.open().await;
        let mut socket = upgrades.recv().await.unwrap().await.unwrap();
        let (mut other, _from_other) = script.open().await;
        let mut other_socket = upgrades.recv().await.unwrap().await.unwrap();
        reset.send_reset(reason);
        socket.read().await.unwrap_err();
        assert_eq!(socket.close_info().map(|info| info.code), Some(CloseCode::ABNORMAL), "{reason:?}");
        other.send_data(Bytes::from_static(b"\x81\x81\0\0\0\0a"), false).unwrap();
        assert_eq!(other_socket.read().await.unwrap(), Some("a".into()));
    }
}

// req: 8441-5-g
#[tokio::test]
async fn closing_handshake_ends_the_stream_and_a_dropped_connection_resets_it() {
    let (io, mut upgrades) = server(Serves::Http2, Config::default());
    let mut script = Script::start(io).await;
    let (mut stream, mut from) = script.open().await;
    let mut socket = upgrades.recv().await.unwrap().await.unwrap();
    // Close with 1000.
    stream.send_data(Bytes::from_static(b"\x88\x82\0\0\0\0\x03\xe8"), true).unwrap();
    assert_eq!(socket.read().await.unwrap(), None);
    assert_eq!(from.data().await.unwrap().unwrap(), &b"\x88\x02\x03\xe8"[..]);
    assert!(end_of(&mut from).await.is_none(), "END_STREAM");

    let (_stream, mut from) = script.open().await;
    drop(upgrades.recv().await.unwrap().await.unwrap());
    if let Some(error) = end_of(&mut from).await {
        assert!(error.is_reset(), "{error}");
    }
}

/// Waits for the end of a stream that brings no more data. `None`: END_STREAM.
async fn end_of(from: &mut RecvStream) -> Option<h2::Error> {
    loop {
        match from.data().await? {
            Ok(data) => assert!(data.is_empty()),
            Err(error) => return Some(error),
        }
    }
}

// req: 8441-4-c, 8441-5-a
#[tokio::test]
async fn other_protocols_are_refused_and_nothing_is_tunnelled() {
    let (io, mut upgrades) = server(Serves::Http2, Config::default());
    let mut script = Script::start(io).await;
    for (protocol, status, error) in [(Some("connect-udp"), 501, NotAnUpgrade), (None, 400, BadTarget)] {
        let (response, _stream) = script.request(protocol).await;
        assert_eq!(response.status(), status, "{protocol:?}");
        let Err(Error::Handshake(refused)) = upgrades.recv().await.unwrap().await else { panic!() };
        assert_eq!(refused, error);
    }
}

// req: 8441-3-b
#[tokio::test]
async fn client_says_so_if_the_server_has_not_enabled_the_setting() {
    let (io, mut upgrades) = server(Serves::Http2Only, Config::default());
    let request = client::Request::new("ws://example.com/").unwrap();
    let outcome = peers::client(io).await.connect(&request, Config::default()).await;
    assert!(matches!(outcome, Err(Error::Handshake(ExtendedConnectDisabled))), "{outcome:?}");
    assert!(upgrades.try_recv().is_err(), "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn client_waits_for_the_settings_up_to_the_handshake_timeout() {
    let (here, _there) = tokio::io::duplex(1 << 16);
    let streams = peers::client(here).await;
    let request = client::Request::new("ws://example.com/").unwrap();
    let outcome = streams.connect(&request, Config::default()).await;
    assert!(matches!(outcome, Err(Error::Handshake(TimedOut))), "{outcome:?}");
}

/// A server that answers every request with `response`.
async fn answering(response: Response<&'static str>) -> Http2<Empty<Bytes>> {
    let (here, there) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let mut builder = h2::server::Builder::new();
        builder.enable_connect_protocol();
        let mut connection = builder.handshake::<_, Bytes>(there).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            assert_eq!(request.method(), Method::CONNECT);
            assert_eq!(request.extensions().get::<Protocol>().unwrap().as_str(), "websocket");
            assert_eq!((request.uri().scheme_str(), request.uri().path()), (Some("https"), "/chat"));
            let (parts, body) = response.clone().into_parts();
            let mut stream = respond.send_response(Response::from_parts(parts, ()), false).unwrap();
            stream.send_data(Bytes::from(body), true).unwrap();
        }
    });
    peers::client(here).await
}

// req: 8441-5-a, 8441-5-b, 8441-5-f
#[tokio::test]
async fn refusal_has_its_status_and_the_start_of_its_body() {
    let request = client::Request::new("wss://example.com/chat").unwrap();
    for status in [301, 403, 500] {
        let response = Response::builder().status(status).header("x", "y").body("not here").unwrap();
        let streams = answering(response).await;
        for (limit, body) in [(1000, "not here"), (3, "not")] {
            let mut config = Config::default();
            config.max_head_len = limit;
            let Err(Error::Handshake(Refused(refusal))) = streams.connect(&request, config).await else {
                panic!()
            };
            assert_eq!((refusal.status, refusal.header("x")), (status, Some("y")));
            assert_eq!(refusal.body, body.as_bytes());
        }
    }
}

#[tokio::test]
async fn end_of_the_http_connection_ends_the_handshake() {
    let (here, there) = tokio::io::duplex(1 << 16);
    let streams = peers::client(here).await;
    drop(there);
    let request = client::Request::new("ws://example.com/").unwrap();
    let Err(Error::Handshake(error)) = streams.connect(&request, Config::default()).await else { panic!() };
    assert_eq!(error, UnexpectedEof);
}

#[tokio::test]
async fn get_over_http2_is_told_that_this_is_a_websocket_server() {
    let (io, mut upgrades) = server(Serves::Http2, Config::default());
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://example.com/").body(Empty::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().contains_key("upgrade")), (400, false));
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "an ordinary HTTP request\n");
    assert!(matches!(upgrades.recv().await.unwrap().await, Err(Error::Handshake(NotAnUpgrade))));
}
