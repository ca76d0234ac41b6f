//! The opening handshake through the relay.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use sansocket::handshake::client::Request;
use sansocket::{Config, Error, HandshakeError, Refusal, blocking};

use crate::example_server::Server;
use crate::peers::Relay;
use crate::servers::read_head;

#[test]
fn request_and_response_are_passed_on() {
    let relay = Relay::start();
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let stream = relay.upstream.accept().unwrap().0;
            blocking::accept_with(stream, Config::default(), |request| {
                assert_eq!((request.path(), request.query()), ("/chat%20room", Some("a=b&c")));
                assert_eq!(request.header("Host"), Some(&relay.server.address[..]));
                assert_eq!(request.origin(), Some("https://example.com"));
                assert_eq!(request.header("Cookie"), Some("session=42"));
                assert_eq!(request.header("X-Hop"), None);
                assert_eq!(request.extensions().count(), 0);
                assert!(request.subprotocols().eq(["soap", "chat"]));
                request.accept().subprotocol("chat").header("Set-Cookie", "a=1").header("Set-Cookie", "b=2")
            })
        });
        let request = Request::new(&relay.server.url("/chat%20room?a=b&c")).unwrap();
        let request = request.subprotocol("soap").subprotocol("chat").origin("https://example.com");
        let request = request.header("Cookie", "session=42").header("X-Hop", "1");
        let (client, response) = blocking::connect_with(&request, Config::default()).unwrap();
        assert_eq!(client.subprotocol(), Some("chat"));
        assert!(response.headers().values("Set-Cookie").eq([b"a=1", b"b=2"]));
        let server = server.join().unwrap().unwrap();
        assert_eq!(server.subprotocol(), Some("chat"));
    });
}

#[test]
fn server_may_choose_no_subprotocol() {
    let relay = Relay::start();
    thread::scope(|scope| {
        scope.spawn(|| blocking::accept(relay.upstream.accept().unwrap().0).unwrap());
        let request = Request::new(&relay.server.url("/")).unwrap().subprotocol("chat");
        let (client, _) = blocking::connect_with(&request, Config::default()).unwrap();
        assert_eq!(client.subprotocol(), None);
    });
}

fn refusal(relay: &Server) -> Refusal {
    match blocking::connect(&relay.url("/")) {
        Err(Error::Handshake(HandshakeError::Refused(refusal))) => *refusal,
        other => panic!("{other:?} instead of a refusal"),
    }
}

#[test]
fn refusal_is_passed_on_with_headers_and_body() {
    let relay = Relay::start();
    let refused = thread::scope(|scope| {
        scope.spawn(|| {
            let stream = relay.upstream.accept().unwrap().0;
            blocking::accept_with(stream, Config::default(), |request| {
                let answer = request.reject(401).header("WWW-Authenticate", "Basic").header("X-Hop", "1");
                answer.header("Content-Type", "text/html").body("<p>Who are you?</p>")
            })
            .unwrap_err();
        });
        refusal(&relay.server)
    });
    assert_eq!((refused.status, &refused.body[..]), (401, &b"<p>Who are you?</p>"[..]));
    assert_eq!(refused.header("WWW-Authenticate"), Some("Basic"));
    assert_eq!(refused.header("Content-Type"), Some("text/html"));
    assert_eq!(refused.header("X-Hop"), Some("1"));
    assert!(relay.server.line().ends_with(" was not connected: rejected with status 401"));
}

/// The upstream server is not there, ends the stream, or sends something else.
#[test]
fn failure_of_the_upstream_server_gives_502() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert_eq!(refusal(&Server::start("relay", &["--upstream", &closed])).status, 502);
    let relay = Relay::start();
    for answer in ["", "SMTP ready\r\n\r\n", "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"] {
        let refused = thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = relay.upstream.accept().unwrap().0;
                read_head(&stream).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            });
            refusal(&relay.server)
        });
        assert_eq!(refused.status, 502, "{answer:?}");
    }
}

#[test]
fn request_target_is_passed_on_byte_for_byte() {
    let relay = Relay::start();
    for target in [
        "/?filter[a]=1",
        "/?a=x|y",
        "/?q={x}",
        "/?q=100%",
        "/?",
        "//a%2Fb/",
        "/`\"<>\\^",
        "/a?b?c",
        "/chat%20room",
    ] {
        let (request, answer) = thread::scope(|scope| {
            let upstream = scope.spawn(|| {
                let mut stream = relay.upstream.accept().unwrap().0;
                let head = read_head(&stream).unwrap();
                stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n").unwrap();
                head
            });
            let mut stream = TcpStream::connect(&relay.server.address).unwrap();
            let upgrade = "Host: virtual.example:81\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
            stream.write_all(format!("GET {target} HTTP/1.1\r\n{upgrade}").as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            (upstream.join().unwrap(), answer)
        });
        let start = format!("GET {target} HTTP/1.1\r\nHost: virtual.example:81\r\n");
        assert!(request.starts_with(&start), "{target}: {request}");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{target}: {answer}");
    }
}

/// These requests do not reach the upstream server.
#[test]
fn invalid_requests_are_answered_by_the_relay() {
    let relay = Relay::start();
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let rows = [
        ("GET / HTTP/1.1\r\nHost: x\r\n", "", "HTTP/1.1 426 "),
        ("POST / HTTP/1.1\r\nHost: x\r\n", upgrade, "HTTP/1.1 405 "),
        ("GET /a#b HTTP/1.1\r\nHost: x\r\n", upgrade, "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nHost: x/y\r\n", upgrade, "HTTP/1.1 400 "),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n", upgrade, "HTTP/1.1 400 "),
    ];
    for (line, rest, expected) in rows {
        let mut stream = TcpStream::connect(&relay.server.address).unwrap();
        stream.write_all(format!("{line}{rest}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(expected), "{line}: {answer}");
    }
    relay.upstream.set_nonblocking(true).unwrap();
    assert_eq!(relay.upstream.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// What a client gets when the upstream server answers with these bytes, and then ends the stream or waits.
fn passed_on(relay: &Relay, parts: &[&[u8]], then_waits: bool) -> Vec<u8> {
    let upstream = &relay.upstream;
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = upstream.accept().unwrap().0;
            read_head(&stream).unwrap();
            for part in parts {
                stream.write_all(part).unwrap();
                thread::sleep(std::time::Duration::from_millis(20));
            }
            if then_waits {
                assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the relay ends the stream");
            }
        });
        let mut stream = TcpStream::connect(&relay.server.address).unwrap();
        stream.set_read_timeout(Some(crate::example_server::PATIENCE)).unwrap();
        stream.write_all(format!("{REQUEST}\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    })
}

#[test]
fn refusal_is_passed_on_as_it_came_and_whole() {
    let relay = Relay::start();
    let long = vec![b'x'; 100_000];
    let many =
        b"1f40\r\n".iter().chain(&[b'y'; 8000]).chain(b"\r\n").copied().collect::<Vec<u8>>().repeat(20);
    // The server's response; the head for the client, without what concerns one hop; the body for the client.
    type Row<'a> = (&'a [&'a [u8]], bool, &'a [u8], &'a [u8]);
    let rows: [Row<'_>; 9] = [
        (
            &[b"HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\n", &long],
            true,
            b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n",
            &long,
        ),
        (
            &[b"HTTP/1.1 404 Nicht gefunden \xfc\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\0"],
            true,
            b"HTTP/1.1 404 Nicht gefunden \xfc\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: 4\r\n\r\n",
            b"\x1f\x8b\x08\0",
        ),
        (
            &[b"HTTP/1.1 401 Who\r\nSet-Cookie: a=\xe4\r\nset-cookie:b=1\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nConnection: x-hop, keep-alive\r\nContent-Length: 0\r\n\r\n"],
            true,
            b"HTTP/1.1 401 Who\r\nSet-Cookie: a=\xe4\r\nset-cookie:b=1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            b"",
        ),
        (
            &[b"HTTP/1.1 503 \r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", &many, b"0;x\r\nA: b\r\n\r\nmore"],
            true,
            b"HTTP/1.1 503 \r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            &[&many[..], b"0;x\r\nA: b\r\n\r\n"].concat(),
        ),
        (
            &[b"\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.0 403 No\r\n\r\nwho", b" are you"],
            false,
            b"HTTP/1.1 403 No\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"b\r\nwho are you\r\n0\r\n\r\n",
        ),
        (
            &[b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"1\"\r\n\r\n"],
            true,
            b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nConnection: close\r\n\r\n",
            b"",
        ),
        (
            &[b"HTTP/1.1 426 Upgrade\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\nSec-WebSocket-Version: 8\r\n\r\n"],
            true,
            b"HTTP/1.1 426 Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nConnection: close, Upgrade\r\nContent-Length: 0\r\n\r\n",
            b"",
        ),
        // Cut: not complete for the client either.
        (
            &[b"HTTP/1.1 404 No\r\nContent-Length: 100000\r\n\r\n", &long[..50_000]],
            false,
            b"HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n",
            &long[..50_000],
        ),
        (
            &[b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nRust\r\n"],
            false,
            b"HTTP/1.1 404 No\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"4\r\nRust\r\n",
        ),
    ];
    for (parts, then_waits, head, body) in rows {
        let answer = passed_on(&relay, parts, then_waits);
        let (got_head, got_body) = answer.split_at(head.len().min(answer.len()));
        assert_eq!(got_head.escape_ascii().to_string(), head.escape_ascii().to_string());
        assert!(got_body == body, "{}: {} bytes", head.escape_ascii(), got_body.len());
    }
}

#[test]
fn headers_that_are_not_utf8_are_passed_on_as_they_came() {
    let relay = Relay::start();
    thread::scope(|scope| {
        scope.spawn(|| {
            let stream = relay.upstream.accept().unwrap().0;
            blocking::accept_with(stream, Config::default(), |request| {
                assert!(request.headers().values("Cookie").eq([b"na\xefve=1"]));
                request.accept().header("Set-Cookie", &b"caf\xe9=1"[..]).header("Set-Cookie", "b=2")
            })
            .unwrap();
        });
        let request = Request::new(&relay.server.url("/")).unwrap().header("Cookie", &b"na\xefve=1"[..]);
        let (_, response) = blocking::connect_with(&request, Config::default()).unwrap();
        assert!(response.headers().values("Set-Cookie").eq([&b"caf\xe9=1"[..], b"b=2"]));
    });
}
