//! A request as HTTP, and the bytes before and behind it.

use super::Verdict::{Opens, Refuses};
use super::{Right, Row, agreed, many};
use crate::heads::Head;

pub(super) const ROWS: &[Row] = &[
    agreed("the method POST", "line", Refuses, |head| line(head, "POST / HTTP/1.1")).but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 1: \"GET request\"",
    ),
    agreed("the method `get`", "line", Refuses, |head| line(head, "get / HTTP/1.1")).but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 1: \"GET request\"",
    ),
    agreed("HTTP/1.0", "line", Refuses, |head| line(head, "GET / HTTP/1.0")).but(
        &["tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 1: \"HTTP/1.1 or higher\"",
    ),
    agreed("HTTP/2.0", "line", Refuses, |head| line(head, "GET / HTTP/2.0")),
    agreed("the target `*`", "line", Refuses, |head| line(head, "GET * HTTP/1.1")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 1: a path, or an absolute HTTP URI",
    ),
    agreed("the target `chat`", "line", Refuses, |head| line(head, "GET chat HTTP/1.1")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 1: a path, or an absolute HTTP URI",
    ),
    agreed("the target `example.com:80`", "line", Refuses, |head| line(head, "GET example.com:80 HTTP/1.1"))
        .but(
            &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
            Right::Ours,
            "RFC 6455 section 4.2.1, item 1: a path, or an absolute HTTP URI",
        ),
    agreed("a target of the host itself", "line", Opens, |head| {
        line(head, "GET http://example.com/ HTTP/1.1")
    }),
    agreed("a target of another host", "line", Refuses, |head| {
        line(head, "GET http://example.org/ HTTP/1.1")
    })
    .but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 9112 section 3.2: `Host` is \"identical to that authority component\"",
    ),
    agreed("a fragment in the target", "line", Refuses, |head| line(head, "GET /#a HTTP/1.1")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 3: fragments \"MUST NOT be used on these URIs\"",
    ),
    agreed("a byte of UTF-8 in the target", "line", Refuses, |head| line(head, "GET /\u{e9} HTTP/1.1")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 3986 section 2: a URI consists of ASCII characters",
    ),
    agreed("`{` in the target", "line", Opens, |head| line(head, "GET /{ HTTP/1.1")),
    agreed("`\\` in the target", "line", Opens, |head| line(head, "GET /\\ HTTP/1.1")),
    agreed("`Content-Length: 0`", "body", Opens, |head| head.add("Content-Length", "0")),
    agreed("a body of five bytes", "body", Refuses, |head| {
        head.add("Content-Length", "5");
        head.after = b"12345".to_vec();
    })
    .but(
        &["fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 9112 section 6.3: these bytes are a body, and would be read as frames",
    ),
    agreed("a body in chunks", "body", Refuses, |head| {
        head.add("Transfer-Encoding", "chunked");
        head.after = b"5\r\n12345\r\n".to_vec();
    })
    .but(
        &["fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 9112 section 6.3: these bytes are a body, and would be read as frames",
    ),
    agreed("a frame behind it", "body", Opens, |head| head.after = b"\x81\x80\0\0\0\0".to_vec()).but(
        &["tungstenite"],
        Right::Either,
        "RFC 6455 section 4.1: the client \"MUST wait for a response\"; the RFC does not say what a server \
         does with one that did not",
    ),
    agreed("lines that end with LF alone", "newline", Refuses, |head| head.newline = "\n").but(
        &["tungstenite", "fastwebsockets", "tokio-websockets"],
        Right::Either,
        "RFC 9112 section 2.2: \"a recipient MAY recognize a single LF as a line terminator\"",
    ),
    agreed("an empty line before it", "before", Opens, |head| head.before = b"\r\n".to_vec()),
    agreed("white space before a colon", "syntax", Refuses, |head| head.add("A ", "b")),
    agreed("a folded line", "syntax", Refuses, |head| head.add("A", "b\r\n c")),
    agreed("a name that is no token", "syntax", Refuses, |head| head.add("A(", "b")),
    agreed("an empty name", "syntax", Refuses, |head| head.add("", "b")),
    agreed("a control character in a value", "syntax", Refuses, |head| head.add("A", "b\x01")),
    agreed("NUL in a value", "syntax", Refuses, |head| head.add("A", "b\0")),
    agreed("a tab in a value", "syntax", Opens, |head| head.add("A", "b\tc")),
    agreed("a value that is not ASCII", "syntax", Opens, |head| head.add("A", b"\xe9")),
    agreed("an empty value", "syntax", Opens, |head| head.add("A", "")),
    agreed("40 headers", "count", Opens, |head| many(head, 40)).but(
        &["soketto"],
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
    agreed("20 KiB", "length", Opens, |head| head.add("Cookie", "x".repeat(20 << 10))).but(
        &["soketto"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
    agreed("40 KiB", "length", Refuses, |head| head.add("Cookie", "x".repeat(40 << 10))).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
    agreed("1 MiB", "length", Refuses, |head| head.add("Cookie", "x".repeat(1 << 20))).but(
        &["tokio-websockets"],
        Right::Either,
        "RFC 9110 section 5.4: \"HTTP does not place a predefined limit\"",
    ),
];

fn line(head: &mut Head, line: &str) {
    head.first = line.into();
}
