//! Extensions: sections 5.8 and 9, and what RFC 7692 requires without compression. None is supported here but those that the
//! caller passes on.

use sansocket::handshake::client;
use sansocket::handshake::extensions::{Extension, parse};
use sansocket::{Config, HandshakeError, ProtocolError, Role};

use super::*;
use crate::common::*;

const OFFERS: [&str; 4] = [
    "permessage-deflate",
    "permessage-deflate; client_max_window_bits, permessage-deflate",
    "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=10",
    "foo; bar=\"baz\"",
];

// req: 6455-9-d, 6455-9.1-c, 6455-9.1-d
#[test]
fn section_9_1_client_offers_no_extension() {
    let request = client::Request::new("ws://example.com/").unwrap();
    let handshake = |request| client::Handshake::with_nonce(&request, Config::default(), [0; 16], SameKey);
    let head = written(handshake(request.clone()).unwrap().output());
    assert!(!parts(&head).0.iter().any(|line| line.starts_with("sec-websocket-extensions")));
    for name in ["Sec-WebSocket-Extensions", "sec-websocket-extensions"] {
        let refused = handshake(request.clone().header(name, "permessage-deflate"));
        assert_eq!(refused.map(|_| ()), Err(HandshakeError::BadHeader(name.into())));
    }
}

// req: 6455-4.2.2-o, 6455-4.2.2-p, 6455-4.2.2-y, 6455-9-c, 6455-9-d, 7692-5-o
#[test]
fn section_4_2_2_server_accepts_no_extension() {
    let offers = OFFERS.map(|offer| vec![format!("Sec-WebSocket-Extensions: {offer}")]);
    for offer in offers.into_iter().chain([vec![]]) {
        let lines: Vec<_> = offer.iter().map(String::as_str).collect();
        let bytes = request_with("Sec-WebSocket-Extensions", &lines);
        let mut connection = open(exchange(&bytes), upgrade(&bytes).accept()).unwrap();
        let (lines, _) = parts(&written(connection.output()));
        assert_eq!(lines[0], "http/1.1 101 switching protocols");
        assert!(!lines.iter().any(|line| line.starts_with("sec-websocket-extensions")), "{offer:?}");
    }
}

// req: 6455-5.2-b, 6455-5.2-c, 6455-5.8-a, 7692-5-p, 7692-6.1-c
#[test]
fn section_5_8_extension_that_was_only_offered_is_not_in_use() {
    let line = format!("Sec-WebSocket-Extensions: {}", OFFERS[1]);
    let request = request_with("Sec-WebSocket-Extensions", &[&line]);
    // "Hello" as RFC 7692 section 7.2.3.1 compresses it.
    let compressed: Frame<'_> = (TEXT | 0x40, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    let bytes = [request, wire(Role::Server, &[(TEXT, b"Hello"), compressed])].concat();
    let exchange = exchange(&bytes);
    let Incoming::Upgrade(request) = exchange.incoming() else { panic!() };
    let response = request.accept();
    let mut connection = open(exchange, response).unwrap();
    written(connection.output());
    connection.send("Hello").unwrap();
    let outcome = feed(&mut connection, [&b""[..]]);
    let error = ProtocolError::ReservedBits;
    let close = close_body(1002, error.as_str());
    let output = wire(Role::Client, &[(TEXT, b"Hello"), (CLOSE, &close)]);
    assert_eq!(outcome, Outcome { events: vec![text("Hello")], error: Some(error), output });
}

// req: 6455-9.1-a
#[test]
fn section_9_1_lists_are_parsed_as_the_model_does() {
    let rows = [
        "foo, bar",
        "foo;bar;baz=2",
        "foo ; bar = \"1\"\t,,",
        "foo; bar=\"b\\az\"",
        "a;b=\"1\";c, d;e=\"2\"",
        "",
        ",",
        "foo bar",
        "foo;",
        "foo; =1",
        "foo; bar=",
        "foo; bar=\"\"",
        "foo; bar=\"a,b\"",
        "foo; bar=\"a;b\"",
        "foo; bar=\"1\"2",
        "foo; bar=\"open",
        "foo; bar=\"open\\",
        "foo; \"bar\"=1",
        "foo; bar=1=2",
        "f\u{e9}e",
    ];
    for row in OFFERS.into_iter().chain(rows) {
        crate::seeds::keep("extensions", row.as_bytes());
        crate::model::extensions::check(row.as_bytes());
    }
}

/// The extensions in a value of the header.
fn extensions(value: &str) -> Vec<Extension<'_>> {
    parse(value.as_bytes()).unwrap()
}

/// The value of the header in a head, if it has one line of it.
fn extension_line(head: &[u8]) -> Option<String> {
    let lines = String::from_utf8(head.to_vec()).unwrap();
    let mut values = lines.split("\r\n").filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let value = values.next().map(String::from);
    assert_eq!(values.next(), None);
    value
}

// req: 6455-9.1-a
#[test]
fn section_9_1_caller_offers_extensions_and_judges_what_the_server_chose() {
    let offered = extensions("x-a; b; c=\"1\", x-a, x-d");
    let request = client::Request::new("ws://example.com/").unwrap();
    let request = offered.iter().fold(request, client::Request::extension);
    let rows: [(&str, Result<&[&str], HandshakeError>); 6] = [
        ("", Ok(&[])),
        ("x-a", Ok(&["x-a"])),
        ("x-d; new=2, x-a;b", Ok(&["x-d; new=2", "x-a; b"])),
        ("x-e", Err(HandshakeError::ExtensionNotOffered)),
        ("x-a, x-e", Err(HandshakeError::ExtensionNotOffered)),
        ("x-a; =", Err(HandshakeError::Invalid("Sec-WebSocket-Extensions"))),
    ];
    for (chosen, expected) in rows {
        let mut handshake =
            client::Handshake::with_nonce(&request, Config::default(), *b"the sample nonce", SameKey)
                .unwrap();
        assert_eq!(extension_line(&written(handshake.output())).as_deref(), Some("x-a; b; c=1, x-a, x-d"));
        let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        let chosen_line = format!("Sec-WebSocket-Extensions: {chosen}");
        let upgrade = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
        handshake.receive(&head(&[&upgrade[..], &[accept, &chosen_line]].concat()));
        let opened = handshake.next_response().map(|opened| {
            let (_, response) = opened.unwrap();
            response.extensions().map(|extension| extension.to_string()).collect::<Vec<_>>()
        });
        let expected = expected.map(|list| list.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(opened, expected, "{chosen}");
    }
}

#[test]
fn section_9_1_caller_chooses_extensions() {
    let bytes = request_with("Sec-WebSocket-Extensions", &["Sec-WebSocket-Extensions: x-a; b=\"c\", x-d"]);
    let request = upgrade(&bytes);
    let response = request.extensions().fold(request.accept(), |response, offer| response.extension(&offer));
    let mut connection = open(exchange(&bytes), response).unwrap();
    assert_eq!(extension_line(&written(connection.output())).as_deref(), Some("x-a; b=c, x-d"));
}

#[test]
fn section_9_1_extension_that_cannot_be_sent_is_an_error() {
    let bad = HandshakeError::BadHeader("Sec-WebSocket-Extensions".into());
    let extension = |name, params| Extension { name, params };
    let request = upgrade(&request_with("Origin", &[]));
    for unsendable in [
        extension("", vec![]),
        extension("x,y", vec![]),
        extension("x", vec![("", None)]),
        extension("x", vec![("a\r\nb", None)]),
        extension("x", vec![("a", Some("".into()))]),
        extension("x", vec![("a", Some("1; b".into()))]),
    ] {
        let asking = client::Request::new("ws://example.com/").unwrap().extension(&unsendable);
        assert_eq!(asking.check(), Err(bad.clone()), "{unsendable}");
        assert_eq!(request.accept().extension(&unsendable).check(), Err(bad.clone()), "{unsendable}");
    }
    assert_eq!(request.reject(403).extension(&extension("x", vec![])).check(), Err(bad));
}
