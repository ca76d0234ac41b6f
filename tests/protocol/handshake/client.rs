//! The client's side: section 4.1.

use sansocket::HandshakeError::{self, *};
use sansocket::handshake::client::{Handshake, Request, Response};
use sansocket::{Config, Connection, Refusal, Role, State};

use super::{head, parts};
use crate::common::*;

/// The nonce of section 1.3.
const NONCE: [u8; 16] = *b"the sample nonce";

/// The response of section 1.2, line by line.
pub(super) const LINES: [&str; 5] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Protocol: chat",
];

fn start(request: &Request) -> Handshake {
    Handshake::with_nonce(request, Config::default(), NONCE, SameKey).unwrap()
}

fn handshake() -> Handshake {
    let request = Request::new("ws://server.example.com/chat").unwrap();
    start(&request.subprotocol("chat").subprotocol("superchat"))
}

/// "Userinfo" in the URL is Basic authentication (RFC 7617). The caller's header replaces it.
#[test]
fn one_authorization_header_is_sent() {
    let request = || Request::new("ws://user:pass@server.example.com/chat").unwrap();
    let rows = [
        (request(), "Authorization: Basic dXNlcjpwYXNz"),
        (request().header("X", "y"), "Authorization: Basic dXNlcjpwYXNz"),
        (request().header("authorization", "Bearer token"), "authorization: Bearer token"),
        (request().header("Authorization", "one").header("AUTHORIZATION", "two"), "AUTHORIZATION: two"),
    ];
    for (request, expected) in rows {
        assert_eq!(lines_sent(&request, "authorization:"), [expected]);
    }
}

#[test]
fn last_origin_is_sent() {
    let request = || Request::new("ws://server.example.com/chat").unwrap().origin("http://a.example");
    for (request, expected) in [
        (request(), "Origin: http://a.example"),
        (request().origin("http://b.example"), "Origin: http://b.example"),
        (request().header("ORIGIN", "http://b.example"), "ORIGIN: http://b.example"),
    ] {
        assert_eq!(lines_sent(&request, "origin:"), [expected]);
    }
}

/// The head of the request as text.
pub(super) fn sent(request: &Request) -> String {
    String::from_utf8(written(start(request).output())).unwrap()
}

/// The lines of the request that begin with `beginning`. Case does not matter.
fn lines_sent(request: &Request, beginning: &str) -> Vec<String> {
    let head = sent(request);
    let is_sent = |line: &&str| line.to_ascii_lowercase().starts_with(beginning);
    head.lines().filter(is_sent).map(String::from).collect()
}

#[test]
fn debug_shows_no_secret_of_a_handshake() {
    assert_eq!(
        format!("{:?}", handshake()),
        r#"Handshake { expected: Expected { subprotocols: ["chat", "superchat"], .. }, .. }"#
    );
}

pub(super) fn response_with(name: &str, lines: &[&str]) -> Vec<u8> {
    let at = LINES.iter().position(|line| line.starts_with(name)).unwrap_or(LINES.len());
    head(&[&LINES[..at], lines, LINES.get(at + 1..).unwrap_or_default()].concat())
}

pub(super) fn receive_in<'a>(
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<Option<(Connection, Response)>, HandshakeError>, Handshake) {
    let mut handshake = handshake();
    let mut outcome = Ok(None);
    for read in reads {
        match &mut outcome {
            Ok(None) => {
                handshake.receive(read);
                outcome = handshake.next_response();
            }
            Ok(Some((connection, _))) => connection.receive(read),
            Err(_) => handshake.receive(read),
        }
    }
    (outcome, handshake)
}

/// What a client makes of a response: the same for the whole, for single bytes and for every cut in two.
pub(super) fn receive(bytes: &[u8]) -> Result<Option<Response>, HandshakeError> {
    let strip = |(outcome, _): (Result<Option<(Connection, Response)>, _>, _)| {
        outcome.map(|opened| opened.map(|(_, response)| response))
    };
    crate::seeds::keep("response", bytes);
    let whole = strip(receive_in([bytes]));
    assert_eq!(strip(receive_in(bytes.chunks(1))), whole, "byte by byte: {}", bytes.escape_ascii());
    for at in cuts(bytes.len()) {
        let (front, back) = bytes.split_at(at);
        assert_eq!(strip(receive_in([front, back])), whole, "cut at {at}: {}", bytes.escape_ascii());
    }
    whole
}

// req: 6455-4.1-o, 6455-4.1-p, 6455-4.1-q, 6455-4.1-r, 6455-4.1-s, 6455-4.1-t, 6455-4.1-u, 6455-4.1-v, 6455-4.1-w, 6455-4.1-x, 6455-4.1-ac, 6455-4.1-ad, 6455-4.1-ae, 6455-4.3-a, 6455-4.3-b, 6455-4.3-c
#[test]
fn section_4_1_request_is_the_example() {
    let mut handshake = handshake();
    let expected = b"GET /chat HTTP/1.1\r\n\
        Host: server.example.com\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";
    assert_eq!(written(handshake.output()), expected);
}

// req: 6455-3-b, 6455-3-d, 6455-4.1-s, 6455-4.1-t, 6455-4.1-aa, 6455-4.1-ai
#[test]
fn section_4_1_url_gives_request_line_host_and_credentials() {
    let rows: [(&str, &[&str]); 6] = [
        ("ws://example.com", &["get / http/1.1", "host: example.com"]),
        ("ws://example.com:80?a=b", &["get /?a=b http/1.1", "host: example.com"]),
        ("wss://example.com:80/", &["host: example.com:80"]),
        ("wss://EXAMPLE.com/x", &["host: example.com"]),
        ("ws://[::1]:8080/", &["host: [::1]:8080"]),
        ("ws://Aladdin:open%20sesame@example.com/", &["authorization: basic qwxhzgrpbjpvcgvuihnlc2ftzq=="]),
    ];
    for (url, expected) in rows {
        let (lines, _) = parts(&written(start(&Request::new(url).unwrap()).output()));
        for line in expected {
            assert!(lines.contains(&(*line).into()), "{url}: {lines:?}");
        }
    }
    let request = Request::new("ws://a/").unwrap().origin("http://b").header("Cookie", "c=d");
    let (lines, _) = parts(&written(start(&request).output()));
    assert_eq!(lines[6..], ["origin: http://b", "cookie: c=d"]);
}

// req: 6455-4.1-x, 6455-4.1-y
#[cfg(feature = "std")]
#[test]
fn section_4_1_every_connection_has_its_own_nonce() {
    let request = Request::new("ws://example.com/").unwrap();
    let heads: std::collections::HashSet<_> =
        (0..100).map(|_| written(Handshake::new(&request, Config::default()).unwrap().output())).collect();
    assert_eq!(heads.len(), 100);
}

// attack: client-3
// req: 6455-3-a, 6455-3-e, 6455-4.1-b, 6455-4.1-ab, 6455-4.1-af, 6455-4.1-ag, 6455-11.3.5-b
#[test]
fn request_that_cannot_be_sent_is_an_error_that_names_the_fault() {
    let request = || Request::new("ws://example.com/").unwrap();
    let rows = [
        (request().header("X", "a\r\nInjected: b"), BadHeader("X".into())),
        (request().header("X", "a\0"), BadHeader("X".into())),
        (request().header("X\n", "a"), BadHeader("X\n".into())),
        (request().header("Host", ""), BadHeader("Host".into())),
        (request().header("Host", "other/path"), BadHeader("Host".into())),
        (request().header("host", "user@other"), BadHeader("host".into())),
        (request().header("Host", "other, another"), BadHeader("Host".into())),
        (request().header("Host", "other:0"), BadHeader("Host".into())),
        (request().header("Host", "other\r\nX: y"), BadHeader("Host".into())),
        (request().header("Host", "öther"), BadHeader("Host".into())),
        (request().target("chat"), BadUrl("the request target cannot be sent")),
        (request().target(""), BadUrl("the request target cannot be sent")),
        (request().target("/#top"), BadUrl("the request target cannot be sent")),
        (request().target("/ HTTP/1.1\r\nX: y"), BadUrl("the request target cannot be sent")),
        (request().target("/é"), BadUrl("the request target cannot be sent")),
        (request().header("sec-websocket-version", "8"), BadHeader("sec-websocket-version".into())),
        (request().origin("http://a\r\nX: y"), BadHeader("Origin".into())),
        (request().origin("http://exämple.com"), BadHeader("Origin".into())),
        (request().header("origin", "http://a http://b"), BadHeader("origin".into())),
        (request().origin(""), BadHeader("Origin".into())),
        (request().subprotocol(""), BadSubprotocol("".into())),
        (request().subprotocol("a b"), BadSubprotocol("a b".into())),
        (request().subprotocol("a,b"), BadSubprotocol("a,b".into())),
        (request().subprotocol("a\r\nX: y"), BadSubprotocol("a\r\nX: y".into())),
        (request().subprotocol("é"), BadSubprotocol("é".into())),
        (request().subprotocol("a").subprotocol("a"), BadSubprotocol("a".into())),
    ];
    for (request, error) in rows {
        let refused = Handshake::with_nonce(&request, Config::default(), NONCE, SameKey);
        assert_eq!(refused.map(|_| ()).as_ref(), Err(&error), "{request:?}");
        assert_eq!(request.check(), Err(error), "found before a connection is made");
    }
    for url in
        ["http://a/", "ws://a/#b", "ws://a b/", "ws://a/\r\nX: y", "ws://a/\0", "ws://é/", "ws:///", ""]
    {
        assert!(matches!(Request::new(url), Err(BadUrl(_))), "{url}");
    }
}

// req: 6455-4.1-as, 6455-4.1-at
#[test]
fn section_4_1_response_opens_the_connection() {
    let rows = [
        response_with("X", &[]),
        response_with("X", &["X: y"]),
        response_with("Upgrade", &["upgrade:WebSocket"]),
        response_with("Connection", &["CONNECTION: keep-alive, upgrade"]),
        response_with("Connection", &["Connection: x", "Connection: Upgrade"]),
        response_with("Sec-WebSocket-Accept", &["sec-websocket-accept:  s3pPLMBiTxaQ9kYGzzhZRbK+xOo= "]),
        response_with("HTTP", &["HTTP/1.1 101 "]),
        response_with("HTTP", &["HTTP/1.1 101 Whatever"]),
    ];
    for bytes in rows {
        let (outcome, _) = receive_in([&bytes[..]]);
        let (connection, response) = outcome.unwrap().unwrap();
        assert_eq!((connection.role(), connection.state()), (Role::Client, State::Open));
        assert_eq!(connection.subprotocol(), Some("chat"));
        assert_eq!(response.header("sec-websocket-protocol"), Some("chat"));
        assert_eq!(connection.unread(), b"");
        assert_eq!(receive(&bytes).unwrap().unwrap(), response);
    }
    let (outcome, _) = receive_in([&response_with("Sec-WebSocket-Protocol", &[])[..]]);
    assert_eq!(outcome.unwrap().unwrap().0.subprotocol(), None);
}

// attack: client-1, client-2
// req: 6455-2.1-a, 6455-4.1-ak, 6455-4.1-am, 6455-4.1-an, 6455-4.1-ao, 6455-4.1-ap, 6455-4.1-aq, 6455-4.1-ar, 6455-4.3-d, 6455-4.3-e, 6455-4.3-f, 6455-7.1.4-b, 6455-9.1-a, 6455-11.3.3-a, 6455-11.3.4-b, 7692-5-q
#[test]
fn section_4_1_response_that_breaks_a_rule_is_refused() {
    let accept = "Sec-WebSocket-Accept";
    let accept_line = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let (protocol, extensions) = ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions");
    let rows: [(&str, &[&str], HandshakeError); 40] = [
        ("Upgrade", &[], Missing("Upgrade")),
        ("Upgrade", &["Upgrade: h2c"], Invalid("Upgrade")),
        ("Upgrade", &["Upgrade: websockets"], Invalid("Upgrade")),
        // "ASCII case-insensitive" (section 2.1): the Kelvin sign is a k to Unicode alone.
        ("Upgrade", &["Upgrade: websoc\u{212a}et"], Invalid("Upgrade")),
        ("Upgrade", &["Upgrade: websocket", "Upgrade: websocket"], Duplicate("Upgrade")),
        ("Connection", &[], Missing("Connection")),
        ("Connection", &["Connection: close"], Invalid("Connection")),
        ("Connection", &["Connection: notupgrade"], Invalid("Connection")),
        (accept, &[], Missing(accept)),
        (accept, &["Sec-WebSocket-Accept:"], Invalid(accept)),
        (accept, &["Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk="], Invalid(accept)),
        (accept, &["Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO="], Invalid(accept)),
        (accept, &["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo"], Invalid(accept)),
        (accept, &["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=x"], Invalid(accept)),
        (accept, &[accept_line, accept_line], Duplicate(accept)),
        (protocol, &["Sec-WebSocket-Protocol: other"], SubprotocolNotOffered),
        (protocol, &["Sec-WebSocket-Protocol: Chat"], SubprotocolNotOffered),
        (protocol, &["Sec-WebSocket-Protocol: chat, superchat"], SubprotocolNotOffered),
        (protocol, &["Sec-WebSocket-Protocol: chat, , other"], SubprotocolNotOffered),
        (protocol, &["Sec-WebSocket-Protocol: chat chat"], SubprotocolNotOffered),
        (protocol, &["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"], Duplicate(protocol)),
        (extensions, &["Sec-WebSocket-Extensions: permessage-deflate"], ExtensionNotOffered),
        (extensions, &["Sec-WebSocket-Extensions: permessage-deflate; x=1, y"], ExtensionNotOffered),
        (extensions, &["Sec-WebSocket-Extensions: x", "Sec-WebSocket-Extensions: y"], ExtensionNotOffered),
        (extensions, &["Sec-WebSocket-Extensions: a;"], Invalid(extensions)),
        (extensions, &["Sec-WebSocket-Extensions: a; b=\"c d\""], Invalid(extensions)),
        (extensions, &["Sec-WebSocket-Extensions: ;"], Invalid(extensions)),
        (extensions, &["Sec-WebSocket-Extensions:", "Sec-WebSocket-Extensions: x"], ExtensionNotOffered),
        ("HTTP", &["HTTP/1.0 101 Switching Protocols"], MalformedHead),
        ("HTTP", &["HTTP/2 101 Switching Protocols"], MalformedHead),
        ("HTTP", &["HTTP/1.1 1010 Switching Protocols"], MalformedHead),
        ("HTTP", &["SSH-2.0-OpenSSH_9.6"], MalformedHead),
        ("HTTP", &["", "", "HTTP/1.1 101 Switching Protocols"], MalformedHead),
        ("X", &["X: y", " folded"], MalformedHead),
        ("X", &["X: y", "\tfolded: z"], MalformedHead),
        ("X", &["bad line", " "], MalformedHead),
        ("X", &["bad\0line"], MalformedHead),
        ("X", &["X: bad\0value"], MalformedHead),
        ("X", &["bad\rline: x"], MalformedHead),
        ("X", &["X: \u{1}"], MalformedHead),
    ];
    for (name, lines, error) in rows {
        assert_eq!(receive(&response_with(name, lines)), Err(error), "{lines:?}");
    }
    for bare in ["bad line\n", "bad line\r"] {
        let bytes = response_with("Upgrade", &["bad line", "Upgrade: websocket"]);
        let bytes = String::from_utf8(bytes).unwrap().replace("bad line\r\n", bare);
        assert_eq!(receive(bytes.as_bytes()), Err(MalformedHead), "{bytes:?}");
    }
    let bare = String::from_utf8(head(&LINES)).unwrap().replace("\r\n", "\n");
    assert_eq!(receive(bare.as_bytes()), Err(MalformedHead));
}

// req: 6455-7.2.1-b
#[test]
fn section_4_1_error_of_an_ended_handshake_stays_the_same() {
    let bytes = response_with("Upgrade", &[]);
    let (_, mut handshake) = receive_in([&bytes[..]]);
    assert_eq!(handshake.next_response().map(|_| ()), Err(Missing("Upgrade")));
    assert_eq!(handshake.end_of_stream(), Missing("Upgrade"));
    assert_eq!(handshake.time_out(), Missing("Upgrade"));
    for (end, error) in [
        (Handshake::end_of_stream as fn(&mut Handshake) -> HandshakeError, UnexpectedEof),
        (Handshake::time_out, TimedOut),
    ] {
        let (_, mut pending) = receive_in([&bytes[..20]]);
        assert_eq!(end(&mut pending), error);
        pending.receive(&bytes[20..]);
        assert_eq!(pending.next_response().map(|_| ()), Err(error));
    }
}

// attack: client-1, client-4
// req: 6455-4.1-al
#[test]
fn section_4_1_refusal_has_status_headers_and_body() {
    let rows: [(&[&str], &str, u16, &str); 6] = [
        (
            &["HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Basic", "Content-Length: 6"],
            "secret",
            401,
            "secret",
        ),
        (&["HTTP/1.1 302 Found", "Location: http://evil/", "Content-Length: 0"], "", 302, ""),
        (&["HTTP/1.1 200 OK", "Content-Length: 4"], "pagebehind", 200, "page"),
        (&["HTTP/1.0 503 Service Unavailable", "Content-Length: 1"], "x", 503, "x"),
        (&["HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 8", "Content-Length: 0"], "", 426, ""),
        (&["HTTP/1.1 404", "Content-Length: 1", "X: \u{ff}"], "x", 404, "x"),
    ];
    for (lines, rest, status, body) in rows {
        let bytes = [head(lines), rest.into()].concat();
        let Err(Refused(refusal)) = receive(&bytes) else { panic!("{lines:?}") };
        assert_eq!((refusal.status, &refusal.body[..]), (status, body.as_bytes()));
        let names = lines[1..].iter().map(|line| line.split_once(": ").unwrap().0);
        assert!(refusal.headers.iter().map(|(name, _)| &name[..]).eq(names));
        let (name, value) = lines[1].split_once(": ").unwrap();
        assert_eq!(refusal.header(&name.to_lowercase()), Some(value));
    }
}

// attack: client-1
#[test]
fn body_of_a_refusal_ends_with_the_stream_or_at_the_limit() {
    let start = b"HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: gzip\r\n\r\n";
    let body = |refused: HandshakeError| match refused {
        Refused(refusal) => {
            let Refusal { body, .. } = *refusal;
            body
        }
        error => panic!("{error:?}"),
    };
    let (outcome, mut handshake) = receive_in([&start[..], b"4\r\n", b"oops\r\n"]);
    assert!(outcome.unwrap().is_none());
    assert_eq!(body(handshake.end_of_stream()), b"4\r\noops\r\n", "a coding that is not decoded");

    let endless = vec![b'x'; 1000];
    let (outcome, _) = receive_in([&start[..]].into_iter().chain(core::iter::repeat_n(&endless[..], 40)));
    assert_eq!(body(outcome.map(|_| ()).unwrap_err()).len(), Config::default().max_head_len);
    let claim = b"HTTP/1.1 500 x\r\nContent-Length: 18446744073709551615\r\n\r\nx";
    let (outcome, mut handshake) = receive_in([&claim[..]]);
    assert!(outcome.unwrap().is_none());
    assert_eq!(body(handshake.end_of_stream()), b"x");
}

// attack: client-1
#[test]
fn endless_head_is_refused_at_the_limit() {
    let long = vec![b'x'; 1000];
    let start = b"HTTP/1.1 101 Switching Protocols\r\nX: ";
    let (outcome, _) = receive_in([&start[..]].into_iter().chain(core::iter::repeat_n(&long[..], 40)));
    assert_eq!(outcome.map(|_| ()), Err(HeadTooLong));
    let lines = [b"X: y\r\n"; 101];
    let start = b"HTTP/1.1 101 Switching Protocols\r\n";
    let (outcome, _) = receive_in([&start[..]].into_iter().chain(lines.iter().map(|line| &line[..])));
    assert_eq!(outcome.map(|_| ()), Err(TooManyHeaders));
}

// attack: client-2
#[test]
fn frames_behind_the_response_reach_the_connection() {
    let frames: [Frame<'_>; 3] = [(TEXT, b"early"), (PING, b"p"), (TEXT, b"bird")];
    let bytes = [head(&LINES), wire(Role::Client, &frames)].concat();
    for at in 1..bytes.len() {
        let (front, back) = bytes.split_at(at);
        let (outcome, _) = receive_in([front, back]);
        let (mut connection, _) = outcome.unwrap().unwrap();
        let outcome = feed(&mut connection, [&b""[..]]);
        assert_eq!(outcome.events, [text("early"), Got::Ping(b"p".to_vec()), text("bird")]);
        assert_eq!(outcome.output, wire(Role::Server, &[(PONG, b"p")]));
    }
}

// req: 6455-4.1-a, 6455-4.1-at, 6455-4.2.2-x
#[test]
fn section_4_both_roles_open_a_connection_with_each_other() {
    use sansocket::handshake::server;
    let mut client = handshake();
    let exchange = super::exchange(&written(client.output()));
    let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!() };
    let response = request.accept().subprotocol("superchat");
    let mut server = super::open(exchange, response).unwrap();
    server.send("in the same segment").unwrap();
    client.receive(&written(server.output()));
    let (mut client, _) = client.next_response().unwrap().unwrap();
    assert_eq!((client.subprotocol(), server.subprotocol()), (Some("superchat"), Some("superchat")));
    assert_eq!(feed(&mut client, [&b""[..]]).events, [text("in the same segment")]);
}

#[test]
fn interim_responses_are_skipped() {
    let continued = head(&["HTTP/1.1 100 Continue"]);
    let hints = head(&["HTTP/1.1 103 Early Hints", "Link: </chat.css>"]);
    assert!(receive(&[&continued[..], &hints, &head(&LINES)].concat()).unwrap().is_some());
    let Err(Refused(refusal)) =
        receive(&[&hints[..], b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"].concat())
    else {
        panic!()
    };
    assert_eq!((refusal.status, refusal.header("Link")), (404, None));
    assert_eq!(receive(&continued.repeat(9)), Err(MalformedHead));
}

#[test]
fn refusal_without_a_body_is_complete_with_its_head() {
    for status in [204, 304] {
        let Err(Refused(refusal)) = receive(&head(&[&format!("HTTP/1.1 {status} No Body")])) else {
            panic!("{status}")
        };
        assert_eq!((refusal.status, refusal.body), (status, vec![]));
    }
}

// req: 6455-4.1-aj
#[test]
fn section_4_1_client_sends_nothing_before_the_response() {
    let mut handshake = handshake();
    written(handshake.output());
    let mut opened = None;
    for byte in head(&LINES) {
        assert!(opened.is_none() && handshake.output().is_empty());
        handshake.receive(&[byte]);
        opened = handshake.next_response().unwrap();
    }
    let (mut connection, _) = opened.unwrap();
    assert!(handshake.output().is_empty() && connection.output().is_empty());
}

#[test]
fn content_length_with_a_sign_is_no_length() {
    // "Content-Length = 1*DIGIT" (RFC 9110 section 8.6): what is no length does not end the body.
    let (outcome, mut handshake) = receive_in([&b"HTTP/1.1 404 No\r\nContent-Length: +1\r\n\r\nxy"[..]]);
    assert!(outcome.unwrap().is_none());
    assert!(matches!(handshake.time_out(), Refused(refusal) if refusal.body == b"xy"));
}

#[test]
fn connection_is_handed_out_once() {
    let mut handshake = handshake();
    assert!(handshake.next_response().unwrap().is_none());
    handshake.receive(&head(&LINES));
    assert!(handshake.next_response().unwrap().is_some());
    for _ in 0..2 {
        assert_eq!(handshake.next_response().map(|_| ()), Err(Finished));
    }
    assert_eq!((handshake.end_of_stream(), handshake.time_out()), (Finished, Finished));
}

#[test]
#[should_panic(expected = "the connection was handed out")]
fn bytes_for_a_handshake_that_has_handed_out_its_connection_are_not_lost_silently() {
    let mut handshake = handshake();
    handshake.receive(&head(&LINES));
    assert!(handshake.next_response().unwrap().is_some());
    handshake.receive(b"frames");
}

#[test]
fn debug_shows_the_body_of_a_refusal_as_text() {
    let Err(Refused(refusal)) = receive(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno") else { panic!() };
    let headers = r#"[("Content-Length", "2")]"#;
    assert_eq!(
        format!("{refusal:?}"),
        format!(r#"Refusal {{ status: 404, headers: {headers}, body: "no" }}"#)
    );
}
