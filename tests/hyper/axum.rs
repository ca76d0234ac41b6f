//! Routes of axum.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use axum::response::Response;
use axum::routing::any;
use http::{Method, Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use sansocket::HandshakeError::{self, *};
use sansocket::asynchronous::{Transport, WebSocket};
use sansocket::axum::{Rejection, WebSocketUpgrade};
use sansocket::handshake::client;
use sansocket::hyper::Http2;
use sansocket::{CloseCode, Config, Error, Message, tokio as shell};
use tokio::net::{TcpListener, TcpStream};

use crate::peers::echo;

type Failures = Arc<Mutex<Vec<HandshakeError>>>;

/// The upgrade may come anywhere among the arguments.
async fn chat(
    State(failures): State<Failures>,
    upgrade: WebSocketUpgrade,
    Query(query): Query<Vec<(String, String)>>,
    rest: String,
) -> Response {
    assert_eq!(rest, "", "the body is still there to be read");
    let upgrade = upgrade.subprotocols(["v2", "v1"]).on_failed_upgrade(move |error| {
        let Error::Handshake(error) = error else { panic!("{error}") };
        failures.lock().unwrap().push(error);
    });
    let chosen = upgrade.subprotocol().map(str::to_owned);
    upgrade.on_upgrade(async move |mut socket| {
        assert_eq!(socket.subprotocol(), chosen.as_deref());
        socket.feed(&format!("{query:?}")).await.unwrap();
        echo(socket).await.ok();
    })
}

async fn limited(upgrade: WebSocketUpgrade) -> Response {
    let config = Config::default().limits(sansocket::Limits::default().max_message_len(3));
    #[cfg(feature = "deflate")]
    let config = config.deflate(Some(sansocket::Deflate::default()));
    upgrade.config(config).on_upgrade(async |socket| drop(echo(socket).await))
}

async fn origins(upgrade: WebSocketUpgrade) -> Response {
    upgrade.origins(["https://example.com"]).on_upgrade(async |_| {})
}

async fn anywhere(upgrade: WebSocketUpgrade) -> Response {
    upgrade.any_origin().on_upgrade(async |_| {})
}

async fn page(upgrade: Option<WebSocketUpgrade>) -> Response {
    match upgrade {
        Some(upgrade) => upgrade.on_upgrade(async |_| {}),
        None => Response::new(Body::from("a page")),
    }
}

fn routes(failures: &Failures) -> Router {
    Router::new()
        .route("/chat", any(chat))
        .route("/limited", any(limited))
        .route("/origins", any(origins))
        .route("/anywhere", any(anywhere))
        .route("/page", any(page))
        .with_state(Arc::clone(failures))
}

/// Starts a server and gives its address.
async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(axum::serve(listener, routes(&Failures::default())).into_future());
    address
}

async fn http2(address: &str) -> Http2<Empty<Bytes>> {
    crate::peers::client(TcpStream::connect(address).await.unwrap()).await
}

#[tokio::test]
async fn both_versions_of_http_reach_the_handler() {
    let address = serve().await;
    let request = client::Request::new(&format!("ws://{address}/chat?room=rust")).unwrap();
    let request = request.subprotocol("v1").subprotocol("v2").header("Origin", format!("http://{address}"));
    let greeting = Message::from(r#"[("room", "rust")]"#);

    let (over_http1, _) = shell::connect_with(&request, Config::default()).await.unwrap();
    greeted(over_http1, &greeting).await;
    let (over_http2, _) = http2(&address).await.connect(&request, Config::default()).await.unwrap();
    greeted(over_http2, &greeting).await;
}

async fn greeted<T: Transport>(mut socket: WebSocket<T>, greeting: &Message) {
    assert_eq!(socket.subprotocol(), Some("v2"));
    assert_eq!(socket.read().await.unwrap().as_ref(), Some(greeting));
    socket.send("Hello").await.unwrap();
    assert_eq!(socket.read().await.unwrap(), Some("Hello".into()));
    socket.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn configuration_holds_for_the_connection() {
    let address = serve().await;
    let request = client::Request::new(&format!("ws://{address}/limited")).unwrap();
    let config = Config::default();
    #[cfg(feature = "deflate")]
    let config = config.deflate(Some(sansocket::Deflate::default()));
    too_long(shell::connect_with(&request, config.clone()).await.unwrap().0).await;
    too_long(http2(&address).await.connect(&request, config).await.unwrap().0).await;
}

async fn too_long<T: Transport>(mut socket: WebSocket<T>) {
    #[cfg(feature = "deflate")]
    assert!(socket.negotiated().is_some());
    socket.send("1234").await.unwrap();
    assert_eq!(socket.read().await.unwrap(), None);
    assert_eq!(socket.close_info().unwrap().code, CloseCode::TOO_BIG);
}

/// Status and body of the response to a request without a connection below it.
async fn response_to(request: Request<Body>) -> (u16, String) {
    let response = tower::ServiceExt::oneshot(routes(&Failures::default()), request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn rejections_explain_themselves() {
    let get = |path: &str| Request::get(path.to_owned()).header("host", "a");
    let connect = |path: &str| {
        let uri = format!("https://a{path}");
        Request::builder().method(Method::CONNECT).version(Version::HTTP_2).uri(uri)
    };
    let upgrade = |path: &str| get(path).header("upgrade", "websocket").header("connection", "upgrade");
    let rows = [
        (get("/chat"), 426, "this is a WebSocket endpoint: an ordinary HTTP request\n"),
        (get("/page"), 200, "a page"),
        (upgrade("/chat"), 426, "this is a WebSocket endpoint: the protocol version is not 13\n"),
        (upgrade("/page"), 426, "this is a WebSocket endpoint: the protocol version is not 13\n"),
        (
            upgrade("/chat").header("sec-websocket-version", "13"),
            400,
            "this is a WebSocket endpoint: no Sec-WebSocket-Key header\n",
        ),
        (
            upgrade("/chat")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            500,
            "this is a WebSocket endpoint: the HTTP connection cannot be upgraded (is hyper's `with_upgrades` missing?)\n",
        ),
        (connect("/chat"), 501, "this is a WebSocket endpoint: an ordinary HTTP request\n"),
        (connect("/page"), 501, "this is a WebSocket endpoint: an ordinary HTTP request\n"),
    ];
    for (request, status, body) in rows {
        assert_eq!(response_to(request.body(Body::empty()).unwrap()).await, (status, body.into()));
    }
    let (mut parts, ()) = get("/").body(()).unwrap().into_parts();
    let rejection: Rejection =
        <WebSocketUpgrade as FromRequestParts<()>>::from_request_parts(&mut parts, &()).await.unwrap_err();
    assert_eq!(rejection.error(), &NotAnUpgrade);
    assert_eq!(rejection.to_string(), "no opening handshake: an ordinary HTTP request");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_they_are_accepted() {
    let address = serve().await;
    let own = format!("http://{address}");
    let rows = [
        ("/chat", None, true),
        ("/chat", Some(own.as_str()), true),
        ("/chat", Some("https://example.com"), false),
        ("/chat", Some("null"), false),
        ("/origins", None, true),
        ("/origins", Some("https://example.com"), true),
        ("/origins", Some(own.as_str()), false),
        ("/anywhere", Some("https://example.com"), true),
    ];
    let streams = http2(&address).await;
    for (path, origin, accepted) in rows {
        let mut request = client::Request::new(&format!("ws://{address}{path}")).unwrap();
        if let Some(origin) = origin {
            request = request.origin(origin);
        }
        let outcomes = [
            shell::connect_with(&request, Config::default()).await.map(drop),
            streams.connect(&request, Config::default()).await.map(drop),
        ];
        for outcome in outcomes {
            match outcome {
                Ok(()) => assert!(accepted, "{path} {origin:?}"),
                Err(Error::Handshake(Refused(refusal))) => {
                    assert_eq!((refusal.status, accepted), (403, false), "{path} {origin:?}");
                    assert_eq!(refusal.body, b"pages of this origin may not connect\n");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// The response goes out, and the HTTP connection is dropped instead of upgraded.
#[tokio::test]
async fn failed_upgrade_is_told() {
    let failures = Failures::default();
    let (here, there) = tokio::io::duplex(1 << 16);
    let service = hyper_util::service::TowerToHyperService::new(routes(&failures));
    // Without `with_upgrades`.
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(there), service));
    let request = client::Request::new("ws://example.com/chat").unwrap();
    let (upgrade, _) = request.to_http_upgrade(Config::default()).unwrap();
    let response = crate::peers::get(here, upgrade.map(|()| Empty::new())).await;
    assert_eq!(response.status(), 101);
    while failures.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(*failures.lock().unwrap(), [NotUpgradable]);
}
