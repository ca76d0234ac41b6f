//! SOCKS 5 (RFC 1928, RFC 1929).

use sansocket::HandshakeError::{MalformedProxy, SocksCredentialsRefused, SocksMethodRefused, SocksRefused};
use sansocket::handshake::proxy::{Server, Tunnel};
use sansocket::{Config, Fault};

use super::{Outcome, SOCKS, SOCKS_LOGIN, drive, outcome};

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
