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
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

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

/// What a client sends before the end: nothing, half of a header, a fragment, half of a frame, a whole message.
const BEFORE: [&[u8]; 5] = [b"", b"\x81", b"\x01\x81\0\0\0\0a", b"\x82\x85\0\0\0\0ab", b"\x81\x81\0\0\0\0a"];

// req: 8441-5-g
// attack: http2-2
#[tokio::test]
async fn end_of_the_stream_in_the_middle_is_a_lost_connection() {
    for bytes in BEFORE {
        let (io, mut upgrades) = server(Serves::Http2, Config::default());
        let (mut stream, _from) = Script::start(io).await.open().await;
        stream.send_data(Bytes::copy_from_slice(bytes), true).unwrap();
        let mut socket = upgrades.recv().await.unwrap().await.unwrap();
        let error = loop {
            match socket.read().await {
                Ok(message) => assert_eq!(message, Some("a".into())),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)), "{error:?}");
        assert_eq!(socket.close_info().unwrap().code, CloseCode::ABNORMAL);
    }
}

// req: 8441-5-g
// attack: http2-2
#[tokio::test]
async fn reset_of_the_stream_ends_its_connection_and_no_other() {
    for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::PROTOCOL_ERROR] {
        for bytes in BEFORE {
            let (io, mut upgrades) = server(Serves::Http2, Config::default());
            let mut script = Script::start(io).await;
            let (mut reset, _from_reset) = script.open().await;
            let mut socket = upgrades.recv().await.unwrap().await.unwrap();
            let (mut other, _from_other) = script.open().await;
            let mut other_socket = upgrades.recv().await.unwrap().await.unwrap();
            reset.send_data(Bytes::copy_from_slice(bytes), false).unwrap();
            reset.send_reset(reason);
            while let Ok(message) = socket.read().await {
                assert_eq!(message, Some("a".into()), "a reset may destroy it");
            }
            assert_eq!(socket.close_info().map(|info| info.code), Some(CloseCode::ABNORMAL), "{reason:?}");
            assert!(socket.send("b").await.is_err());
            other.send_data(Bytes::from_static(b"\x81\x81\0\0\0\0a"), false).unwrap();
            assert_eq!(other_socket.read().await.unwrap(), Some("a".into()));
        }
    }
}

/// The reset comes while this end waits for room, and while it waits for the answer to its Close frame.
// attack: http2-2
#[tokio::test]
async fn reset_ends_a_send_and_a_close_that_wait() {
    for closes in [false, true] {
        let (io, mut upgrades) = server(Serves::Http2, Config::default());
        let mut script = Script::start(io).await;
        let (mut stream, mut from) = script.open().await;
        let mut socket = upgrades.recv().await.unwrap().await.unwrap();
        let waits = tokio::spawn(async move {
            match closes {
                true => socket.close(CloseCode::NORMAL, "").await,
                false => socket.send(&Bytes::from(vec![0; 1 << 20])).await,
            }
        });
        from.data().await.unwrap().unwrap();
        stream.send_reset(Reason::CANCEL);
        waits.await.unwrap().unwrap_err();
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
// attack: http2-1
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

/// Each request is sent as the frames of RFC 9113, because no library sends it. The server must have the setting of RFC 8441, or
/// not.
// req: 8441-3-b, 8441-4-b, 8441-5-c
// attack: http2-1
#[tokio::test]
async fn malformed_extended_connects_open_nothing() {
    const CONNECT: (&str, &str) = (":method", "CONNECT");
    const PROTOCOL: (&str, &str) = (":protocol", "websocket");
    const PLACE: [(&str, &str); 3] = [(":scheme", "https"), (":authority", "a"), (":path", "/")];
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");
    let [scheme, authority, path] = PLACE;
    let rows: [(&str, Serves, Vec<(&str, &str)>); 9] = [
        ("", Serves::Http2, vec![CONNECT, PROTOCOL, scheme, authority, path, VERSION]),
        ("without the setting", Serves::Http2Only, vec![CONNECT, PROTOCOL, scheme, authority, path, VERSION]),
        ("no :scheme", Serves::Http2, vec![CONNECT, PROTOCOL, authority, path, VERSION]),
        ("no :path", Serves::Http2, vec![CONNECT, PROTOCOL, scheme, authority, VERSION]),
        ("neither", Serves::Http2, vec![CONNECT, PROTOCOL, authority, VERSION]),
        ("GET", Serves::Http2, vec![(":method", "GET"), PROTOCOL, scheme, authority, path, VERSION]),
        (
            "Upgrade",
            Serves::Http2,
            vec![CONNECT, PROTOCOL, scheme, authority, path, VERSION, ("upgrade", "websocket")],
        ),
        (
            "Connection",
            Serves::Http2,
            vec![CONNECT, PROTOCOL, scheme, authority, path, VERSION, ("connection", "upgrade")],
        ),
        ("two protocols", Serves::Http2, vec![CONNECT, PROTOCOL, PROTOCOL, scheme, authority, path, VERSION]),
    ];
    for (what, serves, fields) in rows {
        let (mut io, mut upgrades) = server(serves, Config::default());
        io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
        let len = u8::try_from(block.len()).unwrap();
        // HEADERS with END_HEADERS, on stream 1.
        io.write_all(&[&[0, 0, len, 1, 4, 0, 0, 0, 1], &block[..]].concat()).await.unwrap();
        // A Ping after it: its answer comes when the request has been judged.
        io.write_all(b"\0\0\x08\x06\0\0\0\0\0waitwait").await.unwrap();
        let mut answers = Vec::new();
        while !answers.windows(8).any(|bytes| bytes == b"waitwait") {
            if io.read_buf(&mut answers).await.unwrap() == 0 {
                break;
            }
        }
        // Hyper has given the service a request, or none.
        let opened = match upgrades.try_recv() {
            Ok(upgrade) => upgrade.await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(opened, what.is_empty(), "{what}");
    }
}

/// A literal header field without indexing, with a new name (RFC 7541 section 6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let len = |text: &str| u8::try_from(text.len()).unwrap();
    [&[0, len(name)], name.as_bytes(), &[len(value)], value.as_bytes()].concat()
}

/// A server that ends its stream with the response.
// attack: http2-2
#[tokio::test]
async fn response_that_ends_its_stream_is_a_lost_connection() {
    let streams = answering(Response::new("")).await;
    let request = client::Request::new("wss://example.com/chat").unwrap();
    let (mut socket, _) = streams.connect(&request, Config::default()).await.unwrap();
    let error = socket.read().await.unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::ConnectionLost)), "{error:?}");
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

/// The end comes before the settings, and while a request waits for its response.
#[tokio::test]
async fn end_of_the_http_connection_ends_the_handshake() {
    for settings in [false, true] {
        let (here, mut there) = tokio::io::duplex(1 << 16);
        let streams = peers::client(here).await;
        if settings {
            there.write_all(b"\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01").await.unwrap();
        }
        tokio::spawn(async move {
            let mut bytes = vec![0; 1 << 16];
            for _ in 0..1 + usize::from(settings) {
                assert!(there.read(&mut bytes).await.unwrap() > 0);
            }
        });
        let request = client::Request::new("ws://example.com/").unwrap();
        let config = Config::default().handshake_timeout(std::time::Duration::MAX);
        let Err(Error::Handshake(error)) = streams.connect(&request, config).await else { panic!() };
        assert_eq!(error, UnexpectedEof, "with settings: {settings}");
    }
}

/// Hyper makes a stream of a 200 only.
#[tokio::test(start_paused = true)]
async fn refusal_whose_body_does_not_end_is_given_with_its_start() {
    for status in [204, 403] {
        let (here, there) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            let mut builder = h2::server::Builder::new();
            let mut connection =
                builder.enable_connect_protocol().handshake::<_, Bytes>(there).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            let response = Response::builder().status(status).body(()).unwrap();
            let mut stream = respond.send_response(response, false).unwrap();
            stream.send_data(Bytes::from_static(b"no"), false).unwrap();
            while connection.accept().await.is_some() {}
        });
        let request = client::Request::new("wss://example.com/chat").unwrap();
        let outcome = peers::client(here).await.connect(&request, Config::default()).await;
        let Err(Error::Handshake(Refused(refusal))) = outcome else { panic!("{outcome:?}") };
        assert_eq!((refusal.status, refusal.body.as_slice()), (status, &b"no"[..]));
    }
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
