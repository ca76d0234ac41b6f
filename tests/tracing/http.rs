//! Connections that begin as requests of hyper.

use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sansocket::handshake::client::Request;
use sansocket::hyper::{Http2, Http2Io, upgrade};
use sansocket::{CloseCode, Config};

use crate::block_on;
use crate::recorder::Recorder;

type Client = Http2<Empty<Bytes>>;

/// A server with an echo, and the client's end of an HTTP/2 connection to it.
async fn start(enables: bool) -> Client {
    let (here, there) = tokio::io::duplex(1 << 16);
    let service = service_fn(async |mut request: http::Request<Incoming>| {
        let (response, upgrade) = upgrade(&mut request, Config::default());
        tokio::spawn(async move {
            let Ok(mut socket) = upgrade.await else { return };
            while let Ok(Some(message)) = socket.read().await {
                socket.send(&message).await.unwrap();
            }
        });
        Ok::<_, std::convert::Infallible>(response.map(Full::<Bytes>::from))
    });
    tokio::spawn(async move {
        let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        if enables {
            http2.enable_connect_protocol();
        }
        http2.serve_connection(TokioIo::new(there), service).await.ok();
    });
    let (io, settings) = Http2Io::new(TokioIo::new(here));
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    Http2::new(sender, settings)
}

#[test]
fn connections_over_http2_have_spans_of_both_ends() {
    let recorder = Recorder::default();
    recorder.record(|| {
        block_on(async {
            let request = Request::new("wss://example.com/chat?token=s3cret").unwrap();
            let (mut socket, _) = start(true).await.connect(&request, Config::default()).await.unwrap();
            socket.send("s3cret").await.unwrap();
            socket.read().await.unwrap();
            socket.close(CloseCode::NORMAL, "s3cret").await.unwrap();

            start(false).await.connect(&request, Config::default()).await.unwrap_err();
            let mut page = http::Request::get("/s3cret").header("host", "a").body(()).unwrap();
            drop(upgrade(&mut page, Config::default()).1.await);
        });
    });
    let mut spans = recorder.spans();
    spans.sort_unstable();
    assert_eq!(
        spans,
        [
            "websocket role=client peer=example.com:PORT path=/chat",
            "websocket role=client peer=example.com:PORT path=/chat",
            "websocket role=server",
            "websocket role=server path=/chat",
        ]
    );
    let mut events = recorder.events();
    events.sort_unstable();
    assert_eq!(
        events,
        [
            "DEBUG closed by=peer code=1000 sent=1000",
            "DEBUG closed by=us code=1000 sent=1000",
            "DEBUG opened",
            "DEBUG opened",
            "INFO failed error=an ordinary HTTP request",
            "INFO failed error=the server has not enabled WebSocket over HTTP/2 (RFC 8441)",
        ]
    );
    assert!(!recorder.text().contains("s3cret"), "{}", recorder.text());
}
