//! Handshakes in the types of the `http` crate. The rules for heads hold here, too.

#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "an unexpected value ends the test")]

mod http2;

use http::{Request as HttpRequest, Response as HttpResponse, StatusCode, Version};
use sansocket::HandshakeError::{self, *};
use sansocket::handshake::client;
use sansocket::handshake::server::{Incoming, Request, Response};
use sansocket::{Config, State};

const HEADERS: [(&str, &str); 5] = [
    ("host", "example.com"),
    ("upgrade", "websocket"),
    ("connection", "keep-alive, Upgrade"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// A request with these headers, one of them changed or removed, and with `added` headers.
pub(crate) fn with_headers(
    mut builder: http::request::Builder,
    headers: &[(&str, &str)],
    changed: &str,
    to: Option<&str>,
    added: &[(&str, &str)],
) -> HttpRequest<()> {
    let changed = headers.iter().filter_map(|&(name, value)| match to {
        _ if name != changed => Some((name, value)),
        to => Some((name, to?)),
    });
    for (name, value) in changed.chain(added.iter().copied()) {
        builder = builder.header(name, value);
    }
    builder.body(()).unwrap()
}

/// The request of section 1.3 with one header changed or removed, and with `added` headers.
fn request(changed: &str, to: Option<&str>, added: &[(&str, &str)]) -> HttpRequest<()> {
    with_headers(HttpRequest::get("/chat?room=rust"), &HEADERS, changed, to, added)
}

fn parse(request: &HttpRequest<()>) -> Result<Request, HandshakeError> {
    Request::from_http(request, None)
}

// req: 6455-4.2.1-a, 6455-4.2.1-b, 6455-4.2.1-c
#[test]
fn section_4_2_1_holds_for_http_types() {
    let added = [("sec-websocket-protocol", "chat"), ("origin", "https://example.com"), ("cookie", "a=b")];
    let accepted = parse(&request("", None, &added)).unwrap();
    assert_eq!((accepted.path(), accepted.query()), ("/chat", Some("room=rust")));
    assert!(accepted.origin_is_in(&["https://example.com"]));
    assert_eq!(accepted.cookies().collect::<Vec<_>>(), [("a", "b")]);

    let rows = [
        (request("host", None, &[]), Missing("Host")),
        (request("upgrade", None, &[]), Missing("Upgrade")),
        (request("connection", Some("notupgrade"), &[]), Invalid("Connection")),
        (request("sec-websocket-version", Some("8"), &[]), UnsupportedVersion),
        (request("sec-websocket-key", Some("short"), &[]), Invalid("Sec-WebSocket-Key")),
        (
            request("", None, &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]),
            Duplicate("Sec-WebSocket-Key"),
        ),
        (request("", None, &[("content-length", "5")]), UnexpectedBody),
        (HttpRequest::get("/").header("host", "a").body(()).unwrap(), NotAnUpgrade),
        (HttpRequest::get("/").body(()).unwrap(), Missing("Host")),
    ];
    for (request, error) in rows {
        assert_eq!(parse(&request).unwrap_err(), error);
    }
    let mut post = request("", None, &[]);
    *post.method_mut() = http::Method::POST;
    assert_eq!(parse(&post).unwrap_err(), MethodNotGet);
    let versions = [
        (Version::HTTP_09, MalformedHead),
        (Version::HTTP_10, MalformedHead),
        (Version::HTTP_2, NotAnUpgrade),
    ];
    for (version, error) in versions {
        let mut other = request("", None, &[]);
        *other.version_mut() = version;
        assert_eq!(parse(&other).unwrap_err(), error);
    }
}

#[test]
fn ordinary_request_can_be_answered() {
    let page = HttpRequest::get("/index.html").header("host", "example.com").body(()).unwrap();
    let Ok(Incoming::Http(page)) = Incoming::from_http(&page, None) else { panic!() };
    let answer =
        HttpResponse::try_from(page.respond(200).header("content-type", "text/html").body("<p>")).unwrap();
    assert_eq!((answer.status(), answer.body().as_slice()), (StatusCode::OK, &b"<p>"[..]));
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert_eq!(answer.headers()["content-length"], "3");
}

// req: 6455-4.2.2-k, 6455-4.2.2-u
#[test]
fn section_4_2_2_response_converts_to_http_types() {
    let request = parse(&request("", None, &[("sec-websocket-protocol", "chat")])).unwrap();
    let accepting = request.accept().subprotocol("chat").header("Set-Cookie", "a=b");
    let connection = accepting.connection(Config::default()).unwrap();
    assert_eq!((connection.state(), connection.subprotocol()), (State::Open, Some("chat")));
    assert_eq!(connection.buffered_amount(), 0, "the HTTP library writes the head");
    let response = HttpResponse::try_from(accepting).unwrap();
    assert_eq!((response.status(), response.body().len()), (StatusCode::SWITCHING_PROTOCOLS, 0));
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    assert_eq!(response.headers()["set-cookie"], "a=b");

    assert_eq!(request.reject(403).connection(Config::default()).unwrap_err(), Rejected(403));
    let wrong = request.accept().subprotocol("other");
    assert_eq!(wrong.connection(Config::default()).unwrap_err(), BadSubprotocol("other".into()));
    assert_eq!(HttpResponse::try_from(wrong).unwrap_err(), BadSubprotocol("other".into()));
    let rows = [
        (UnsupportedVersion, 426),
        (NotAnUpgrade, 426),
        (MethodNotGet, 405),
        (Missing("Host"), 400),
        (HeadTooLong, 431),
    ];
    for (error, status) in rows {
        let response = Response::for_http_error(&error, &self::request("", None, &[]));
        assert_eq!(HttpResponse::try_from(response).unwrap().status(), status);
    }
}

#[test]
fn http_types_open_connections_in_both_roles() {
    let wanted =
        client::Request::new("ws://user:secret@example.com:8080/chat?a=b").unwrap().subprotocol("chat");
    let (sent, pending) = wanted.to_http_upgrade(Config::default()).unwrap();
    assert_eq!((sent.method().as_str(), sent.uri().to_string().as_str()), ("GET", "/chat?a=b"));
    assert_eq!(sent.headers()["host"], "example.com:8080");
    let received = parse(&sent).unwrap();
    assert_eq!(received.header("authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
    assert_eq!(received.host(), Some("example.com:8080"));
    let response = HttpResponse::try_from(received.accept().subprotocol("chat")).unwrap();
    let (connection, response) = pending.receive(&response).unwrap();
    assert_eq!((connection.subprotocol(), response.header("upgrade")), (Some("chat"), Some("websocket")));
}

/// The target and the `Host` of HTTP/1.1, as `Uri` has them.
#[test]
fn targets_that_name_another_host_are_refused() {
    let rows = [
        ("/", "example.com", Ok(())),
        ("http://example.com/", "example.com:80", Ok(())),
        ("wss://Example.com/?a", "example.com", Ok(())),
        ("wss://example.com?a", "example.com", Ok(())),
        ("http://other.example/", "example.com", Err(Invalid("Host"))),
        ("http://exbmple.com/", "example.com", Err(Invalid("Host"))),
        ("http://user@example.com/", "example.com", Err(Invalid("Host"))),
        ("ftp://example.com/", "example.com", Err(BadTarget)),
        ("example.com:80", "example.com", Err(BadTarget)),
        ("*", "example.com", Err(BadTarget)),
    ];
    for (target, host, expected) in rows {
        let mut request = request("host", Some(host), &[]);
        *request.uri_mut() = target.parse().unwrap();
        assert_eq!(parse(&request).map(drop), expected, "{target}");
    }
    let all = HttpRequest::options("*").header("host", "a").body(()).unwrap();
    assert_eq!(Incoming::from_http(&all, None).unwrap().http().path(), "*");
}

// req: 6455-4.1-al, 6455-4.1-ao
#[test]
fn section_4_1_holds_for_http_types() {
    let pending = || {
        let request = client::Request::new("ws://example.com/").unwrap();
        request.to_http_upgrade(Config::default()).unwrap().1
    };
    let wrong =
        HttpResponse::builder().status(101).header("upgrade", "websocket").header("connection", "upgrade");
    let wrong = wrong.header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=").body(()).unwrap();
    assert_eq!(pending().receive(&wrong).unwrap_err(), Invalid("Sec-WebSocket-Accept"));
    let refused = HttpResponse::builder().status(401).header("www-authenticate", "Basic").body(()).unwrap();
    let Err(Refused(refusal)) = pending().receive(&refused) else { panic!() };
    assert_eq!((refusal.status, refusal.header("WWW-Authenticate")), (401, Some("Basic")));
    let unfit = client::Request::new("ws://example.com/").unwrap().header("Upgrade", "h2c");
    assert_eq!(unfit.to_http_upgrade(Config::default()).map(drop).unwrap_err(), BadHeader("Upgrade".into()));
    assert_eq!(unfit.to_http_connect(Config::default()).map(drop).unwrap_err(), BadHeader("Upgrade".into()));
}
