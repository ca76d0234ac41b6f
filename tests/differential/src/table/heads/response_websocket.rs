//! Sections 4.1 and 11.3: the headers with which a response opens a connection.

use super::Verdict::{Opens, Refuses};
use super::{Right, Row, agreed};
use crate::heads::Head;
use crate::stream::ACCEPT;

pub(super) const ROWS: &[Row] = &[
    agreed("nothing unusual", "nothing", Opens, |_| {}),
    agreed("no `Upgrade`", "Upgrade", Refuses, |head| head.remove("Upgrade")).but(
        &["tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 2 on the response",
    ),
    agreed("`Upgrade: WebSocket`", "Upgrade", Opens, |head| head.set("Upgrade", "WebSocket")),
    agreed("`Upgrade: h2c`", "Upgrade", Refuses, |head| head.set("Upgrade", "h2c")).but(
        &["tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 2 on the response",
    ),
    agreed("`Upgrade: h2c, websocket`", "Upgrade", Refuses, |head| head.set("Upgrade", "h2c, websocket"))
        .but(
            &["tokio-websockets", "soketto"],
            Right::Ours,
            "RFC 6455 section 4.1, item 2: \"an ASCII case-insensitive match for the value \
             'websocket'\"",
        ),
    agreed("`Upgrade: websocket` before `Upgrade: h2c`", "Upgrade", Refuses, |head| {
        head.set("Upgrade", "websocket");
        head.add("Upgrade", "h2c");
    })
    .but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.1, item 2, and RFC 9110 section 5.3: both lines are one value",
    ),
    agreed("no `Connection`", "Connection", Refuses, |head| head.remove("Connection")).but(
        &["tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 3 on the response",
    ),
    agreed("`Connection: keep-alive, upgrade`", "Connection", Opens, |head| {
        head.set("Connection", "keep-alive, upgrade");
    })
    .but(
        &["tungstenite", "fastwebsockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 3: it contains \"a token that is an ASCII case-insensitive \
         match\"",
    ),
    agreed("`Connection: keep-alive` before `Connection: Upgrade`", "Connection", Opens, |head| {
        head.set("Connection", "keep-alive");
        head.add("Connection", "Upgrade");
    })
    .but(
        &["tungstenite", "fastwebsockets"],
        Right::Ours,
        "RFC 9110 section 5.3: lines of one name are one list",
    ),
    agreed("`Connection: keep-alive`", "Connection", Refuses, |head| head.set("Connection", "keep-alive"))
        .but(&["tokio-websockets"], Right::Ours, "RFC 6455 section 4.1, item 3 on the response"),
    agreed("`Connection: no-upgrade`", "Connection", Refuses, |head| head.set("Connection", "no-upgrade"))
        .but(&["tokio-websockets"], Right::Ours, "RFC 6455 section 4.1, item 3 on the response"),
    agreed("no `Sec-WebSocket-Accept`", "Accept", Refuses, |head| head.remove("Sec-WebSocket-Accept")).but(
        &["fastwebsockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 4 on the response: \"MUST _Fail the WebSocket Connection_\"",
    ),
    agreed("another `Sec-WebSocket-Accept`", "Accept", Refuses, |head| {
        head.set("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    })
    .but(
        &["fastwebsockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 4 on the response: \"MUST _Fail the WebSocket Connection_\"",
    ),
    agreed("white space around `Sec-WebSocket-Accept`", "Accept", Opens, |head| {
        head.set("Sec-WebSocket-Accept", format!(" {ACCEPT} "));
    }),
    agreed("`Sec-WebSocket-Accept` twice", "Accept", Refuses, |head| {
        head.add("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    })
    .but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 11.3.3: \"MUST NOT appear more than once\"",
    ),
    agreed("an extension that was not offered", "Extensions", Refuses, |head| {
        head.add("Sec-WebSocket-Extensions", "permessage-deflate");
    })
    .but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.1, item 5 on the response: \"MUST _Fail the WebSocket Connection_\"",
    ),
    agreed("malformed `Sec-WebSocket-Extensions`", "Extensions", Refuses, |head| {
        head.add("Sec-WebSocket-Extensions", "; =");
    })
    .but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 9.1: \"the recipient of such malformed data MUST immediately _Fail \
         the WebSocket Connection_\"",
    ),
    agreed("a subprotocol where none was offered", "Protocol", Refuses, |head| {
        head.add("Sec-WebSocket-Protocol", "chat");
    })
    .but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 6 on the response: \"MUST _Fail the WebSocket Connection_\"",
    ),
    agreed("the subprotocol that was offered", "Protocol", Opens, |head| protocols(head, &["chat"])),
    agreed("another subprotocol than was offered", "Protocol", Refuses, |head| {
        protocols(head, &["superchat"])
    })
    .but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 6 on the response: \"MUST _Fail the WebSocket Connection_\"",
    ),
    agreed("the subprotocol in another case", "Protocol", Refuses, |head| protocols(head, &["Chat"])).but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.1, item 6 on the response: \"MUST _Fail the WebSocket Connection_\"",
    ),
    agreed("the subprotocol twice", "Protocol", Refuses, |head| protocols(head, &["chat", "chat"])).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 11.3.4: \"MUST NOT appear more than once in an HTTP response\"",
    ),
    agreed("no subprotocol where one was offered", "Protocol", Opens, |head| protocols(head, &[])).but(
        &["tungstenite"],
        Right::Ours,
        "RFC 6455 section 4.2.2: a server that agrees to none \"MUST NOT send back a \
         `Sec-WebSocket-Protocol` header field\"",
    ),
];

/// The client offered `chat`, and the server chose.
fn protocols(head: &mut Head, chosen: &[&str]) {
    head.offers = true;
    chosen.iter().for_each(|name| head.add("Sec-WebSocket-Protocol", name));
}
