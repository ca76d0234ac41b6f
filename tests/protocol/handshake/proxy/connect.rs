//! HTTP `CONNECT` (RFC 9110 section 9.3.6).

use sansocket::Config;
use sansocket::HandshakeError::{HeadTooLong, MalformedProxy, ProxyRefused, TooManyHeaders};
use sansocket::handshake::Opening;
use sansocket::handshake::proxy::{Server, Tunnel};

use super::{HTTP, Outcome, answered, drive, head, outcome};
use crate::common::written;

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
