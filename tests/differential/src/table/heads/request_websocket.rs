//! Sections 4.2.1 and 11.3: the headers with which a request asks for a WebSocket connection.

use super::Verdict::{Opens, Refuses};
use super::{Right, Row, agreed};

pub(super) const ROWS: &[Row] = &[
    agreed("nothing unusual", "nothing", Opens, |_| {}),
    agreed("no `Host`", "Host", Refuses, |head| head.remove("Host")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 2",
    ),
    agreed("`Host` twice", "Host", Refuses, |head| head.repeat("Host")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 9112 section 3.2: 400 for \"more than one Host header field line\"",
    ),
    agreed("an empty `Host`", "Host", Refuses, |head| head.set("Host", "")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 2: \"containing the server's authority\"",
    ),
    agreed("no `Upgrade`", "Upgrade", Refuses, |head| head.remove("Upgrade")),
    agreed("`Upgrade: WebSocket`", "Upgrade", Opens, |head| head.set("Upgrade", "WebSocket")),
    agreed("`Upgrade: h2c`", "Upgrade", Refuses, |head| head.set("Upgrade", "h2c")),
    agreed("`Upgrade: h2c, websocket`", "Upgrade", Opens, |head| head.set("Upgrade", "h2c, websocket")).but(
        &["tungstenite", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 3: \"containing the value 'websocket'\"",
    ),
    agreed("`Upgrade: h2c` before `Upgrade: websocket`", "Upgrade", Opens, |head| {
        head.set("Upgrade", "h2c");
        head.add("Upgrade", "websocket");
    })
    .but(&["tungstenite"], Right::Ours, "RFC 9110 section 5.3: lines of one name are one list"),
    agreed("`Upgrade: websockets`", "Upgrade", Refuses, |head| head.set("Upgrade", "websockets")),
    agreed("no `Connection`", "Connection", Refuses, |head| head.remove("Connection")),
    agreed("`Connection: keep-alive, upgrade`", "Connection", Opens, |head| {
        head.set("Connection", "keep-alive, upgrade");
    }),
    agreed("`Connection: keep-alive` before `Connection: Upgrade`", "Connection", Opens, |head| {
        head.set("Connection", "keep-alive");
        head.add("Connection", "Upgrade");
    })
    .but(&["tungstenite"], Right::Ours, "RFC 9110 section 5.3: lines of one name are one list"),
    agreed("`Connection: keep-alive`", "Connection", Refuses, |head| head.set("Connection", "keep-alive")),
    agreed("`Connection: no-upgrade`", "Connection", Refuses, |head| head.set("Connection", "no-upgrade"))
        .but(&["tokio-websockets"], Right::Ours, "RFC 6455 section 4.2.1, item 4: \"the token 'Upgrade'\""),
    agreed("`Connection: close upgrade`", "Connection", Refuses, |head| {
        head.set("Connection", "close upgrade")
    })
    .but(
        &["tungstenite", "tokio-websockets"],
        Right::Ours,
        "RFC 9110 section 5.6.1: elements of a list are separated by commas",
    ),
    agreed("no `Sec-WebSocket-Key`", "Key", Refuses, |head| head.remove("Sec-WebSocket-Key")),
    agreed("an empty `Sec-WebSocket-Key`", "Key", Refuses, |head| head.set("Sec-WebSocket-Key", "")).but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 5: \"when decoded, is 16 bytes in length\"",
    ),
    agreed("a key of 15 bytes", "Key", Refuses, |head| {
        head.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j");
    })
    .but(
        &["fastwebsockets", "tokio-websockets"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 5: \"when decoded, is 16 bytes in length\"",
    ),
    agreed("a key of 17 bytes", "Key", Refuses, |head| {
        head.set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZTE=");
    })
    .but(
        &["fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 5: \"when decoded, is 16 bytes in length\"",
    ),
    agreed("a key that is not base64", "Key", Refuses, |head| {
        head.set("Sec-WebSocket-Key", "????????????????????????");
    })
    .but(
        &["fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.2.1, item 5: \"base64-encoded\"",
    ),
    agreed("the key in RFC 6455 section 4.1, whose last bits are not zero", "Key", Opens, |head| {
        head.set("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC==");
    })
    .but(
        &["tungstenite"],
        Right::Either,
        "RFC 4648 section 3.5: decoders \"MAY\" refuse it; erratum 3150",
    ),
    agreed("`Sec-WebSocket-Key` twice", "Key", Refuses, |head| head.repeat("Sec-WebSocket-Key")).but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 11.3.1: \"MUST NOT appear more than once\"",
    ),
    agreed("no `Sec-WebSocket-Version`", "Version", Refuses, |head| head.remove("Sec-WebSocket-Version")),
    agreed("version 8", "Version", Refuses, |head| head.set("Sec-WebSocket-Version", "8")),
    agreed("version 013", "Version", Refuses, |head| head.set("Sec-WebSocket-Version", "013")),
    agreed("the versions `8, 13`", "Version", Refuses, |head| head.set("Sec-WebSocket-Version", "8, 13"))
        .but(&["soketto"], Right::Ours, "RFC 6455 section 4.3: one version"),
    agreed("`Sec-WebSocket-Version` twice", "Version", Refuses, |head| head.repeat("Sec-WebSocket-Version"))
        .but(
            &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
            Right::Ours,
            "RFC 6455 section 11.3.5: \"MUST NOT appear more than once\"",
        ),
    agreed("an extension offered", "Extensions", Opens, |head| {
        head.add("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
    }),
    agreed("malformed `Sec-WebSocket-Extensions`", "Extensions", Refuses, |head| {
        head.add("Sec-WebSocket-Extensions", "; =");
    })
    .but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 9.1: \"the recipient of such malformed data MUST immediately _Fail \
         the WebSocket Connection_\"",
    ),
    agreed("subprotocols offered", "Protocol", Opens, |head| {
        head.add("Sec-WebSocket-Protocol", "chat, superchat")
    }),
    agreed("a subprotocol that is not a token", "Protocol", Refuses, |head| {
        head.add("Sec-WebSocket-Protocol", "super chat");
    })
    .but(
        &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        Right::Ours,
        "RFC 6455 section 4.3: a list of tokens",
    ),
    agreed("a subprotocol offered twice", "Protocol", Opens, |head| {
        head.add("Sec-WebSocket-Protocol", "chat, chat");
    }),
];
