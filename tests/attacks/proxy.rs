//! Proxies that never come to an end, and credentials that must not go to the wrong one.

use sansocket::handshake::client::{Handshake, Request};
use sansocket::handshake::proxy::{Server, Tunnel};
use sansocket::{Config, HandshakeError, Proxy};

use crate::common::*;
use crate::counting::bytes_in_use;

const SOCKS: &str = "socks5://proxy";
const LOGIN: &str = "socks5://user:word@proxy";

fn tunnel(proxy: &str) -> Tunnel {
    Tunnel::new(&Server::new(proxy).unwrap(), "example.com", 443, Config::default()).unwrap()
}

/// What comes of a proxy that first sends `start` and then, endlessly, the same again; and the memory in use at its peak.
fn flooded(proxy: &str, start: &[u8], flood: &[u8]) -> (HandshakeError, usize) {
    let flood = flood.repeat((1 << 10) / flood.len());
    let mut tunnel = tunnel(proxy);
    let (error, peak, _) = bytes_in_use(|| {
        tunnel.receive(start);
        (0..100_000).find_map(|_| {
            let n = tunnel.output().len();
            tunnel.output().advance(n);
            tunnel.receive(&flood);
            tunnel.has_opened().err()
        })
    });
    (error.unwrap_or_else(|| panic!("endless: {}", start.escape_ascii())), peak)
}

// attack: way-2
#[test]
fn proxy_that_never_ends_its_answer_costs_bounded_memory() {
    use HandshakeError::{HeadTooLong, MalformedProxy, SocksRefused, TooManyHeaders};
    let http = "http://proxy";
    let rows: [(&str, &[u8], &[u8], HandshakeError); 9] = [
        (http, b"HTTP/1.1 200 ", b"x", HeadTooLong),
        (http, b"HTTP/1.1 200 OK\r\nX: ", b"x", HeadTooLong),
        (http, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", TooManyHeaders),
        (http, b"HTTP/1.1 200 OK\r\n", b"no header\r\n", TooManyHeaders),
        (http, b"", b"HTTP/1.1 100 Continue\r\n\r\n", MalformedProxy),
        (http, b"", b"\r\n", MalformedProxy),
        (SOCKS, b"\x05\0\x05\0\0", b"\0", MalformedProxy),
        (LOGIN, b"\x05\x02\x01\0\x05\x01", b"\0", SocksRefused(1)),
        (LOGIN, b"", b"HTTP/1.1 400 Bad Request\r\n", MalformedProxy),
    ];
    for (proxy, start, flood, expected) in rows {
        let (error, peak) = flooded(proxy, start, flood);
        assert_eq!(error, expected, "{} {}", start.escape_ascii(), flood.escape_ascii());
        assert!(peak <= 128 << 10, "{peak} bytes: {} {}", start.escape_ascii(), flood.escape_ascii());
    }
    for (start, flood) in [
        (&b"HTTP/1.1 502 x\r\n\r\n"[..], &b"x"[..]),
        (b"HTTP/1.1 407 x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 302 x\r\nLocation: http://other/\r\nContent-Length: 99999999999\r\n\r\n", b"x"),
    ] {
        let (error, peak) = flooded(http, start, flood);
        let HandshakeError::ProxyRefused(refusal) = error else { panic!("{error}") };
        assert_eq!(refusal.body.len(), Config::default().max_head_len);
        assert!(peak <= 192 << 10, "{peak} bytes: {}", start.escape_ascii());
    }
}

/// All that a client writes to a proxy by that URL, and then to the server.
fn conversation(proxy: &str, answers: &[&[u8]], url: &str) -> (Vec<u8>, Vec<u8>) {
    let request = Request::new(url).unwrap();
    let proxy = Proxy::new(proxy).unwrap();
    let server = proxy.server_for(&request).unwrap().unwrap();
    let mut tunnel = Tunnel::new(server, request.host(), request.port(), Config::default()).unwrap();
    let mut to_proxy = written(tunnel.output());
    for answer in answers {
        tunnel.receive(answer);
        tunnel.has_opened().unwrap();
        to_proxy.extend(written(tunnel.output()));
    }
    assert_eq!(tunnel.finish(), Ok(vec![]));
    let mut handshake = Handshake::new(&request, Config::default()).unwrap();
    (to_proxy, written(handshake.output()))
}

// attack: way-2
#[test]
fn credentials_for_the_proxy_and_for_the_server_never_meet() {
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    // "proxy:hidden" and "server:secret" in base64, and as they are.
    let (for_proxy, for_server) = (["cHJveHk6aGlkZGVu", "hidden"], ["c2VydmVyOnNlY3JldA==", "secret"]);
    let socks: &[&[u8]] = &[b"\x05\x02", b"\x01\0", b"\x05\0\0\x01\0\0\0\0\0\0"];
    let rows: [(&str, &[&[u8]], &str); 2] = [
        ("http://proxy:hidden@proxy.example", &[b"HTTP/1.1 200 OK\r\n\r\n"], for_proxy[0]),
        ("socks5://proxy:hidden@proxy.example", socks, for_proxy[1]),
    ];
    for (proxy, answers, sent) in rows {
        let (to_proxy, to_server) = conversation(proxy, answers, "ws://server:secret@example.com/");
        assert!(has(&to_proxy, sent) && has(&to_server, for_server[0]), "each has its own");
        assert!(!for_server.iter().any(|text| has(&to_proxy, text)), "{}", to_proxy.escape_ascii());
        assert!(!for_proxy.iter().any(|text| has(&to_server, text)), "{}", to_server.escape_ascii());
        assert!(!has(&to_server, "Proxy-Authorization") && !has(&to_proxy, "\r\nAuthorization"));
    }
}

// attack: way-2
#[test]
fn credentials_are_in_no_error_and_in_no_debug_output() {
    for url in ["http://user:hidden@proxy", "socks5://user:hidden@proxy"] {
        let (proxy, server) = (Proxy::new(url).unwrap(), Server::new(url).unwrap());
        let tunnel = Tunnel::new(&server, "example.com", 80, Config::default()).unwrap();
        let shown = format!(
            "{proxy:?} {server:?} {tunnel:?} {:?}",
            sansocket::handshake::Opening::from(self::tunnel(url))
        );
        assert!(!shown.contains("hidden") && !shown.contains("104, 105"), "{shown}");
    }
    for url in
        ["https://user:hidden@proxy", "socks5://:hidden@proxy", "http://user:hidden@proxy/x", "user:hidden@"]
    {
        let error = Proxy::new(url).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hidden"), "{error:?}");
    }
}
