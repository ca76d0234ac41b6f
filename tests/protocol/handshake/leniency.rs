//! What real peers send beyond the grammar: accepted where only the form differs. `docs/leniency.md` lists it.

use sansocket::HandshakeError::{self, *};
use sansocket::handshake::server::{self, Incoming};
use sansocket::handshake::{client, extensions};
use sansocket::{Config, Role};

use super::client::{receive as receive_response, receive_in as receive_response_in, response_with, sent};
use super::*;
use crate::common::*;

/// The subprotocol that this response leaves the client with. The connection must open.
fn opened(response: &[u8]) -> Option<String> {
    assert!(matches!(receive_response(response), Ok(Some(_))), "{}", response.escape_ascii());
    let (outcome, _) = receive_response_in([response]);
    outcome.unwrap().unwrap().0.subprotocol().map(String::from)
}

// PyPI `websockets` with `subprotocols=[]`, libsoup; Kubernetes, Kitura.
#[test]
fn empty_subprotocol_line_counts_as_absent() {
    let rows: [(&[&str], &[&str]); 6] = [
        (&["Sec-WebSocket-Protocol:"], &[]),
        (&["Sec-WebSocket-Protocol: \t"], &[]),
        (&["Sec-WebSocket-Protocol: , ,"], &[]),
        (&["Sec-WebSocket-Protocol:", "sec-websocket-protocol:"], &[]),
        (&["Sec-WebSocket-Protocol: ,chat, "], &["chat"]),
        (&["Sec-WebSocket-Protocol:", "Sec-WebSocket-Protocol: chat,"], &["chat"]),
    ];
    for (lines, names) in rows {
        let bytes = request_with("Sec-WebSocket-Protocol", lines);
        let request = upgrade(&bytes);
        assert!(request.subprotocols().eq(names.iter().copied()), "{lines:?}");
        let accepted = open(exchange(&bytes), request.accept()).unwrap();
        assert_eq!(accepted.subprotocol(), None);
        let chosen = request.accept().subprotocol("chat").check();
        assert_eq!(chosen.is_ok(), !names.is_empty(), "{lines:?}");
        assert_eq!(request.accept().subprotocol("").check(), Err(BadSubprotocol("".into())));

        let response = response_with("Sec-WebSocket-Protocol", lines);
        assert_eq!(opened(&response).as_deref(), names.first().copied(), "{lines:?}");
    }
}

// req: 6455-9.1-b
#[test]
fn empty_extensions_line_counts_as_absent() {
    let rows: [&[&str]; 4] = [
        &["Sec-WebSocket-Extensions:"],
        &["Sec-WebSocket-Extensions: \t "],
        &["Sec-WebSocket-Extensions: ,,"],
        &["Sec-WebSocket-Extensions:", "Sec-WebSocket-Extensions: ,"],
    ];
    for lines in rows {
        let request = upgrade(&request_with("Sec-WebSocket-Extensions", lines));
        assert_eq!(request.extensions().count(), 0, "{lines:?}");
        assert_eq!(opened(&response_with("Sec-WebSocket-Extensions", lines)).as_deref(), Some("chat"));
    }
    let request = upgrade(&request_with("Sec-WebSocket-Extensions", &["Sec-WebSocket-Extensions: , a;b ,"]));
    assert!(request.extensions().map(|extension| extension.name).eq(["a"]));
    assert_eq!(extensions::parse(b" "), Some(vec![]));
}

// aiohttp, `websockets`
#[test]
fn subprotocol_that_is_offered_twice_counts_once() {
    let rows: [(&[&str], &[&str]); 3] = [
        (&["Sec-WebSocket-Protocol: a, b, a"], &["a", "b"]),
        (&["Sec-WebSocket-Protocol: b", "Sec-WebSocket-Protocol: a,b,b"], &["b", "a"]),
        (&["Sec-WebSocket-Protocol: a, A"], &["a", "A"]),
    ];
    for (lines, names) in rows {
        let bytes = request_with("Sec-WebSocket-Protocol", lines);
        let request = upgrade(&bytes);
        assert!(request.subprotocols().eq(names.iter().copied()), "{lines:?}");
        let mut connection = open(exchange(&bytes), request.accept().subprotocol("a")).unwrap();
        let (lines, _) = parts(&written(connection.output()));
        assert_eq!(lines.iter().filter(|line| line.starts_with("sec-websocket-protocol")).count(), 1);
    }
}

// curl through a proxy
// req: 6455-4.2.1-d
#[test]
fn websocket_uri_as_a_request_target_is_like_an_http_uri() {
    let rows = [
        ("ws://server.example.com/chat", "/chat", None),
        ("WS://server.example.com:80/chat?q", "/chat", Some("q")),
        ("wss://Server.Example.com:443", "/", None),
        ("wss://server.example.com?q=/", "/", Some("q=/")),
    ];
    for (target, path, query) in rows {
        let request = upgrade(&request_with("GET", &[&format!("GET {target} HTTP/1.1")]));
        assert_eq!((request.path(), request.query()), (path, query), "{target}");
    }
    for target in ["ws://other/chat", "ws://server.example.com:443/", "wss://server.example.com:80/"] {
        let bytes = request_with("GET", &[&format!("GET {target} HTTP/1.1")]);
        assert_eq!(refusal(&bytes), (Invalid("Host"), 400), "{target}");
    }
}

/// All visible ASCII but `#`.
const TARGETS: [&str; 7] =
    ["/?filter[a]=1", "/a|b?a=x|y", "/{room}?q={x}", "/?q=100%", "/%?%%41^", "/[:@!$&'()*+,;=~_.-]?/?", "/?"];

#[test]
fn target_that_arrives_is_given_as_it_came() {
    for target in TARGETS.into_iter().chain(["/`\"<>\\"]) {
        let request = upgrade(&request_with("GET", &[&format!("GET {target} HTTP/1.1")]));
        let query = request.query().map(|query| format!("?{query}")).unwrap_or_default();
        assert_eq!([request.path(), &query].concat(), target);
    }
}

#[test]
fn target_is_sent_as_it_is_given() {
    let request = |url: &str| client::Request::new(url).unwrap();
    for target in &TARGETS[..6] {
        let head = sent(&request(&format!("ws://server.example.com{target}")));
        assert!(head.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{target}: {head}");
    }
    // A proxy passes on the target that it received.
    for target in TARGETS.into_iter().chain(["/`\"<>\\", "//double", "/a?b?c"]) {
        let onward = request("ws://10.0.0.1:9000/elsewhere?q").target(target);
        let head = sent(&onward);
        assert!(head.starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{target}: {head}");
        assert_eq!((onward.host(), onward.port()), ("10.0.0.1", 9000));
        let passed_on = upgrade(head.as_bytes());
        let query = passed_on.query().map(|query| format!("?{query}")).unwrap_or_default();
        assert_eq!([passed_on.path(), &query].concat(), target);
    }
}

// req: 6455-4.1-s
#[test]
fn host_of_the_caller_replaces_that_of_the_url() {
    let request = || client::Request::new("wss://127.0.0.1:8443/chat").unwrap();
    let rows = [
        (request(), "127.0.0.1:8443"),
        (request().header("Host", "virtual.example"), "virtual.example"),
        (request().header("hOST", "Virtual.example:80"), "Virtual.example:80"),
        (request().header("Host", "one").header("HOST", "[::1]:2"), "[::1]:2"),
    ];
    for (request, host) in rows {
        let head = sent(&request);
        let hosts = head.lines().filter(|line| line.to_lowercase().starts_with("host:"));
        assert!(hosts.eq([format!("Host: {host}")]), "{head}");
        assert_eq!(head.lines().nth(1), Some(&format!("Host: {host}")[..]));
        assert_eq!((request.host(), request.port()), ("127.0.0.1", 8443));
    }
    // A server does not send one.
    let response = upgrade(&head(&LINES)).accept().header("Host", "a");
    assert_eq!(response.check(), Err(BadHeader("Host".into())));
}

// attack: client-3
#[test]
fn any_character_in_a_target_or_a_host_is_sent_in_one_line_or_refused() {
    let plain = || client::Request::new("ws://server.example.com/").unwrap();
    let lines = sent(&plain()).lines().count();
    for c in (0..=0x17F).filter_map(char::from_u32).chain(['\u{2028}', '\u{ff0f}', '\u{10a0d}']) {
        let is_target = c.is_ascii_graphic() && c != '#';
        let is_host = c.is_ascii_alphanumeric() || ".-_~".contains(c);
        for (request, is_sent) in [
            (plain().target(format!("/a{c}b")), is_target),
            (plain().target(format!("{c}")), c == '/'),
            (plain().header("Host", format!("a{c}b")), is_host),
            (plain().header("Host", format!("a:8{c}")), c.is_ascii_digit()),
        ] {
            assert_eq!(request.check().is_ok(), is_sent, "{c:?}: {request:?}");
            if is_sent {
                assert_eq!(sent(&request).lines().count(), lines, "{c:?}");
                assert!(sent(&request).contains(c));
            }
        }
    }
}

#[test]
fn host_that_is_not_ascii_gives_an_error_that_names_punycode() {
    for url in ["ws://bücher.example/", "wss://a:b@例え.jp:80?q", "ws://exa\u{2024}mple"] {
        let Err(error @ BadUrl(_)) = client::Request::new(url) else { panic!("{url}") };
        assert!(error.to_string().contains("punycode"), "{url}: {error}");
        assert!(
            sent(&client::Request::new("ws://xn--bcher-kva.example/").unwrap()).contains("xn--bcher-kva")
        );
    }
}

#[test]
fn url_without_user_and_password_sends_no_credentials() {
    for (url, is_sent) in [
        ("ws://@h/", false),
        ("ws://:@h/", false),
        ("ws://h/", false),
        ("ws://u@h/", true),
        ("ws://:p@h/", true),
    ] {
        let head = sent(&client::Request::new(url).unwrap());
        assert_eq!(head.contains("Authorization: Basic "), is_sent, "{url}: {head}");
    }
}

// attack: client-1
#[test]
fn odd_line_in_a_response_is_ignored() {
    let odd: [&[&str]; 8] = [
        &["no colon"],
        &["X : y"],
        &["a name: x"],
        &[": no name"],
        &["n\u{e4}me: x"],
        &["<html>", "(X): y"],
        &["Sec-WebSocket-Accept : x", "Sec WebSocket Protocol: other", "Upgrade"],
        &["Sec-WebSocket-Extensions : permessage-deflate"],
    ];
    for lines in odd {
        // Behind the status line, and behind everything.
        for name in ["Upgrade", "X"] {
            let kept: &[&str] = if name == "X" { &[] } else { &["Upgrade: websocket"] };
            let bytes = response_with(name, &[lines, kept].concat());
            assert_eq!(opened(&bytes).as_deref(), Some("chat"), "{lines:?}");
            let Ok(Some(response)) = receive_response(&bytes) else { panic!() };
            assert_eq!(response.headers().iter().count(), 4, "{lines:?}");
        }
        // The line does not stand for the header that it resembles.
        let without = response_with("Upgrade", lines);
        assert_eq!(receive_response(&without), Err(Missing("Upgrade")), "{lines:?}");
        // A server stays strict: two readers of a request must not differ.
        assert_eq!(refusal(&request_with("X", lines)), (MalformedHead, 400), "{lines:?}");
        let refused =
            [head(&[&["HTTP/1.1 403 No", "Content-Length: 2"], lines].concat()), b"no".into()].concat();
        let Err(Refused(refusal)) = receive_response(&refused) else { panic!("{lines:?}") };
        assert_eq!((refusal.status, &refusal.body[..], refusal.headers.len()), (403, &b"no"[..], 1));
    }
}

// attack: client-1
#[test]
fn odd_lines_count_as_headers() {
    let lines = vec!["no colon"; 98];
    assert_eq!(receive_response(&response_with("X", &lines)), Err(TooManyHeaders));
    assert!(receive_response(&response_with("X", &lines[..96])).unwrap().is_some());
}

// attack: client-2
#[test]
fn frames_behind_a_response_with_an_odd_line_reach_the_connection() {
    let bytes = [response_with("X", &["no colon"]), wire(Role::Client, &[(TEXT, b"early")])].concat();
    for at in 1..bytes.len() {
        let (front, back) = bytes.split_at(at);
        let (mut connection, _) = receive_response_in([front, back]).0.unwrap().unwrap();
        assert_eq!(feed(&mut connection, [&b""[..]]).events, [text("early")], "cut at {at}");
    }
}

// attack: server-7
// req: 6455-4.2.2-f, 6455-10.2-a
#[test]
fn default_port_of_the_origin_may_be_in_the_host() {
    let rows = [
        ("h:443", "https://h", true),
        ("h:80", "http://h", true),
        ("H:443", "wss://h", true),
        ("h:80", "ws://h", true),
        ("h", "https://h", true),
        ("h", "wss://h", true),
        ("h:8443", "https://h:8443", true),
        ("[::1]:443", "https://[::1]", true),
        ("h:443", "http://h", false),
        ("h:80", "https://h", false),
        ("h:8443", "https://h", false),
        ("h", "https://h:8443", false),
        ("g:443", "https://h", false),
        ("h:4430", "https://h", false),
        ("h:443:443", "https://h", false),
        ("h:443", "https://h/", false),
        ("h:443", "https://h@g", false),
        ("h:443", "h", false),
        (":443", "https://", false),
    ];
    for (host, origin, is_same) in rows {
        let lines = LINES.map(|line| match line.split_once(':').map(|(name, _)| name) {
            Some("Host") => format!("Host: {host}"),
            Some("Origin") => format!("Origin: {origin}"),
            _ => line.into(),
        });
        assert_eq!(upgrade(&head(&lines)).is_same_origin(), is_same, "{host} {origin}");
    }
}

// req: 6455-4.2.1-e
#[test]
fn http_1_1_request_has_exactly_one_host() {
    let rows: [(&[&str], HandshakeError); 4] = [
        (&["GET / HTTP/1.1"], Missing("Host")),
        (&["OPTIONS * HTTP/1.1", "X: Host"], Missing("Host")),
        (&["POST / HTTP/1.1", "Host: a", "Host: a"], Duplicate("Host")),
        (&["GET / HTTP/1.0", "Host: a", "X: y", "host: b"], Duplicate("Host")),
    ];
    for (lines, error) in rows {
        assert_eq!(refusal(&head(lines)), (error, 400), "{lines:?}");
    }
}

/// The bytes after which a handshake has failed.
fn fails_after(bytes: &[u8], fails: impl Fn(&[u8]) -> bool) -> Option<usize> {
    (0..=bytes.len()).find(|len| fails(&bytes[..*len]))
}

// attack: client-1, server-1
#[test]
fn peer_of_another_protocol_is_given_up_at_its_first_bytes() {
    let client_fails = |bytes: &[u8]| matches!(receive_response_in(bytes.chunks(1)).0, Err(MalformedHead));
    for (bytes, len) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], Some(1)),
        (b"220 mail.example.com ESMTP", Some(1)),
        (b"\x15\x03\x01\x00\x02\x02\x16", Some(1)),
        (b"\0", Some(1)),
        (b"\r\nHELLO", Some(4)),
        (b"\r\r", Some(2)),
        (b"\r\n\r", Some(3)),
        (b"HELLO", Some(2)),
        (b"HTTP/2.0 101 x", Some(6)),
        (b"HTTP/1.2 101 x", Some(8)),
        (b"HTTP/1.1  101", Some(10)),
        (b"HTTP/1.1 abc", Some(10)),
        (b"HTTP/1.1 1011", Some(13)),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade", None),
        (b"\r\nHTTP/1.0 404\r\n", None),
    ] {
        assert_eq!(fails_after(bytes, client_fails), len, "{}", bytes.escape_ascii());
        assert_eq!(receive_response(bytes).is_err(), len.is_some(), "{}", bytes.escape_ascii());
    }
    let server_fails = |bytes: &[u8]| receive_in(bytes.chunks(1)).0 == Err(MalformedHead);
    for (bytes, len) in [
        (&b"\x16\x03\x01\x02\x00\x01"[..], Some(1)),
        (b"\0\0\0", Some(1)),
        (b" GET", Some(1)),
        (b"{\"method\"", Some(1)),
        (b"GET\t/", Some(4)),
        (b"\r\n\x16", Some(3)),
        (b"\r\n\r", Some(3)),
        (b"BitTorrent(protocol", Some(11)),
        (b"GET /chat\r\n", Some(11)),
        (b"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(18)),
        (b"SSH-2.0-OpenSSH_9.6 comment\r\n", Some(29)),
        (b"GET /chat HTTP/1.1\r\nHost", None),
        (b"\r\nGET /", None),
    ] {
        assert_eq!(fails_after(bytes, server_fails), len, "{}", bytes.escape_ascii());
        assert_eq!(receive(bytes).0.is_err(), len.is_some(), "{}", bytes.escape_ascii());
    }
    // The limit on the head is reached first.
    let mut handshake = server::Handshake::new(Config::default().max_head_len(2));
    handshake.receive(b"GE\x16");
    assert_eq!(handshake.next_request().map(|_| ()), Err(HeadTooLong));
}

/// The status and the body of this refusal, or `None` if the client waits for more.
fn refused(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    match receive_response(bytes) {
        Err(Refused(refusal)) => Some((refusal.status, refusal.body)),
        Ok(None) => None,
        outcome => panic!("{}: {outcome:?}", bytes.escape_ascii()),
    }
}

// attack: way-4, client-1
#[test]
fn chunked_refusal_on_a_kept_alive_connection_is_complete_with_its_last_chunk() {
    let rows: [(&[&str], &str, Option<&str>); 14] = [
        (&["Transfer-Encoding: chunked"], "4\r\nRust\r\n0\r\n\r\n", Some("Rust")),
        (&["transfer-encoding:CHUNKED"], "4\r\nRust\r\n2\r\n!!\r\n0\r\n\r\n", Some("Rust!!")),
        (&["Transfer-Encoding: chunked"], "0\r\n\r\n", Some("")),
        (&["Transfer-Encoding: chunked"], "4;x=\"y\"\r\nRust\r\n0\r\nTrailer: x\r\n\r\n", Some("Rust")),
        (&["Transfer-Encoding: chunked", "Content-Length: 2"], "4\r\nRust\r\n0\r\n\r\n", Some("Rust")),
        (&["Transfer-Encoding: gzip, chunked"], "1\r\nz\r\n0\r\n\r\n", Some("z")),
        (&["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], "1\r\nz\r\n0\r\n\r\n", Some("z")),
        (&["Transfer-Encoding: chunked"], "4\r\nRust\r\n-1\r\n", Some("Rust")),
        (&["Transfer-Encoding: chunked"], "4\r\nRust\r\n10000000000000000\r\n", Some("Rust")),
        (&["Transfer-Encoding: chunked"], "4\r\nRustless", Some("Rust")),
        (&["Transfer-Encoding: chunked"], "<html>", Some("")),
        (&["Transfer-Encoding: chunked"], "4\r\nRust\r\n", None),
        (&["Transfer-Encoding: chunked"], "ffffffffffffffff\r\nRust", None),
        (&["Transfer-Encoding: chunked, gzip"], "4\r\nRust\r\n0\r\n\r\n", None),
    ];
    for (lines, body, expected) in rows {
        let head = head(&[&["HTTP/1.1 401 Unauthorized", "Connection: keep-alive"], lines].concat());
        let bytes = [&head[..], body.as_bytes()].concat();
        assert_eq!(refused(&bytes), expected.map(|body| (401, body.into())), "{lines:?} {body:?}");
    }
    let cut = b"HTTP/1.1 401 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nRust\r\n2\r\n!";
    for end in [client::Handshake::end_of_stream, client::Handshake::time_out] {
        let (outcome, mut handshake) = receive_response_in([&cut[..]]);
        assert!(outcome.unwrap().is_none());
        assert!(matches!(end(&mut handshake), Refused(refusal) if refusal.body == b"Rust!"));
    }
}

// attack: way-4
#[test]
fn chunked_refusal_is_kept_up_to_the_limit() {
    let limit = Config::default().max_head_len;
    let start = b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunk in [[b"400\r\n", &[b'x'; 1024][..], b"\r\n"].concat(), b"1\r\nx\r\n".to_vec()] {
        let chunks = core::iter::repeat_n(&chunk[..], 40_000);
        let (outcome, mut handshake) = receive_response_in([&start[..]].into_iter().chain(chunks));
        let Err(Refused(refusal)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((refusal.status, refusal.body.len()), (500, limit));
        assert!(refusal.body.iter().all(|byte| *byte == b'x'), "only data");
        assert_eq!(handshake.end_of_stream(), Refused(refusal));
    }
}

#[test]
fn response_101_with_a_body_length_opens_the_connection() {
    // "A server MUST NOT send a Transfer-Encoding header field in any response with a status code of 1xx" (RFC 9112 section
    // 6.1), and likewise Content-Length; a 101 has no body in either case (section 6.3).
    for line in ["Content-Length: 0", "Content-Length: 7", "Transfer-Encoding: chunked"] {
        let bytes = [response_with("X", &[line]), wire(Role::Client, &[(TEXT, b"early")])].concat();
        assert_eq!(opened(&bytes).as_deref(), Some("chat"), "{line}");
        for at in 1..bytes.len() {
            let (front, back) = bytes.split_at(at);
            let (mut connection, _) = receive_response_in([front, back]).0.unwrap().unwrap();
            assert_eq!(feed(&mut connection, [&b""[..]]).events, [text("early")], "{line}, cut at {at}");
        }
    }
}

#[test]
fn response_without_a_reason_phrase_opens_the_connection() {
    for line in ["HTTP/1.1 101", "HTTP/1.1 101 ", "HTTP/1.1 101 \u{e9}"] {
        assert_eq!(opened(&response_with("HTTP", &[line])).as_deref(), Some("chat"), "{line}");
    }
    let refused = receive_response(b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(refused, Err(Refused(refusal)) if refusal.status == 404));
}

#[test]
fn interim_responses_may_come_before_the_101() {
    let continued = head(&["HTTP/1.1 100 Continue"]);
    let hints = head(&["HTTP/1.1 103", "Link: </chat.css>", "no colon"]);
    for before in [&continued[..], &hints, &[&continued[..], &hints].concat()] {
        assert_eq!(opened(&[before, &response_with("X", &[])].concat()).as_deref(), Some("chat"));
    }
}

#[test]
fn connection_header_of_firefox_is_accepted() {
    let line = &["Connection: keep-alive, Upgrade"];
    assert!(matches!(receive(&request_with("Connection", line)).0, Ok(Some(Incoming::Upgrade(_)))));
    assert_eq!(opened(&response_with("Connection", line)).as_deref(), Some("chat"));
}

#[test]
fn options_of_the_whole_server_reach_the_application() {
    let bytes = head(&["OPTIONS * HTTP/1.1", "Host: a"]);
    let (outcome, _) = receive(&bytes);
    let Ok(Some(Incoming::Http(request))) = outcome else { panic!("{outcome:?}") };
    assert_eq!((request.method(), request.path(), request.query()), ("OPTIONS", "*", None));
    let response = request.respond(204).header("Allow", "GET, OPTIONS");
    assert_eq!(status(&close(exchange(&bytes), response)), 204);
    for line in ["GET * HTTP/1.1", "options * HTTP/1.1", "OPTIONS *? HTTP/1.1", "OPTIONS ** HTTP/1.1"] {
        assert_eq!(refusal(&head(&[line, "Host: a"])), (BadTarget, 400), "{line}");
    }
}
