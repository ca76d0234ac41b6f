//! Tunnels through proxies: HTTP `CONNECT` (RFC 9110 section 9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).

mod connect;
mod socks;

use sansocket::HandshakeError::{
    BadProxy, BadUrl, Finished, MalformedProxy, ProxyRefused, SocksCredentialsRefused, SocksMethodRefused,
    SocksRefused, TimedOut, UnexpectedEof,
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
