//! Requests that a server refuses: sections 4.2.1, 4.4 and 11.3.

use sansocket::HandshakeError::{self, *};

use super::*;

/// The request of section 1.2, with these lines for the line that begins with the name, gives this error and status.
fn refused(rows: &[(&str, &[&str], HandshakeError, u16)]) {
    for (name, lines, error, status) in rows {
        assert_eq!(refusal(&request_with(name, lines)), (error.clone(), *status), "{lines:?}");
    }
}

// attack: server-5
// req: 6455-4.2.1-a, 6455-4.2.1-b, 6455-4.2.1-c, 6455-4.2.1-d
#[test]
fn section_4_2_1_bad_request_line_is_refused() {
    refused(&[
        ("GET", &["POST /chat HTTP/1.1"], MethodNotGet, 405),
        ("GET", &["get /chat HTTP/1.1"], MethodNotGet, 405),
        ("GET", &["GET /chat HTTP/1.0"], MalformedHead, 400),
        ("GET", &["GET /chat HTTP/2.0"], MalformedHead, 400),
        ("GET", &["GET /chat"], MalformedHead, 400),
        ("GET", &["GET * HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET chat HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET ?chat HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET server.example.com:80 HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET ftp://server.example.com/chat HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET ws:/chat HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET ws:///chat HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET wss://user@server.example.com/chat HTTP/1.1"], Invalid("Host"), 400),
        ("GET", &["OPTIONS * HTTP/1.1"], MethodNotGet, 405),
        ("GET", &["GET http:///chat HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET http://?chat HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET http:// HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET /chat#top HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET /caf\u{e9} HTTP/1.1"], BadTarget, 400),
        ("GET", &["GET /ch at HTTP/1.1"], MalformedHead, 400),
        ("GET", &["GET  /chat HTTP/1.1"], MalformedHead, 400),
        ("GET", &["GET /chat HTTP/1.1 "], MalformedHead, 400),
    ]);
    let (_, answer) = receive(&request_with("GET", &["POST /chat HTTP/1.1"]));
    assert!(parts(&answer).0.contains(&"allow: get".into()));
}

// req: 6455-4.2.1-a, 6455-4.2.1-e, 6455-4.2.1-f, 6455-4.2.1-g, 6455-4.2.1-h, 6455-4.2.1-i
#[test]
fn section_4_2_1_missing_header_is_refused() {
    for name in ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key"] {
        assert_eq!(refusal(&request_with(name, &[])), (Missing(name), 400));
    }
    assert_eq!(refusal(&request_with("Sec-WebSocket-Version", &[])), (UnsupportedVersion, 426));
}

// req: 6455-11.3.1-a, 6455-11.3.5-b
#[test]
fn section_11_3_duplicate_header_is_refused() {
    let once = [
        ("Host", "Host: server.example.com"),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13"),
        ("Origin", "Origin: http://example.com"),
    ];
    for (name, line) in once {
        assert_eq!(refusal(&request_with(name, &[line, line])), (Duplicate(name), 400));
        let lower = line.replacen(name, &name.to_lowercase(), 1);
        assert_eq!(refusal(&request_with(name, &[line, "X: y", &lower])), (Duplicate(name), 400));
    }
}

// attack: server-2, server-3, server-5, server-6
// req: 6455-4.2.1-a, 6455-4.2.1-e, 6455-4.2.1-f, 6455-4.2.1-g, 6455-4.2.1-h, 6455-4.2.1-l, 6455-4.2.1-m, 6455-4.3-a, 6455-4.3-b, 6455-4.3-d, 6455-9.1-a, 6455-10.7-d
#[test]
fn section_4_2_1_unacceptable_header_is_refused() {
    let (key, protocol) = ("Sec-WebSocket-Key", "Sec-WebSocket-Protocol");
    let extensions = "Sec-WebSocket-Extensions";
    refused(&[
        ("Host", &["Host:"], Invalid("Host"), 400),
        ("Upgrade", &["Upgrade: notwebsocket"], Invalid("Upgrade"), 400),
        ("Upgrade", &["Upgrade: websocket2"], Invalid("Upgrade"), 400),
        ("Upgrade", &["Upgrade: web socket"], Invalid("Upgrade"), 400),
        ("Connection", &["Connection: close"], Invalid("Connection"), 400),
        ("Connection", &["Connection: notupgrade"], Invalid("Connection"), 400),
        ("Connection", &["Connection: keep-alive, Upgrades"], Invalid("Connection"), 400),
        ("Connection", &["Connection: keep-alive Upgrade"], Invalid("Connection"), 400),
        (key, &["Sec-WebSocket-Key:"], Invalid(key), 400),
        (key, &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"], Invalid(key), 400),
        (key, &["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="], Invalid(key), 400),
        (key, &["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, x"], Invalid(key), 400),
        (key, &["Sec-WebSocket-Key: dGhlIHNh bXBsZSBub25jZQ=="], Invalid(key), 400),
        (protocol, &["Sec-WebSocket-Protocol: a b"], Invalid(protocol), 400),
        (protocol, &["Sec-WebSocket-Protocol: a;b"], Invalid(protocol), 400),
        (protocol, &["Sec-WebSocket-Protocol: a, \"b\""], Invalid(protocol), 400),
        (protocol, &["Sec-WebSocket-Protocol:", "Sec-WebSocket-Protocol: a b"], Invalid(protocol), 400),
        (protocol, &["Sec-WebSocket-Protocol: caf\u{e9}"], Invalid(protocol), 400),
        (extensions, &["Sec-WebSocket-Extensions: a;"], Invalid(extensions), 400),
        (extensions, &["Sec-WebSocket-Extensions: ;"], Invalid(extensions), 400),
        (extensions, &["Sec-WebSocket-Extensions: a;, b"], Invalid(extensions), 400),
        (
            extensions,
            &["Sec-WebSocket-Extensions:", "Sec-WebSocket-Extensions: a;"],
            Invalid(extensions),
            400,
        ),
        (extensions, &["Sec-WebSocket-Extensions: a; b=\"c"], Invalid(extensions), 400),
        (
            extensions,
            &["Sec-WebSocket-Extensions: a", "Sec-WebSocket-Extensions: b c"],
            Invalid(extensions),
            400,
        ),
        ("Content-Length", &["Content-Length: 5"], UnexpectedBody, 400),
        ("Content-Length", &["Content-Length: 0", "Content-Length: 5"], UnexpectedBody, 400),
        ("Transfer-Encoding", &["Transfer-Encoding: chunked"], UnexpectedBody, 400),
    ]);
}

// req: 6455-2.1-a
#[test]
fn section_2_1_only_ascii_case_is_ignored() {
    // Unicode folds the Kelvin sign to k and the long s to s.
    refused(&[
        ("Upgrade", &["Upgrade: websoc\u{212a}et"], Invalid("Upgrade"), 400),
        ("Upgrade", &["Upgrade: web\u{17f}ocket"], Invalid("Upgrade"), 400),
    ]);
}

// req: 6455-4.2.1-a, 6455-8.1-a
#[test]
fn section_8_1_header_that_is_not_utf_8_is_refused() {
    let rows = [
        ("GET", "GET /ch\u{1}at HTTP/1.1"),
        ("Upgrade", "Upgrade: websocket\u{1}"),
        ("Connection", "Connection: Upgrade\u{1}"),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\u{1}Q=="),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13\u{1}"),
        ("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: caf\u{1}"),
        ("Sec-WebSocket-Extensions", "Sec-WebSocket-Extensions: foo; bar=\"\u{1}\""),
    ];
    for (name, line) in rows {
        let mut bytes = request_with(name, &[line]);
        let at = bytes.iter().position(|byte| *byte == 1).unwrap();
        bytes[at] = 0xE9;
        let (_, status) = refusal(&bytes);
        assert!(matches!(status, 400 | 426), "{}: {status}", bytes.escape_ascii());
    }
}

// attack: server-4
// req: 6455-4.2.1-i, 6455-4.2.2-i, 6455-4.3-c, 6455-4.3-g, 6455-4.4-b
#[test]
fn section_4_4_other_version_is_answered_with_ours() {
    for version in ["8", "0", "14", "014", "13, 8", "13 8", "", "255", "1e1", "+13", "13;"] {
        let bytes = request_with("Sec-WebSocket-Version", &[&format!("Sec-WebSocket-Version: {version}")]);
        assert_eq!(refusal(&bytes), (UnsupportedVersion, 426), "{version}");
        let (lines, _) = parts(&receive(&bytes).1);
        assert!(lines.contains(&"sec-websocket-version: 13".into()), "{lines:?}");
        assert!(lines.contains(&"upgrade: websocket".into()), "{lines:?}");
        // "A sender of Upgrade MUST also send an 'Upgrade' connection option" (RFC 9110 section 7.8).
        assert!(lines.contains(&"connection: close, upgrade".into()), "{lines:?}");
    }
    // What another version asks of the other headers is not known.
    let hixie =
        ["GET / HTTP/1.1", "Host: a", "Upgrade: WebSocket", "Connection: Upgrade", "Sec-WebSocket-Key1: 1"];
    assert_eq!(refusal(&head(&hixie)), (UnsupportedVersion, 426));
}

// attack: server-5
// req: 6455-4.2.1-a
#[test]
fn refusal_closes_and_has_a_content_length() {
    let broken = [
        request_with("Sec-WebSocket-Version", &[]),
        request_with("Host", &[]),
        request_with("GET", &["PUT / HTTP/1.1"]),
        request_with("X", &["bad line"]),
    ];
    for bytes in broken {
        let (lines, body) = parts(&receive(&bytes).1);
        assert!(lines.iter().any(|line| line.starts_with("connection: close")), "{lines:?}");
        assert!(lines.contains(&format!("content-length: {}", body.len())), "{lines:?}");
        assert!(body.ends_with('\n') && body.len() > 1);
    }
}

// attack: server-5
// req: 6455-4.2.1-a
#[test]
fn ambiguous_head_is_refused() {
    let good = String::from_utf8(head(&LINES)).unwrap();
    let rows = [
        good.replace("\r\n", "\n"),
        good.replacen("\r\n", "\n", 1),
        good.replace("\r\n\r\n", "\r\n\n"),
        good.replace("\r\n\r\n", "\n\r\n"),
        good.replace("Host: ", "Host : "),
        good.replace("Host: ", " Host: "),
        good.replace("Upgrade: websocket", "Upgrade:\r\n websocket"),
        good.replace("Upgrade: websocket", "Upgrade: h2c,\r\n\twebsocket"),
        good.replace("chat, superchat", "chat,\0superchat"),
        good.replace("chat, superchat", "chat,\rsuperchat"),
        good.replace("/chat", "/ch\0at"),
        good.replace("Host", "Ho st"),
        good.replace("Host", "H\u{f6}st"),
        good.replace("Host: ", ": "),
        good.replace("Host: server.example.com", "Host"),
    ];
    for row in rows {
        assert_eq!(refusal(row.as_bytes()), (MalformedHead, 400), "{}", row.escape_debug());
    }
}

// attack: server-6
// req: 6455-10.1-a, 6455-10.7-a
#[test]
fn any_byte_in_any_header_value_gives_a_request_or_an_error() {
    for line in LINES.iter().skip(1).chain(&["Sec-WebSocket-Extensions: foo", "Cookie: a=b", "X: y"]) {
        let (name, value) = line.split_once(": ").unwrap();
        let template = request_with(name, &[&format!("{name}: {value}\u{1}")]);
        let at = template.iter().position(|byte| *byte == 1).unwrap();
        for byte in 0..=255 {
            let mut bytes = template.clone();
            bytes[at] = byte;
            // A line break there only moves the end of the head.
            let (outcome, answer) = receive_in([&bytes[..]]);
            assert!(outcome.is_ok() == answer.is_empty(), "{}", bytes.escape_ascii());
            if let Ok(Some(Incoming::Upgrade(request))) = outcome {
                let _ = (request.header(name), request.cookies().count(), request.is_same_origin());
                let _ = format!("{:?} {}", request, request.extensions().count());
            }
        }
    }
}

// attack: server-6
// req: 6455-10.1-a, 6455-10.7-a
#[test]
fn any_byte_in_place_of_any_other_gives_a_request_or_an_error() {
    let good = head(&LINES);
    for at in 0..good.len() {
        for byte in [0, b'\t', b'\n', b'\r', b' ', b'"', b',', b':', b';', 0x7F, 0x80, 0xFF] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            let (outcome, answer) = receive_in([&bytes[..]]);
            assert!(outcome.is_ok() == answer.is_empty(), "{}", bytes.escape_ascii());
        }
    }
}

// attack: server-1, server-2
#[test]
fn too_long_head_is_refused() {
    let long = format!("X: {}", "x".repeat(40_000));
    let bytes = request_with("X", &[&long]);
    assert_eq!(receive_in([&bytes[..]]).0, Err(HeadTooLong));
    assert_eq!(status(&receive_in(bytes.chunks(1000)).1), 431);

    // The Upgrade header last, as in CVE-2024-37890.
    let many: Vec<_> = (0..200).map(|i| format!("X-{i}: y")).collect();
    let mut lines: Vec<_> = LINES.iter().filter(|line| !line.starts_with("Upgrade")).copied().collect();
    lines.extend(many.iter().map(String::as_str));
    lines.push("Upgrade: websocket");
    assert_eq!(refusal(&head(&lines)), (TooManyHeaders, 431));
}

// attack: server-1
#[test]
fn head_limits_are_exact() {
    let good = head(&LINES);
    let receive = |max_head_len, max_headers| {
        let config = Config::default().max_head_len(max_head_len).max_headers(max_headers);
        let mut handshake = Handshake::new(config);
        handshake.receive(&good);
        handshake.next_request().map(|exchange| exchange.is_some())
    };
    assert_eq!(receive(good.len(), LINES.len() - 1), Ok(true));
    assert_eq!(receive(good.len() - 1, LINES.len() - 1), Err(HeadTooLong));
    assert_eq!(receive(good.len(), LINES.len() - 2), Err(TooManyHeaders));
}

// attack: server-1
#[test]
fn endless_head_is_refused_at_the_limit() {
    for filler in [&b"x"[..], b"\r", b"X: y\r\n", b"\x16\x03\x01"] {
        let mut handshake = Handshake::new(Config::default());
        handshake.receive(b"GET /chat HTTP/1.1\r\n");
        let mut fed = 0;
        let error = loop {
            assert!(fed <= 40_000, "still waiting after {fed} bytes");
            handshake.receive(filler);
            fed += filler.len();
            match handshake.next_request() {
                Ok(None) => {}
                outcome => break outcome.unwrap_err(),
            }
        };
        assert!(matches!(error, HeadTooLong | TooManyHeaders), "{error:?}");
        assert_eq!(status(&written(handshake.output())), 431);
    }
}
