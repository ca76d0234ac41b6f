//! What a server answers: section 4.2.2.

use sansocket::HandshakeError::{self, *};
use sansocket::handshake::server::{Handshake, Response};
use sansocket::{Config, Role, State};

use super::*;

/// What goes out for this answer to the request of section 1.2, and whether it opened a connection.
fn respond(answer: impl Fn(&Request) -> Response) -> Result<(bool, Vec<u8>), HandshakeError> {
    let request = upgrade(&head(&LINES));
    let mut handshake = Handshake::new(Config::default());
    match handshake.respond(answer(&request)) {
        Ok(Some(mut connection)) => {
            assert_eq!(connection.state(), State::Open);
            assert!(handshake.output().is_empty());
            Ok((true, written(connection.output())))
        }
        Ok(None) => Ok((false, written(handshake.output()))),
        Err(error) => {
            assert!(handshake.output().is_empty(), "not a byte is written of what cannot be sent");
            assert!(handshake.respond(request.reject(403)).unwrap().is_none(), "another answer may be tried");
            Err(error)
        }
    }
}

// req: 6455-4.2.2-a, 6455-4.2.2-m, 6455-4.2.2-q, 6455-4.2.2-r, 6455-4.2.2-s, 6455-4.2.2-t, 6455-4.2.2-u, 6455-4.2.2-v, 6455-4.2.2-x, 6455-4.3-a, 6455-4.3-f
#[test]
fn section_4_2_2_accepting() {
    let bare = b"HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    assert_eq!(respond(Request::accept), Ok((true, bare.to_vec())));
    let (opened, bytes) =
        respond(|request| request.accept().subprotocol("superchat").header("Set-Cookie", "id=1")).unwrap();
    let (lines, body) = parts(&bytes);
    assert!(opened && body.is_empty());
    assert_eq!(lines[4..], ["sec-websocket-protocol: superchat", "set-cookie: id=1"]);
}

// req: 6455-4.2.2-d, 6455-4.2.2-e, 6455-4.2.2-g, 6455-4.2.2-j
#[test]
fn section_4_2_2_rejecting() {
    let (opened, bytes) = respond(|request| {
        let response = request.reject(401).header("WWW-Authenticate", "Basic realm=\"chat\"");
        response.header("Content-Type", "application/json").body("{}")
    })
    .unwrap();
    assert!(!opened);
    let expected = b"HTTP/1.1 401 Unauthorized\r\n\
        Connection: close\r\n\
        Content-Length: 2\r\n\
        WWW-Authenticate: Basic realm=\"chat\"\r\n\
        Content-Type: application/json\r\n\r\n{}";
    assert_eq!(bytes, expected);
    // RFC 9110 section 15 and RFC 6585; the others have names that nobody needs.
    let phrases = [
        (200, "OK"),
        (301, "Moved Permanently"),
        (302, "Found"),
        (303, "See Other"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (408, "Request Timeout"),
        (418, "Other"),
        (426, "Upgrade Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (500, "Internal Server Error"),
        (503, "Service Unavailable"),
        (599, "Other"),
    ];
    for (code, phrase) in phrases {
        let (opened, bytes) = respond(|request| request.reject(code)).unwrap();
        assert_eq!((opened, status(&bytes)), (false, code));
        assert!(bytes.starts_with(format!("HTTP/1.1 {code} {phrase}\r\n").as_bytes()));
        assert!(parts(&bytes).0.contains(&"content-length: 0".into()));
    }
    let (_, bytes) = respond(|request| request.reject(403).body("no")).unwrap();
    assert!(parts(&bytes).0.contains(&"content-type: text/plain; charset=utf-8".into()));
}

#[test]
fn an_answer_that_somebody_else_writes_opens_the_same_connection() {
    let request = upgrade(&head(&LINES));
    let opened = request.accept().subprotocol("chat").connection(Config::default()).unwrap();
    assert_eq!(
        (opened.state(), opened.role(), opened.subprotocol()),
        (State::Open, Role::Server, Some("chat"))
    );
    let rows = [
        (request.reject(403), Rejected(403)),
        (request.accept().header("X", "a\r\nb"), BadHeader),
        (request.accept().subprotocol("other"), BadSubprotocol),
    ];
    for (answer, error) in rows {
        assert_eq!(answer.connection(Config::default()).map(|_| ()), Err(error));
    }
}

#[test]
fn an_answer_to_head_has_the_length_of_a_body_and_no_body() {
    let request = |method: &str| head(&[&format!("{method} / HTTP/1.1"), "Host: x"]);
    let answer = |method| {
        let (mut handshake, mut input) = (Handshake::new(Config::default()), Buffer::new());
        input.extend_from_slice(&request(method));
        let Ok(Some(Incoming::Http(http))) = handshake.receive(&mut input) else { panic!("no {method}") };
        assert!(handshake.respond(http.respond(200).body("<p>Hello")).unwrap().is_none());
        written(handshake.output())
    };
    let (get, head) = (answer("GET"), answer("HEAD"));
    assert_eq!(get, [&head[..], b"<p>Hello"].concat());
    assert!(parts(&head).0.contains(&"content-length: 8".into()));
}

// req: 6455-4.2.2-k, 6455-4.2.2-n, 6455-4.2.2-p, 6455-9-c, 6455-11.3.3-a
#[test]
fn what_cannot_be_sent_is_refused_before_a_byte_is_written() {
    type Answer = fn(&Request) -> Response;
    let rows: [(Answer, HandshakeError); 22] = [
        (|request| request.accept().header("X", "a\r\nInjected: b"), BadHeader),
        (|request| request.accept().header("X", "a\nb"), BadHeader),
        (|request| request.accept().header("X", "a\0b"), BadHeader),
        (|request| request.accept().header("X\r\nY", "a"), BadHeader),
        (|request| request.accept().header("X Y", "a"), BadHeader),
        (|request| request.accept().header("X:", "a"), BadHeader),
        (|request| request.accept().header("", "a"), BadHeader),
        (|request| request.accept().header("Upgrade", "h2c"), BadHeader),
        (|request| request.accept().header("sec-websocket-accept", "a"), BadHeader),
        (|request| request.accept().header("Sec-WebSocket-Extensions", "permessage-deflate"), BadHeader),
        (|request| request.accept().header("Transfer-Encoding", "chunked"), BadHeader),
        (|request| request.reject(403).header("Content-Length", "5"), BadHeader),
        (|request| request.reject(403).header("X", "a\rb"), BadHeader),
        (|request| request.accept().subprotocol("other"), BadSubprotocol),
        (|request| request.accept().subprotocol("Chat"), BadSubprotocol),
        (|request| request.accept().subprotocol("chat\r\nX: y"), BadSubprotocol),
        (|request| request.accept().subprotocol(""), BadSubprotocol),
        (|request| request.reject(403).subprotocol("chat"), BadSubprotocol),
        (|request| request.reject(101), BadStatus),
        (|request| request.reject(199), BadStatus),
        (|request| request.respond(600), BadStatus),
        (|request| request.accept().body("a body"), UnexpectedBody),
    ];
    for (i, (answer, error)) in rows.into_iter().enumerate() {
        assert_eq!(respond(answer), Err(error), "row {i}");
    }
}

// req: 6455-4.2.2-l, 6455-4.2.2-m, 6455-11.3.4-b
#[test]
fn section_4_2_2_one_subprotocol_or_none() {
    let chosen = |request: &Request, names: &[&str]| {
        let answer = names.iter().fold(request.accept(), |answer, name| answer.subprotocol(*name));
        let mut connection = Handshake::new(Config::default()).respond(answer)?.unwrap();
        let (lines, _) = parts(&written(connection.output()));
        let lines = lines.into_iter().filter(|line| line.starts_with("sec-websocket-protocol"));
        Ok((connection.subprotocol().map(String::from), lines.collect::<Vec<_>>()))
    };
    let none = Ok((None, vec![]));
    let unasked = upgrade(&request_with("Sec-WebSocket-Protocol", &[]));
    assert_eq!(chosen(&unasked, &[]), none);
    assert_eq!(chosen(&unasked, &["chat"]), Err(BadSubprotocol));
    let asked = upgrade(&head(&LINES));
    assert_eq!(chosen(&asked, &[]), none);
    let one = vec!["sec-websocket-protocol: superchat".to_string()];
    assert_eq!(chosen(&asked, &["chat", "superchat"]), Ok((Some("superchat".into()), one)));
}

#[test]
fn an_answer_of_a_status_that_has_no_body_has_none() {
    // "A 204 response is terminated by the end of the header section; it cannot contain content" (RFC 9110 section
    // 15.3.5), and 304 likewise (15.4.5).
    for status in [204, 304] {
        let (opened, bytes) = respond(|request| request.reject(status).body("body")).unwrap();
        assert_eq!((opened, parts(&bytes).1), (false, String::new()), "{status}");
    }
}
