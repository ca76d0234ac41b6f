//! Tunnels through proxies: HTTP `CONNECT` (RFC 9110 section 9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).

use sansocket::HandshakeError::{
    BadProxy, BadUrl, Finished, HeadTooLong, MalformedProxy, ProxyRefused, SocksCredentialsRefused,
    SocksMethodRefused, SocksRefused, TimedOut, TooManyHeaders, UnexpectedEof,
};
use sansocket::handshake::proxy::{Server, Tunnel};
use sansocket::handshake::{Opening, Step, client};
use sansocket::{Config, Fault, HandshakeError};

use super::head;
use super::steps::step;
use crate::common::{SameKey, cuts, written};

const HTTP: &str = "http://proxy";
const SOCKS: &str = "socks5://proxy";
const SOCKS_LOGIN: &str = "socks5h://user:word@proxy";

/// The bytes behind the answer once the tunnel is open, `None` while more is needed.
type Outcome = Result<Option<Vec<u8>>, HandshakeError>;

fn tunnel(proxy: &str) -> Tunnel {
    Tunnel::new(&Server::new(proxy).unwrap(), "example.com", 443, Config::default()).unwrap()
}

/// What is written to a proxy that answers in these reads, a request at a time, and what comes of it.
fn drive<'a>(mut opening: Opening, reads: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Outcome) {
    let (mut requests, mut reads) = (Vec::new(), reads.into_iter());
    loop {
        match step(&mut opening) {
            (Step::Write, request) => requests.push(request),
            (Step::Read, _) => match reads.next() {
                Some(read) => opening.receive(read),
                None => return (requests, Ok(None)),
            },
            (Step::Done, _) => {
                reads.for_each(|read| opening.receive(read));
                return (requests, opening.finish_tunnel().map(Some));
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}

/// [`drive`] with an answer, the same for the whole, for single bytes and for every cut in two.
fn answered(proxy: &str, answer: &[u8]) -> (Vec<Vec<u8>>, Outcome) {
    crate::seeds::keep(if proxy == HTTP { "connect" } else { "socks" }, answer);
    let opening = || Opening::from(tunnel(proxy));
    let whole = drive(opening(), [answer]);
    assert_eq!(drive(opening(), answer.chunks(1)), whole, "byte by byte: {}", answer.escape_ascii());
    for at in cuts(answer.len()) {
        let (front, back) = answer.split_at(at);
        assert_eq!(drive(opening(), [front, back]), whole, "cut at {at}: {}", answer.escape_ascii());
    }
    whole
}

fn outcome(proxy: &str, answer: &[u8]) -> Outcome {
    answered(proxy, answer).1
}

/// Status and body of the refusal.
fn refused(answer: &[u8]) -> (u16, Vec<u8>) {
    match outcome(HTTP, answer) {
        Err(ProxyRefused(refusal)) => (refusal.status, refusal.body),
        outcome => panic!("{}: {outcome:?}", answer.escape_ascii()),
    }
}

#[test]
fn rfc_9110_section_9_3_6_request_names_host_and_port() {
    let rows = [
        (HTTP, "example.com", 443, &["CONNECT example.com:443 HTTP/1.1", "Host: example.com:443"][..]),
        (HTTP, "example.com", 80, &["CONNECT example.com:80 HTTP/1.1", "Host: example.com:80"]),
        (HTTP, "127.0.0.1", 9001, &["CONNECT 127.0.0.1:9001 HTTP/1.1", "Host: 127.0.0.1:9001"]),
        (HTTP, "2001:db8::1", 1, &["CONNECT [2001:db8::1]:1 HTTP/1.1", "Host: [2001:db8::1]:1"]),
        (
            "http://Aladdin:open%20sesame@proxy",
            "a",
            80,
            &[
                "CONNECT a:80 HTTP/1.1",
                "Host: a:80",
                "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ],
        ),
    ];
    for (proxy, host, port, lines) in rows {
        let mut tunnel = Tunnel::new(&Server::new(proxy).unwrap(), host, port, Config::default()).unwrap();
        assert_eq!(written(tunnel.output()), head(lines), "{host}:{port}");
    }
}

// attack: way-2
#[test]
fn rfc_9110_section_9_3_6_tunnel_begins_behind_the_head_of_a_2xx() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let established = "HTTP/1.1 200 Connection established\r\n\r\n";
    let rows: [(&str, Outcome); 20] = [
        (established, Ok(Some(vec![]))),
        ("HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n\r\n", Ok(Some(vec![]))),
        ("HTTP/1.1 200\r\n\r\n", Ok(Some(vec![]))),
        ("HTTP/1.1 204 No Content\r\n\r\n\x16\x03", Ok(Some(b"\x16\x03".to_vec()))),
        ("HTTP/1.1 299 x\r\n\r\n", Ok(Some(vec![]))),
        // A length has no meaning, and neither have chunks.
        ("HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\nhello", Ok(Some(b"hello".to_vec()))),
        ("HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\n", Ok(Some(vec![]))),
        ("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx", Ok(Some(b"1\r\nx".to_vec()))),
        ("HTTP/1.1 200 x\r\nnot a header\r\n\r\nx", Ok(Some(b"x".to_vec()))),
        ("\r\nHTTP/1.1 200 x\r\n\r\n", Ok(Some(vec![]))),
        (&[&interim.repeat(8), established, "x"].concat(), Ok(Some(b"x".to_vec()))),
        (&[&interim.repeat(9), established].concat(), Err(MalformedProxy)),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", Err(MalformedProxy)),
        ("HTTP/1.1 200 x\r\n", Ok(None)),
        ("HTTP/1.1 200 x\n\n", Err(MalformedProxy)),
        ("HTTP/1.1 200 x\r\nA: b\r\n folded\r\n\r\n", Err(MalformedProxy)),
        ("HTTP/2 200\r\n\r\n", Err(MalformedProxy)),
        ("SSH-2.0-OpenSSH_9.6\r\n", Err(MalformedProxy)),
        ("\x05\0", Err(MalformedProxy)),
        ("", Ok(None)),
    ];
    for (answer, expected) in rows {
        let (requests, outcome) = answered(HTTP, answer.as_bytes());
        assert_eq!(outcome, expected, "{}", answer.escape_debug());
        assert_eq!(requests.len(), 1);
    }
}

// attack: way-2
#[test]
fn rfc_9110_section_9_3_6_any_other_status_is_a_refusal_with_its_body() {
    let rows: [(&str, u16, &str); 8] = [
        ("HTTP/1.1 407 x\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 x\r\n\r\n", 407, "no"),
        ("HTTP/1.1 407 x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nRust\r\n0\r\n\r\n", 407, "Rust"),
        ("HTTP/1.1 302 x\r\nLocation: http://other\r\nContent-Length: 0\r\n\r\n", 302, ""),
        ("HTTP/1.1 304 x\r\n\r\n", 304, ""),
        ("HTTP/1.0 403 x\r\nContent-Length: 1\r\n\r\nx", 403, "x"),
        ("HTTP/1.1 100 x\r\n\r\nHTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n", 502, ""),
        ("HTTP/1.1 300 x\r\nContent-Length: 0\r\n\r\n", 300, ""),
        ("HTTP/1.1 600 x\r\nContent-Length: 0\r\n\r\n", 600, ""),
    ];
    for (answer, status, body) in rows {
        assert_eq!(refused(answer.as_bytes()), (status, body.into()), "{}", answer.escape_debug());
    }
    let challenge = b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"a\"\r\nContent-Length: 0\r\n\r\n";
    let Err(ProxyRefused(refusal)) = outcome(HTTP, challenge) else { panic!("not refused") };
    assert_eq!(refusal.header("proxy-authenticate"), Some("Basic realm=\"a\""));
}

// attack: way-2
#[test]
fn head_of_the_proxy_and_its_body_have_limits() {
    let limited = || {
        let config = Config::default().max_head_len(100).max_headers(3);
        Opening::from(Tunnel::new(&Server::new(HTTP).unwrap(), "a", 80, config).unwrap())
    };
    let many = b"HTTP/1.1 200 x\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n";
    let long = [&b"HTTP/1.1 200 "[..], &[b'x'; 100]].concat();
    for (answer, error) in [(&many[..], TooManyHeaders), (&long, HeadTooLong)] {
        assert_eq!(drive(limited(), [answer]).1, Err(error.clone()));
        assert_eq!(drive(limited(), answer.chunks(1)).1, Err(error));
    }
    let answer = [&b"HTTP/1.1 502 x\r\n\r\n"[..], &[b'x'; 200]].concat();
    let Err(ProxyRefused(refusal)) = drive(limited(), answer.chunks(7)).1 else { panic!("not refused") };
    assert_eq!(refusal.body, [b'x'; 100]);
}

/// Greetings, logins and requests, and the answers that lead from one to the next.
#[test]
fn rfc_1928_sections_3_to_6_and_rfc_1929_section_2_requests() {
    let full = "u".repeat(255);
    let socks = |login: &str| format!("socks5://{login}proxy");
    let rows: [(&str, &str, &[u8]); 8] = [
        ("", "example.com", b"\x05\x01\0\x03\x0bexample.com\x23\x29"),
        ("", "127.0.0.1", b"\x05\x01\0\x01\x7f\0\0\x01\x23\x29"),
        ("", "2001:db8::1", b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x23\x29"),
        ("", "127.1", b"\x05\x01\0\x03\x05127.1\x23\x29"),
        ("", &full, &[b"\x05\x01\0\x03\xff", full.as_bytes(), b"\x23\x29"].concat()),
        ("user:p%40%00@", "a", b"\x05\x01\0\x03\x01a\x23\x29"),
        ("token@", "a", b"\x05\x01\0\x03\x01a\x23\x29"),
        (&format!("{full}:{full}@"), "a", b"\x05\x01\0\x03\x01a\x23\x29"),
    ];
    for (login, host, request) in rows {
        let server = Server::new(&socks(login)).unwrap();
        let open = |answers: &[u8]| {
            let tunnel = Tunnel::new(&server, host, 9001, Config::default()).unwrap();
            let (requests, outcome) = drive(tunnel.into(), [answers]);
            assert_eq!(outcome, Ok(Some(b"x".to_vec())));
            requests
        };
        let greeting: &[u8] = if login.is_empty() { b"\x05\x01\0" } else { b"\x05\x02\0\x02" };
        assert_eq!(open(b"\x05\0\x05\0\0\x01\0\0\0\0\0\0x"), [greeting, request], "{login} {host}");
        if login.is_empty() {
            continue;
        }
        let sent: &[u8] = match login {
            "token@" => b"\x01\x05token\0",
            "user:p%40%00@" => b"\x01\x04user\x03p@\0",
            _ => &[b"\x01\xff", full.as_bytes(), b"\xff", full.as_bytes()].concat(),
        };
        let requests = open(b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0x");
        assert_eq!(requests, [greeting, sent, request], "{login} {host}");
    }
}

// attack: way-2
#[test]
fn rfc_1928_sections_3_and_6_answers() {
    let domain = |len: u8| [b"\x05\0\x05\0\0\x03", &[len][..], &vec![b'd'; len.into()], b"\0\x50x"].concat();
    let opened = || Ok(Some(b"x".to_vec()));
    let rows: [(&[u8], Outcome); 26] = [
        (b"\x05\0\x05\0\0\x01\x7f\0\0\x01\0\x50x", opened()),
        (b"\x05\0\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50x", opened()),
        (&domain(11), opened()),
        (&domain(0), opened()),
        (&domain(255), opened()),
        (b"\x05\0\x05\0\xff\x01\x7f\0\0\x01\0\x50x", opened()), // the reserved byte has no meaning
        (b"\x05\0\x05\0\0\x01\x7f\0\0\x01\0\x50", Ok(Some(vec![]))),
        (b"\x05\0\x05\0\0\x01\x7f\0\0\x01\0", Ok(None)),
        (&domain(255)[..260], Ok(None)),
        (b"\x05\0\x05\0\0\x03", Ok(None)),
        (b"\x05\0\x05", Ok(None)),
        (b"\x05\0", Ok(None)),
        (b"\x05", Ok(None)),
        (b"", Ok(None)),
        // An address type that is not defined.
        (b"\x05\0\x05\0\0\x02", Err(MalformedProxy)),
        (b"\x05\0\x05\0\0\0", Err(MalformedProxy)),
        // Other versions.
        (b"\x04", Err(MalformedProxy)),
        (b"\0\x5a", Err(MalformedProxy)),
        (b"\x05\0\x04", Err(MalformedProxy)),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Err(MalformedProxy)),
        (b"\x05\0HTTP/1.1 200 OK\r\n\r\n", Err(MalformedProxy)),
        // Methods that were not offered.
        (b"\x05\x01", Err(MalformedProxy)),
        (b"\x05\x02\x01\0", Err(MalformedProxy)),
        (b"\x05\x80", Err(MalformedProxy)),
        (b"\x05\xff", Err(SocksMethodRefused)),
        // The rest of a reply that refuses need not come.
        (b"\x05\0\x05\x05", Err(SocksRefused(5))),
    ];
    for (answer, expected) in rows {
        assert_eq!(outcome(SOCKS, answer), expected, "{}", answer.escape_ascii());
    }
    for code in 1..=255 {
        let answer = [5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(outcome(SOCKS, &answer), Err(SocksRefused(code)));
        let fault = if (3..=6).contains(&code) { Fault::Network } else { Fault::Peer };
        assert_eq!(SocksRefused(code).fault(), fault, "{code}");
    }
}

// attack: way-2
#[test]
fn rfc_1929_section_2_answers() {
    let rows: [(&[u8], Outcome); 8] = [
        (b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0", Ok(Some(vec![]))),
        (b"\x05\0\x05\0\0\x01\0\0\0\0\0\0", Ok(Some(vec![]))),
        (b"\x05\x02\x01", Ok(None)),
        (b"\x05\x02\x01\x01", Err(SocksCredentialsRefused)),
        (b"\x05\x02\x01\xff", Err(SocksCredentialsRefused)),
        (b"\x05\x02\x05\0", Err(MalformedProxy)),
        (b"\x05\x03", Err(MalformedProxy)),
        (b"\x05\xff", Err(SocksMethodRefused)),
    ];
    for (answer, expected) in rows {
        assert_eq!(outcome(SOCKS_LOGIN, answer), expected, "{}", answer.escape_ascii());
    }
}

#[test]
fn what_cannot_be_asked_for_is_an_error_before_a_byte_is_written() {
    let long = "x".repeat(256);
    let rows = [
        (HTTP, "", 80, Some("no valid host")),
        (HTTP, "a b", 80, Some("no valid host")),
        (HTTP, "a\r\nX: y", 80, Some("no valid host")),
        (HTTP, "a:80", 80, Some("no valid host")),
        (HTTP, "user@a", 80, Some("no valid host")),
        (HTTP, "[::1]", 80, Some("no valid host")),
        (HTTP, "exämple.com", 80, Some("no valid host")),
        (SOCKS, "a\0b", 80, Some("no valid host")),
        (SOCKS, "example.com", 0, Some("no valid port")),
        (SOCKS, &long, 80, Some("a host of more than 255 bytes, for SOCKS")),
        (HTTP, &long, 80, None),
    ];
    for (proxy, host, port, error) in rows {
        let tunnel = Tunnel::new(&Server::new(proxy).unwrap(), host, port, Config::default());
        assert_eq!(tunnel.map(|_| ()), error.map_or(Ok(()), |error| Err(BadUrl(error))), "{host:?}");
    }
}

/// The end of the stream and the deadline, before any step was taken and after all of them.
#[test]
fn end_of_stream_and_deadline_end_what_is_not_open() {
    let refused = b"HTTP/1.1 503 x\r\nContent-Length: 9\r\n\r\nbusy";
    let busy = || match outcome(HTTP, b"HTTP/1.1 503 x\r\nContent-Length: 4\r\n\r\nbusy") {
        Err(ProxyRefused(mut refusal)) => {
            refusal.headers[0].1 = "9".into();
            Err(ProxyRefused(refusal))
        }
        outcome => panic!("{outcome:?}"),
    };
    // The outcome, or `None` for the error of the end itself; and the same if nothing was written.
    let rows: [(&str, &[u8], Option<Outcome>, bool); 9] = [
        (HTTP, b"", None, true),
        (HTTP, b"HTTP/1.1 200 x\r\n", None, true),
        (HTTP, b"HTTP/1.1 200 x\r\n\r\nx", Some(Ok(Some(b"x".to_vec()))), false),
        (HTTP, refused, Some(busy()), true),
        (HTTP, b"SSH-2.0", Some(Err(MalformedProxy)), true),
        (SOCKS, b"\x05\0\x05", None, true),
        (SOCKS, b"\x05\0\x05\x05", Some(Err(SocksRefused(5))), false),
        (SOCKS, b"\x05\xff", Some(Err(SocksMethodRefused)), true),
        (SOCKS, b"\x05\0\x05\0\0\x01\0\0\0\0\0\0", Some(Ok(Some(vec![]))), false),
    ];
    let ends = [
        (Opening::end_of_stream as fn(&mut Opening), UnexpectedEof),
        (Opening::time_out as fn(&mut Opening), TimedOut),
    ];
    for (end, error) in &ends {
        for (proxy, answer, expected, is_same_unwritten) in &rows {
            let mut opening = Opening::from(tunnel(proxy));
            opening.receive(answer);
            while step(&mut opening).0 == Step::Write {}
            end(&mut opening);
            assert_eq!(opening.step(), Step::Done, "{}", answer.escape_ascii());
            let expected = expected.clone().unwrap_or(Err(error.clone()));
            assert_eq!(opening.finish_tunnel().map(Some), expected, "{}", answer.escape_ascii());

            let mut unwritten = Opening::from(tunnel(proxy));
            unwritten.receive(answer);
            end(&mut unwritten);
            assert_eq!(unwritten.step(), Step::Done, "{}", answer.escape_ascii());
            let expected = if *is_same_unwritten { expected } else { Err(error.clone()) };
            assert_eq!(unwritten.finish_tunnel().map(Some), expected, "{}", answer.escape_ascii());
        }
    }
}

#[test]
fn tunnel_itself_gives_the_same_error_again_and_drops_what_comes_then() {
    let mut tunnel = tunnel(HTTP);
    tunnel.receive(b"HTTP/1.1 200 x\r\n\r\n");
    assert_eq!(tunnel.has_opened(), Ok(false), "the request is not written");
    written(tunnel.output());
    assert_eq!((tunnel.has_opened(), tunnel.has_opened()), (Ok(true), Ok(true)));
    tunnel.receive(b"more");
    tunnel.end_of_stream();
    tunnel.time_out();
    assert_eq!(tunnel.has_opened(), Ok(true));
    assert_eq!(tunnel.finish().as_deref(), Ok(&b"more"[..]));

    let mut tunnel = self::tunnel(SOCKS);
    written(tunnel.output());
    tunnel.receive(b"\x05\xff");
    for _ in 0..3 {
        assert_eq!(tunnel.has_opened(), Err(SocksMethodRefused));
        tunnel.receive(b"\x05\0\x05\0\0\x01\0\0\0\0\0\0");
        tunnel.end_of_stream();
    }
    assert_eq!(tunnel.finish(), Err(SocksMethodRefused));
    assert_eq!(self::tunnel(SOCKS).finish(), Err(UnexpectedEof));
}

#[test]
fn tunnel_gives_no_connection_and_a_handshake_gives_no_tunnel() {
    let connection = |opening: Opening| opening.finish().map(|_| ()).unwrap_err();
    let mut opening = Opening::from(tunnel(HTTP));
    step(&mut opening);
    opening.receive(b"HTTP/1.1 200 x\r\n\r\n");
    assert_eq!((opening.step(), connection(opening)), (Step::Done, UnexpectedEof));
    let mut opening = Opening::from(tunnel(HTTP));
    opening.time_out();
    assert_eq!(connection(opening), TimedOut);

    let request = client::Request::new("ws://server.example.com/chat").unwrap().subprotocol("chat");
    let nonce = *b"the sample nonce";
    let handshake = || client::Handshake::with_nonce(&request, Config::default(), nonce, SameKey).unwrap();
    assert_eq!(Opening::from(handshake()).finish_tunnel(), Err(UnexpectedEof));
    let mut opening = Opening::from(handshake());
    step(&mut opening);
    opening.receive(&head(&super::client::LINES));
    assert_eq!((opening.step(), opening.finish_tunnel()), (Step::Done, Err(Finished)));
}

/// A client reaches its server through the proxy, and what the server sends with the proxy's answer is not lost.
#[test]
fn opening_handshake_follows_the_tunnel() {
    for (proxy, answer) in [
        (HTTP, &b"HTTP/1.1 200 Connection established\r\n\r\n"[..]),
        (SOCKS, b"\x05\0\x05\0\0\x01\0\0\0\0\0\0"),
        (SOCKS_LOGIN, b"\x05\x02\x01\0\x05\0\0\x03\0\0\0"),
    ] {
        let response = head(&super::client::LINES);
        let (_, behind) = drive(tunnel(proxy).into(), [&[answer, &response].concat()[..]]);
        let request = client::Request::new("ws://server.example.com/chat").unwrap().subprotocol("chat");
        let nonce = *b"the sample nonce";
        let mut handshake =
            client::Handshake::with_nonce(&request, Config::default(), nonce, SameKey).unwrap();
        written(handshake.output());
        handshake.receive(&behind.unwrap().unwrap());
        let (connection, _) = handshake.next_response().unwrap().unwrap();
        assert_eq!(connection.subprotocol(), Some("chat"), "{proxy}");
    }
}

#[test]
fn errors_name_the_proxy_and_say_who_caused_them() {
    let Err(refused) = outcome(HTTP, b"HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n") else { panic!() };
    let rows = [
        (refused, Fault::Peer, "the proxy answered with status 407"),
        (MalformedProxy, Fault::Peer, "the proxy sent a malformed answer"),
        (SocksMethodRefused, Fault::Peer, "the SOCKS proxy accepts none of the authentication methods"),
        (SocksCredentialsRefused, Fault::Peer, "the SOCKS proxy refused user name and password"),
        (
            SocksRefused(2),
            Fault::Peer,
            "the SOCKS proxy refused: connection not allowed by ruleset (reply 2)",
        ),
        (SocksRefused(4), Fault::Network, "the SOCKS proxy refused: host unreachable (reply 4)"),
        (SocksRefused(9), Fault::Peer, "the SOCKS proxy refused: unassigned (reply 9)"),
        (BadProxy("a path"), Fault::Caller, "bad proxy: a path"),
    ];
    for (error, fault, text) in rows {
        assert_eq!((error.fault(), error.to_string().as_str()), (fault, text));
    }
}
