//! A response as HTTP, and the bytes before and behind it.

use super::Verdict::{Opens, Refuses};
use super::{Right, Row, agreed, many};
use crate::heads::Head;

pub(super) const ROWS: &[Row] = &[
    agreed("the status 200", "line", Refuses, |head| line(head, "HTTP/1.1 200 OK")),
    agreed("the status 404", "line", Refuses, |head| line(head, "HTTP/1.1 404 Not Found")),
    agreed("the status 302", "line", Refuses, |head| {
        line(head, "HTTP/1.1 302 Found");
        head.add("Location", "http://example.org/");
    }),
    agreed("no reason phrase", "line", Opens, |head| line(head, "HTTP/1.1 101 ")),
    agreed("no reason phrase, and no space before it", "line", Opens, |head| line(head, "HTTP/1.1 101")),
    agreed("HTTP/1.0", "line", Refuses, |head| line(head, "HTTP/1.0 101 Switching Protocols")).but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 9110 section 15.2: \"HTTP/1.0 did not define any 1xx status codes\"",
    ),
    agreed("HTTP/2.0", "line", Refuses, |head| line(head, "HTTP/2.0 101 Switching Protocols")),
    agreed("an interim response before it", "before", Opens, |head| {
        head.before = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec();
    })
    .but(
        &["tungstenite", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 9110 section 15.2: \"A client MUST be able to parse one or more 1xx responses \
         received prior to a final response\"",
    ),
    agreed("an empty line before it", "before", Opens, |head| head.before = b"\r\n".to_vec()),
    agreed("`Content-Length: 0`", "body", Opens, |head| head.add("Content-Length", "0")),
    agreed("`Transfer-Encoding: chunked`", "body", Opens, |head| head.add("Transfer-Encoding", "chunked")),
    agreed("a frame behind it", "body", Opens, |head| head.after = b"\x81\x00".to_vec()),
    agreed("lines that end with LF alone", "newline", Refuses, |head| head.newline = "\n").but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9112 section 2.2: \"a recipient MAY recognize a single LF as a line terminator\"",
    ),
    agreed("white space before a colon", "syntax", Opens, |head| head.add("A ", "b")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9112 section 5: field lines; it does not say what a client does with another line",
    ),
    agreed("a folded line", "syntax", Refuses, |head| head.add("A", "b\r\n c")),
    agreed("a name that is no token", "syntax", Opens, |head| head.add("A(", "b")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9112 section 5: field lines; it does not say what a client does with another line",
    ),
    agreed("an empty name", "syntax", Opens, |head| head.add("", "b")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9112 section 5: field lines; it does not say what a client does with another line",
    ),
    agreed("a control character in a value", "syntax", Refuses, |head| head.add("A", "b\x01")),
    agreed("a value that is not ASCII", "syntax", Opens, |head| head.add("A", b"\xe9")),
    agreed("40 headers", "count", Opens, |head| many(head, 40)).but(
        &["tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
    agreed("80 headers", "count", Opens, |head| many(head, 80)).but(
        &["tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
    agreed("110 headers", "count", Refuses, |head| many(head, 110)).but(
        &["tungstenite"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
    agreed("200 headers", "count", Refuses, |head| many(head, 200)),
    agreed("20 KiB", "length", Opens, |head| head.add("Cookie", "x".repeat(20 << 10))),
    agreed("40 KiB", "length", Refuses, |head| head.add("Cookie", "x".repeat(40 << 10))).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
    agreed("1 MiB", "length", Refuses, |head| head.add("Cookie", "x".repeat(1 << 20))).but(
        &["tokio-websockets", "soketto"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
];

fn line(head: &mut Head, line: &str) {
    head.first = line.into();
}
