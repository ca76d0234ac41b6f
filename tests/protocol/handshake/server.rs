//! Requests that a server accepts: section 4.2.1.

use sansocket::handshake::server::{Handshake, Incoming};
use sansocket::{Config, HandshakeError, Role, State};

use super::*;
use crate::common::*;

// req: 6455-4.2.2-k, 6455-4.2.2-r, 6455-4.2.2-s, 6455-4.2.2-t, 6455-4.2.2-v, 6455-4.2.2-x
#[test]
fn section_1_2_example_is_accepted() {
    let request = upgrade(&head(&LINES));
    assert_eq!((request.method(), request.path(), request.query()), ("GET", "/chat", None));
    assert_eq!(request.header("host"), Some("server.example.com"));
    assert_eq!(request.origin(), Some("http://example.com"));
    assert!(request.subprotocols().eq(["chat", "superchat"]));
    assert_eq!(request.extensions().count(), 0);

    let response = request.accept().subprotocol("chat");
    let mut connection = open(exchange(&head(&LINES)), response).unwrap();
    let (lines, body) = parts(&written(connection.output()));
    let expected = [
        "http/1.1 101 switching protocols",
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
        "sec-websocket-protocol: chat",
    ];
    assert_eq!((&lines[..], &body[..]), (&expected.map(String::from)[..], ""));
    assert_eq!((connection.subprotocol(), connection.state()), (Some("chat"), State::Open));
}

// attack: server-3
// req: 6455-4.2.2-h, 6455-4.2.2-u
#[test]
fn section_4_2_2_accept_key_is_sent_exactly() {
    for (key, accept) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
    ] {
        let line = format!("Sec-WebSocket-Key: {key}");
        let bytes = request_with("Sec-WebSocket-Key", &[&line]);
        let mut connection = open(exchange(&bytes), upgrade(&bytes).accept()).unwrap();
        let answer = String::from_utf8(written(connection.output())).unwrap();
        assert!(answer.contains(&format!("\r\nSec-WebSocket-Accept: {accept}\r\n")), "{answer}");
    }
}

// req: 6455-4.2.1-g, 6455-4.2.1-n
#[test]
fn browser_request_is_accepted() {
    let request = upgrade(&head(&[
        "GET /csp/user/MyApp.MyWebSocketServer.cls?room=a%20b HTTP/1.1",
        "Host: localhost:57772",
        "Connection: keep-alive, Upgrade",
        "Pragma: no-cache",
        "Upgrade: websocket",
        "Origin: http://localhost:57772",
        "Sec-WebSocket-Version: 13",
        "Cookie: CSPSESSIONID=001000; theme=dark; empty=; flag",
        "Cookie: second=line=2",
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec-WebSocket-Protocol: chat",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ]));
    assert_eq!(request.path(), "/csp/user/MyApp.MyWebSocketServer.cls");
    assert_eq!(request.query(), Some("room=a%20b"));
    let cookies = [("CSPSESSIONID", "001000"), ("theme", "dark"), ("empty", ""), ("second", "line=2")];
    assert!(request.cookies().eq(cookies));
    assert!(request.is_same_origin());
    assert!(request.extensions().map(|extension| extension.name).eq(["permessage-deflate"]));
}

// req: 6455-4.1-as, 6455-4.2.1-o
#[test]
fn section_4_2_1_headers_are_accepted_in_any_order_and_case() {
    let (first, headers) = LINES.split_first().unwrap();
    for i in 0..headers.len() {
        let mut lines = vec![*first];
        lines.extend(&headers[i..]);
        lines.extend(&headers[..i]);
        upgrade(&head(&lines));
        lines[1..].reverse();
        upgrade(&head(&lines));
    }
    let recased = |recase: fn(&str) -> String| {
        let lines = headers.iter().map(|line| line.split_once(':').unwrap());
        let lines = lines.map(|(name, value)| recase(name) + ":" + value);
        head(&[vec![(*first).to_string()], lines.collect()].concat())
    };
    upgrade(&recased(str::to_lowercase));
    upgrade(&recased(str::to_uppercase));
}

// attack: server-2
// req: 6455-4.2.1-f, 6455-4.2.1-g, 6455-4.2.1-j, 6455-4.2.1-l, 6455-4.2.1-m, 6455-4.2.1-n, 6455-4.3-d
#[test]
fn section_4_2_1_equivalent_headers_are_accepted() {
    let rows = [
        ("Upgrade", &["Upgrade: WebSocket"][..]),
        ("Upgrade", &["Upgrade: h2c, websocket"]),
        ("Upgrade", &["Upgrade: h2c", "Upgrade: WEBSOCKET"]),
        ("Upgrade", &["Upgrade:websocket"]),
        ("Upgrade", &["Upgrade: \t websocket \t "]),
        ("Connection", &["Connection: upgrade"]),
        ("Connection", &["Connection: keep-alive, Upgrade"]),
        ("Connection", &["Connection: keep-alive,UPGRADE ,"]),
        ("Connection", &["Connection: keep-alive", "Connection: Upgrade"]),
        ("Sec-WebSocket-Key", &["Sec-WebSocket-Key:   dGhlIHNhbXBsZSBub25jZQ==  "]),
        ("Sec-WebSocket-Protocol", &[]),
        ("Sec-WebSocket-Protocol", &["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"]),
        ("Sec-WebSocket-Extensions", &["Sec-WebSocket-Extensions: a;b=1, c", "Sec-WebSocket-Extensions: d"]),
        ("Origin", &[]),
        ("Content-Length", &["Content-Length: 0"]),
        ("X-Unknown", &["X-Unknown: and not asked about"]),
    ];
    for (name, lines) in rows {
        upgrade(&request_with(name, lines));
    }
}

// req: 6455-4.2.1-d
#[test]
fn section_4_1_request_target_gives_path_and_query() {
    let rows = [
        ("/", ("/", None)),
        ("/chat", ("/chat", None)),
        ("/a/b?c=d?e", ("/a/b", Some("c=d?e"))),
        ("/?", ("/", Some(""))),
        ("//double", ("//double", None)),
        ("/%00%zz", ("/%00%zz", None)),
        ("http://server.example.com/chat", ("/chat", None)),
        ("HTTPS://server.example.com:443/chat?q", ("/chat", Some("q"))),
        ("http://server.example.com", ("/", None)),
        ("http://server.example.com?q=/", ("/", Some("q=/"))),
    ];
    for (target, expected) in rows {
        let request = upgrade(&request_with("GET", &[&format!("GET {target} HTTP/1.1")]));
        assert_eq!((request.path(), request.query()), expected, "{target}");
    }
}

// req: 6455-4.2.1-e
#[test]
fn absolute_target_of_another_host_is_refused() {
    for target in [
        "http://other.example.com/chat",
        "http://serves.example.com/chat", // as long as the right one
        "http://server.example.com:8080/chat",
        "https://server.example.com:80/",
    ] {
        let (outcome, answer) = receive(&request_with("GET", &[&format!("GET {target} HTTP/1.1")]));
        assert_eq!((outcome, status(&answer)), (Err(HandshakeError::Invalid("Host")), 400), "{target}");
    }
}

// req: 6455-4.2.1-l, 6455-4.2.1-m, 6455-9.1-b, 6455-11.3.2-a, 6455-11.3.4-a
#[test]
fn section_11_3_lists_span_all_headers_of_a_name() {
    let mut lines = LINES.to_vec();
    lines.push("Sec-WebSocket-Protocol: , third ,");
    lines.push("Sec-WebSocket-Extensions: foo; a=1, bar");
    lines.push("Sec-WebSocket-Extensions: foo; a=\"2\"");
    let request = upgrade(&head(&lines));
    assert!(request.subprotocols().eq(["chat", "superchat", "third"]));
    assert!(request.extensions().map(|extension| extension.name).eq(["foo", "bar", "foo"]));
}

// attack: server-1
#[test]
fn head_as_large_as_browsers_send_is_accepted() {
    let cookie = format!("Cookie: {}", "c=0123456789abcde; ".repeat(8 << 10 >> 4));
    let mut lines = LINES.to_vec();
    lines.push(&cookie);
    let many: Vec<_> = (0..90).map(|i| format!("X-{i}: {i}")).collect();
    lines.extend(many.iter().map(String::as_str));
    assert!(upgrade(&head(&lines)).cookies().count() > 500);
}

// attack: server-8
// req: 6455-4.2.2-x
#[test]
fn frames_behind_the_request_reach_the_connection() {
    let request = head(&LINES);
    let frames: [Frame<'_>; 3] = [(TEXT, b"early"), (PING, b"p"), (TEXT, b"bird")];
    let bytes = [&request[..], &wire(Role::Server, &frames)].concat();
    for at in 1..bytes.len() {
        let (front, back) = bytes.split_at(at);
        let mut handshake = Handshake::new(Config::default());
        handshake.receive(front);
        let exchange = match handshake.next_request().unwrap() {
            Some(mut exchange) => {
                exchange.receive(back);
                exchange
            }
            None => {
                handshake.receive(back);
                handshake.next_request().unwrap().unwrap()
            }
        };
        let Incoming::Upgrade(request) = exchange.incoming() else { panic!("cut at {at}") };
        let response = request.accept();
        let mut connection = open(exchange, response).unwrap();
        let outcome = feed(&mut connection, [&b""[..]]);
        assert_eq!(outcome.events, [text("early"), Got::Ping(b"p".to_vec()), text("bird")]);
        assert!(outcome.output.starts_with(b"HTTP/1.1 101 ") && outcome.output.ends_with(b"\x8a\x01p"));
    }
}

#[test]
fn ordinary_http_request_can_be_answered() {
    let rows: [(&[&str], &str, &str); 8] = [
        (&["GET /health HTTP/1.1", "Host: a"], "GET", "/health"),
        (&["GET / HTTP/1.0"], "GET", "/"),
        (&["POST /api HTTP/1.1", "Host: a", "Content-Length: 2"], "POST", "/api"),
        (&["GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: h2c"], "GET", "/"),
        (&["GET / HTTP/1.1", "Host: a", "Upgrade: notwebsocket"], "GET", "/"),
        // Section 3.2 of RFC 9112 asks for a Host, not for a value.
        (&["GET / HTTP/1.1", "Host:"], "GET", "/"),
        (&["OPTIONS * HTTP/1.1", "Host: a"], "OPTIONS", "*"),
        (&["OPTIONS /chat HTTP/1.1", "Host: a"], "OPTIONS", "/chat"),
    ];
    for (lines, method, path) in rows {
        let (outcome, answer) = receive(&head(lines));
        let Ok(Some(Incoming::Http(request))) = outcome else { panic!("{lines:?}: {outcome:?}") };
        assert_eq!((request.method(), request.path(), &answer[..]), (method, path, &b""[..]));
        let answer = close(exchange(&head(lines)), request.respond(200).body("fine"));
        let (lines, body) = parts(&answer);
        assert_eq!((&lines[0][..], &body[..]), ("http/1.1 200 ok", "fine"));
        assert!(lines.contains(&"connection: close".into()) && lines.contains(&"content-length: 4".into()));
    }
}

// attack: server-7
// req: 6455-4.2.1-k, 6455-4.2.2-f, 6455-10.2-a
#[test]
fn section_10_2_origin_is_compared_as_a_whole() {
    let allowed = ["https://example.com", "http://localhost:8080", "http://[::1]:9000"];
    let rows = [
        ("https://example.com", true),
        ("HTTPS://Example.COM", true),
        ("http://localhost:8080", true),
        ("http://[::1]:9000", true),
        ("http://example.com", false),
        ("https://example.com:443", false),
        ("https://example.com:8443", false),
        ("https://example.com.evil.net", false),
        ("https://evil-example.com", false),
        ("https://sub.example.com", false),
        ("https://example.com/", false),
        ("https://example.com@evil.net", false),
        ("http://localhost", false),
        ("http://127.0.0.1:8080", false),
        ("http://[::1]", false),
        ("null", false),
        ("", false),
    ];
    for (origin, from) in rows {
        let request = upgrade(&request_with("Origin", &[&format!("Origin: {origin}")]));
        assert_eq!(request.origin_is_in(&allowed), from, "{origin}");
    }
    let without = upgrade(&request_with("Origin", &[]));
    assert!(!without.origin_is_in(&allowed) && !without.is_same_origin());
    let null = upgrade(&request_with("Origin", &["Origin: null"]));
    assert!(null.origin_is_in(&["null"]) && !null.is_same_origin());
}

// attack: server-7
// req: 6455-4.2.2-f, 6455-10.2-a
#[test]
fn section_10_2_same_origin_compares_with_host() {
    let rows = [
        ("http://server.example.com", true),
        ("https://SERVER.example.com", true),
        ("ws://server.example.com", true),
        ("WSS://server.example.com", true),
        ("http://server.example.com:80", false),
        ("http://server.example.com.evil.net", false),
        ("http://evil.net/server.example.com", false),
        ("ftp://server.example.com", false),
        ("server.example.com", false),
    ];
    for (origin, from) in rows {
        let request = upgrade(&request_with("Origin", &[&format!("Origin: {origin}")]));
        assert_eq!(request.is_same_origin(), from, "{origin}");
    }
}

#[test]
fn debug_shows_headers_as_text() {
    let request = upgrade(&request_with("Origin", &["Origin: a\tb"]));
    let shown = format!("{:?}", request.headers());
    assert!(shown.contains(r#""Host": "server.example.com""#) && shown.contains(r#""a\tb""#), "{shown}");
}

#[test]
fn request_is_handed_out_once() {
    let mut handshake = Handshake::new(Config::default());
    assert!(handshake.next_request().unwrap().is_none());
    handshake.receive(&head(&LINES));
    assert!(handshake.next_request().unwrap().is_some());
    for _ in 0..2 {
        assert_eq!(handshake.next_request().map(|_| ()), Err(HandshakeError::Finished));
    }
    assert!(handshake.output().is_empty());
}

#[test]
#[should_panic(expected = "the request was handed out")]
fn bytes_for_a_handshake_that_has_handed_out_its_request_are_not_lost_silently() {
    let mut handshake = Handshake::new(Config::default());
    handshake.receive(&head(&LINES));
    assert!(handshake.next_request().unwrap().is_some());
    handshake.receive(b"frames");
}

#[test]
fn every_way_of_receiving_leads_to_the_same_request() {
    let bytes = head(&LINES);
    let mut handshake = Handshake::new(Config::default());
    for part in bytes.chunks(7) {
        handshake.unfilled()[..part.len()].copy_from_slice(part);
        handshake.filled(part.len());
    }
    let exchange = handshake.next_request().unwrap().unwrap();
    assert_eq!(*exchange.incoming(), Incoming::Upgrade(upgrade(&bytes)));
    #[cfg(feature = "std")]
    {
        let (mut handshake, mut stream) = (Handshake::new(Config::default()), &bytes[..]);
        while handshake.read_from(&mut stream).unwrap() > 0 {}
        let exchange = handshake.next_request().unwrap().unwrap();
        assert_eq!(*exchange.incoming(), Incoming::Upgrade(upgrade(&bytes)));
    }
}

#[test]
fn body_of_an_ordinary_request_is_unread() {
    let post = [&head(&["POST /api HTTP/1.1", "Host: a", "Content-Length: 2"])[..], b"{}"].concat();
    let exchange = exchange(&post);
    assert_eq!((exchange.incoming().http().method(), exchange.unread()), ("POST", &b"{}"[..]));
}
