//! Responses of a server: section 4.2.2.

use sansocket::HandshakeError::{self, *};
use sansocket::handshake::server::{Answer, Response};
use sansocket::{Config, Role, State};

use super::*;

/// Whether this response to the request of section 1.2 opens a connection, and its bytes.
fn respond(answer: impl Fn(&Request) -> Response) -> Result<(bool, Vec<u8>), HandshakeError> {
    let response = answer(&upgrade(&head(&LINES)));
    let checked = response.check();
    match exchange(&head(&LINES)).respond(response) {
        Ok(answer) => {
            assert_eq!(checked, Ok(()));
            Ok(match answer {
                Answer::Open(mut connection) => {
                    assert_eq!(connection.state(), State::Open);
                    (true, written(connection.output()))
                }
                Answer::Closed(mut output) => (false, written(&mut output)),
            })
        }
        Err(error) => {
            assert_eq!(checked.as_ref(), Err(&error), "found before the request is consumed");
            Err(error)
        }
    }
}

// req: 6455-4.2.2-a, 6455-4.2.2-m, 6455-4.2.2-q, 6455-4.2.2-r, 6455-4.2.2-s, 6455-4.2.2-t, 6455-4.2.2-u, 6455-4.2.2-v, 6455-4.2.2-x, 6455-4.3-a, 6455-4.3-f
#[test]
fn section_4_2_2_accepting_response_is_101() {
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
fn section_4_2_2_rejecting_response_has_status_headers_and_body() {
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
    // RFC 9110 section 15 and RFC 6585. Other statuses have no phrase of their own.
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
fn response_written_elsewhere_opens_the_same_connection() {
    let request = upgrade(&head(&LINES));
    let opened = request.accept().subprotocol("chat").connection(Config::default()).unwrap();
    assert_eq!(
        (opened.state(), opened.role(), opened.subprotocol()),
        (State::Open, Role::Server, Some("chat"))
    );
    let rows = [
        (request.reject(403), Rejected(403)),
        (request.accept().header("X", "a\r\nb"), BadHeader("X".into())),
        (request.accept().subprotocol("other"), BadSubprotocol("other".into())),
    ];
    for (answer, error) in rows {
        assert_eq!(answer.connection(Config::default()).map(|_| ()), Err(error));
    }
}

#[test]
fn response_to_head_has_a_content_length_and_no_body() {
    let request = |method: &str| head(&[format!("{method} / HTTP/1.1").as_str(), "Host: x"]);
    let answer = |method| {
        let exchange = exchange(&request(method));
        let Incoming::Http(http) = exchange.incoming() else { panic!("no {method}") };
        let response = http.respond(200).body("<p>Hello");
        close(exchange, response)
    };
    let (get, head) = (answer("GET"), answer("HEAD"));
    assert_eq!(get, [&head[..], b"<p>Hello"].concat());
    assert!(parts(&head).0.contains(&"content-length: 8".into()));
}

// req: 6455-4.2.2-k, 6455-4.2.2-n, 6455-4.2.2-p, 6455-9-c, 6455-11.3.3-a
#[test]
fn response_that_cannot_be_sent_is_an_error_that_names_the_fault() {
    type Answer = fn(&Request) -> Response;
    let rows: [(Answer, HandshakeError); 22] = [
        (|request| request.accept().header("X", "a\r\nInjected: b"), BadHeader("X".into())),
        (|request| request.accept().header("X", "a\nb"), BadHeader("X".into())),
        (|request| request.accept().header("X", "a\0b"), BadHeader("X".into())),
        (|request| request.accept().header("X\r\nY", "a"), BadHeader("X\r\nY".into())),
        (|request| request.accept().header("X Y", "a"), BadHeader("X Y".into())),
        (|request| request.accept().header("X:", "a"), BadHeader("X:".into())),
        (|request| request.accept().header("", "a"), BadHeader("".into())),
        (|request| request.accept().header("Upgrade", "h2c"), BadHeader("Upgrade".into())),
        (
            |request| request.accept().header("sec-websocket-accept", "a"),
            BadHeader("sec-websocket-accept".into()),
        ),
        (
            |request| request.accept().header("Sec-WebSocket-Extensions", "permessage-deflate"),
            BadHeader("Sec-WebSocket-Extensions".into()),
        ),
        (
            |request| request.accept().header("Transfer-Encoding", "chunked"),
            BadHeader("Transfer-Encoding".into()),
        ),
        (|request| request.reject(403).header("Content-Length", "5"), BadHeader("Content-Length".into())),
        (|request| request.reject(403).header("X", "a\rb"), BadHeader("X".into())),
        (|request| request.accept().subprotocol("other"), BadSubprotocol("other".into())),
        (|request| request.accept().subprotocol("Chat"), BadSubprotocol("Chat".into())),
        (|request| request.accept().subprotocol("chat\r\nX: y"), BadSubprotocol("chat\r\nX: y".into())),
        (|request| request.accept().subprotocol(""), BadSubprotocol("".into())),
        (|request| request.reject(403).subprotocol("chat"), BadSubprotocol("chat".into())),
        (|request| request.reject(101), BadStatus(101)),
        (|request| request.reject(199), BadStatus(199)),
        (|request| request.respond(600), BadStatus(600)),
        (|request| request.accept().body("a body"), BadBody),
    ];
    for (i, (answer, error)) in rows.into_iter().enumerate() {
        assert_eq!(respond(answer), Err(error), "row {i}");
    }
}

// req: 6455-4.2.2-l, 6455-4.2.2-m, 6455-11.3.4-b
#[test]
fn section_4_2_2_at_most_one_subprotocol_is_chosen() {
    let chosen = |request: &Request, names: &[&str]| {
        let answer = names.iter().fold(request.accept(), |answer, name| answer.subprotocol(*name));
        let mut connection = open(exchange(&head(&LINES)), answer)?;
        let (lines, _) = parts(&written(connection.output()));
        let lines = lines.into_iter().filter(|line| line.starts_with("sec-websocket-protocol"));
        Ok((connection.subprotocol().map(String::from), lines.collect::<Vec<_>>()))
    };
    let none = Ok((None, vec![]));
    let unasked = upgrade(&request_with("Sec-WebSocket-Protocol", &[]));
    assert_eq!(chosen(&unasked, &[]), none);
    assert_eq!(chosen(&unasked, &["chat"]), Err(BadSubprotocol("chat".into())));
    let asked = upgrade(&head(&LINES));
    assert_eq!(chosen(&asked, &[]), none);
    let one = vec!["sec-websocket-protocol: superchat".to_string()];
    assert_eq!(chosen(&asked, &["chat", "superchat"]), Ok((Some("superchat".into()), one)));
}

#[test]
fn response_with_status_204_or_304_has_no_body() {
    // "A 204 response is terminated by the end of the header section; it cannot contain content" (RFC 9110 section
    // 15.3.5), and 304 likewise (15.4.5).
    for status in [204, 304] {
        let (opened, bytes) = respond(|request| request.reject(status).body("body")).unwrap();
        assert_eq!((opened, parts(&bytes).1), (false, String::new()), "{status}");
    }
}

#[test]
fn response_that_opens_a_connection_is_no_answer_to_an_ordinary_request() {
    let response = upgrade(&head(&LINES)).accept();
    let outcome = exchange(&head(&["GET / HTTP/1.1", "Host: a"])).respond(response);
    assert_eq!(outcome.map(|_| ()), Err(NotAnUpgrade));
}
