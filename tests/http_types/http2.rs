//! RFC 8441: connections as streams of HTTP/2.

use http::{HeaderValue, Method, Request as HttpRequest, Response as HttpResponse, StatusCode, Version};
use sansocket::HandshakeError::{self, *};
use sansocket::handshake::client;
use sansocket::handshake::server::{Incoming, Request, Response};
use sansocket::{Config, Event, State};

/// The example of section 5.1 with one header changed or removed, and with `added` headers.
fn connect(changed: &str, to: Option<&str>, added: &[(&str, &str)]) -> HttpRequest<()> {
    const HEADERS: [(&str, &str); 4] = [
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("sec-websocket-version", "13"),
        ("origin", "http://www.example.com"),
    ];
    let builder = HttpRequest::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri("https://server.example.com/chat?room=rust");
    crate::with_headers(builder, &HEADERS, changed, to, added)
}

fn parse(request: &HttpRequest<()>) -> Result<Request, HandshakeError> {
    Request::from_http(request, Some("websocket"))
}

// req: 8441-5-e, 8441-5-f, 8441-8-a
#[test]
fn section_5_request_opens_a_connection() {
    let added = [("cookie", "a=b"), ("cookie", "c=d")];
    let request = parse(&connect("", None, &added)).unwrap();
    assert_eq!((request.method(), request.path(), request.query()), ("CONNECT", "/chat", Some("room=rust")));
    assert_eq!(request.host(), Some("server.example.com"));
    assert_eq!(request.subprotocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(
        request.extensions().map(|offer| offer.name.to_owned()).collect::<Vec<_>>(),
        ["permessage-deflate"]
    );
    assert_eq!(request.cookies().collect::<Vec<_>>(), [("a", "b"), ("c", "d")]);
    assert!(request.origin_is_in(&["http://www.example.com"]) && !request.is_same_origin());

    let accepting = request.accept().subprotocol("chat").header("set-cookie", "e=f");
    assert_eq!(accepting.status(), 200);
    let connection = accepting.connection(Config::default()).unwrap();
    assert_eq!((connection.state(), connection.subprotocol()), (State::Open, Some("chat")));
    let response = HttpResponse::try_from(accepting).unwrap();
    assert_eq!((response.status(), response.body().len()), (StatusCode::OK, 0));
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let headers: Vec<_> =
        response.headers().iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    assert_eq!(headers, [("sec-websocket-protocol", "chat".into()), ("set-cookie", "e=f".into())]);
}

// req: 8441-5-d, 8441-5-e
#[test]
fn section_5_keeps_the_rules_of_rfc_6455_but_for_the_key() {
    const EXTENSIONS: &str = "sec-websocket-extensions";
    let rows = [
        (connect("sec-websocket-version", Some("8"), &[]), Err(UnsupportedVersion)),
        (connect("sec-websocket-version", None, &[]), Err(UnsupportedVersion)),
        (connect("", None, &[("sec-websocket-version", "13")]), Err(Duplicate("Sec-WebSocket-Version"))),
        (connect("", None, &[("origin", "http://a.example")]), Err(Duplicate("Origin"))),
        (connect("sec-websocket-protocol", Some("a b"), &[]), Err(Invalid("Sec-WebSocket-Protocol"))),
        (connect(EXTENSIONS, Some("a;;"), &[]), Err(Invalid("Sec-WebSocket-Extensions"))),
        (connect("", None, &[("content-length", "5")]), Err(UnexpectedBody)),
        (connect("origin", None, &[]), Ok(())),
        (connect("", None, &[("sec-websocket-key", "no base64")]), Ok(())),
        (connect("", None, &[("sec-websocket-key", "a"), ("sec-websocket-key", "b")]), Ok(())),
        (connect("", None, &[("host", "server.example.com:443")]), Ok(())),
        (connect("", None, &[("host", "other.example")]), Err(Invalid("Host"))),
    ];
    for (request, expected) in rows {
        assert_eq!(parse(&request).map(drop), expected, "{request:?}");
    }
}

// req: 8441-5-c
// attack: http2-1
#[test]
fn section_5_headers_about_the_connection_are_refused() {
    let rows = [("connection", "upgrade", "Connection"), ("upgrade", "websocket", "Upgrade")];
    for (name, value, error) in rows {
        assert_eq!(parse(&connect("", None, &[(name, value)])).unwrap_err(), Invalid(error));
    }
}

// req: 8441-4-b, 8441-4-c
// attack: http2-1
#[test]
fn section_4_connect_without_the_protocol_opens_nothing() {
    let extended = connect("", None, &[]);
    for protocol in [None, Some("connect-udp"), Some("")] {
        assert_eq!(Request::from_http(&extended, protocol).unwrap_err(), NotAnUpgrade, "{protocol:?}");
    }
    assert!(Request::from_http(&extended, Some("WebSocket")).is_ok(), "RFC 9110 section 7.8");
    let refused = HttpResponse::try_from(Response::for_http_error(&NotAnUpgrade, &extended)).unwrap();
    assert_eq!(refused.status(), 501);
    // "The :scheme and :path pseudo-header fields MUST also be included": this is a CONNECT to a host.
    let mut tunnel = connect("", None, &[]);
    *tunnel.uri_mut() = "server.example.com:443".parse().unwrap();
    assert_eq!(parse(&tunnel).unwrap_err(), BadTarget);
    // RFC 9113 section 8.3.1: no user in the authority.
    *tunnel.uri_mut() = "https://user@server.example.com/chat".parse().unwrap();
    assert_eq!(parse(&tunnel).unwrap_err(), BadTarget);
    // Another method with this protocol opens no connection.
    let mut get = connect("", None, &[]);
    *get.method_mut() = Method::GET;
    assert_eq!(parse(&get).unwrap_err(), NotAnUpgrade);
}

#[test]
fn ordinary_requests_of_http2_can_be_answered() {
    let page = HttpRequest::get("https://example.com/page").version(Version::HTTP_2).body(()).unwrap();
    let Incoming::Http(page) = Incoming::from_http(&page, None).unwrap() else { panic!() };
    assert_eq!((page.host(), page.path()), (Some("example.com"), "/page"));
    let response = HttpResponse::try_from(page.respond(200).body("text")).unwrap();
    assert_eq!((response.status(), response.body().as_slice()), (StatusCode::OK, &b"text"[..]));
    let response = HttpResponse::try_from(page.upgrade_required()).unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    for name in ["connection", "upgrade"] {
        assert!(!response.headers().contains_key(name), "RFC 9113 section 8.2.2: {name}");
    }
}

/// A 2xx would open the stream as a tunnel.
// req: 8441-5-f
#[test]
fn section_5_refusal_cannot_be_2xx() {
    let request = parse(&connect("", None, &[])).unwrap();
    for status in [200, 204, 299] {
        assert_eq!(request.reject(status).check(), Err(BadStatus(status)));
    }
    assert_eq!(request.reject(300).check(), Ok(()));
    let other = HttpRequest::connect("https://a/").version(Version::HTTP_2).body(()).unwrap();
    let other = Incoming::from_http(&other, Some("connect-udp")).unwrap();
    assert_eq!(other.http().respond(200).check(), Err(BadStatus(200)));
}

// req: 8441-4-b
#[test]
fn section_4_host_is_named_once() {
    let mut request = connect("", None, &[]);
    *request.uri_mut() = "/chat".parse().unwrap();
    assert_eq!(parse(&request).unwrap_err(), Missing("Host"));
    request.headers_mut().append("host", "a.example".parse().unwrap());
    assert_eq!(parse(&request).unwrap().host(), Some("a.example"));
    request.headers_mut().append("host", "b.example".parse().unwrap());
    assert_eq!(parse(&request).unwrap_err(), Duplicate("Host"));
}

// req: 8441-5-c, 8441-5-e
#[test]
fn section_5_refusals_have_no_header_about_the_connection() {
    let old = connect("sec-websocket-version", Some("8"), &[]);
    let error = parse(&old).unwrap_err();
    let response = HttpResponse::try_from(Response::for_http_error(&error, &old)).unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["sec-websocket-version"], "13");
    let rejected = parse(&connect("", None, &[])).unwrap().reject(403).body("no\n");
    for response in [response, HttpResponse::try_from(rejected).unwrap()] {
        for name in ["connection", "upgrade"] {
            assert!(!response.headers().contains_key(name), "{name}");
        }
    }
}

// req: 8441-5-b, 8441-5-c, 8441-5-d, 8441-5-e, 8441-5-f, 8441-8-a
#[test]
fn section_5_client_and_server_agree() {
    for (url, uri) in [
        ("wss://server.example.com/chat?a=b", "https://server.example.com/chat?a=b"),
        ("ws://server.example.com:8080", "http://server.example.com:8080/"),
    ] {
        let wanted = client::Request::new(url).unwrap().subprotocol("chat").header("Cookie", "a=b");
        let (sent, pending) = wanted.to_http_connect(Config::default()).unwrap();
        assert_eq!(
            (sent.method(), sent.version(), sent.uri().to_string().as_str()),
            (&Method::CONNECT, Version::HTTP_2, uri)
        );
        let names: Vec<_> = sent.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["sec-websocket-version", "sec-websocket-protocol", "cookie"]);
        let request = parse(&sent).unwrap();
        let response = request.accept().subprotocol("chat");
        let mut server = response.connection(Config::default()).unwrap();
        let mut response = HttpResponse::try_from(response).unwrap();
        *response.version_mut() = Version::HTTP_2;
        // "Sec-WebSocket-Accept" is not looked at.
        response.headers_mut().insert("sec-websocket-accept", "wrong".parse().unwrap());
        let (mut client, _) = pending.receive(&response).unwrap();
        assert_eq!(client.subprotocol(), Some("chat"));

        // The stream plays the role of the TCP connection: frames go as ever, and those of the client are masked.
        client.send("Hello").unwrap();
        client.output().chunks().for_each(|bytes| server.receive(bytes));
        assert_eq!(server.next_event().unwrap(), Some(Event::Text("Hello")));
        assert_eq!(client.output().chunk()[1] & 0x80, 0x80);
    }
}

// req: 8441-5-e, 8441-5-f
#[test]
fn section_5_client_checks_the_response() {
    let response = |status: u16, headers: &[(&str, &str)]| {
        let mut builder = HttpResponse::builder().status(status).version(Version::HTTP_2);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap()
    };
    let outcome = |response: HttpResponse<()>| {
        let wanted = client::Request::new("wss://example.com/").unwrap().subprotocol("chat");
        let (_, pending) = wanted.to_http_connect(Config::default()).unwrap();
        pending.receive(&response).map(|(connection, _)| connection.subprotocol().map(str::to_owned))
    };
    assert_eq!(outcome(response(200, &[])), Ok(None));
    assert_eq!(outcome(response(204, &[("sec-websocket-protocol", "chat")])), Ok(Some("chat".into())));
    assert_eq!(outcome(response(200, &[("sec-websocket-protocol", "other")])), Err(SubprotocolNotOffered));
    assert_eq!(outcome(response(200, &[("sec-websocket-extensions", "foo")])), Err(ExtensionNotOffered));
    for status in [101, 301, 404, 501] {
        let Err(Refused(refusal)) = outcome(response(status, &[("location", "/")])) else {
            panic!("{status}")
        };
        assert_eq!((refusal.status, refusal.header("Location")), (status, Some("/")));
    }
    let mut http1 = response(200, &[]);
    *http1.version_mut() = Version::HTTP_11;
    assert_eq!(outcome(http1), Err(MalformedHead));
}

// req: 9220-3-a, 9220-3-b
#[test]
fn rfc_9220_section_3_opens_connections_in_the_same_way() {
    let mut request = connect("", None, &[]);
    *request.version_mut() = Version::HTTP_3;
    let response = parse(&request).unwrap().accept().subprotocol("chat");
    assert_eq!(response.connection(Config::default()).unwrap().subprotocol(), Some("chat"));
    let mut response = HttpResponse::try_from(response).unwrap();
    assert_eq!((response.status(), response.headers().len()), (StatusCode::OK, 1));
    *response.version_mut() = Version::HTTP_3;
    let wanted = client::Request::new("wss://example.com/").unwrap().subprotocol("chat");
    let (_, pending) = wanted.to_http_connect(Config::default()).unwrap();
    assert_eq!(pending.receive(&response).unwrap().0.subprotocol(), Some("chat"));
    let other = Request::from_http(&request, Some("connect-udp")).unwrap_err();
    let response = HttpResponse::try_from(Response::for_http_error(&other, &request)).unwrap();
    assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
}
