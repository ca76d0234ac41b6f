//! Heads that are expensive or ambiguous.

use sansocket::handshake::client::{self, Request};
use sansocket::handshake::proxy::{Server, Tunnel};
use sansocket::handshake::{extensions, server};
use sansocket::{Config, HandshakeError};

use crate::ByteByByte;
use crate::common::*;
use crate::counting::{bytes_asked_for, bytes_in_use};
use crate::script::{REQUEST, RESPONSE};

/// The nonce for which [`RESPONSE`] is the answer.
const NONCE: [u8; 16] = *b"the sample nonce";

fn client() -> client::Handshake {
    let request = Request::new("ws://example.com/").unwrap();
    client::Handshake::with_nonce(&request, Config::default(), NONCE, SameKey).unwrap()
}

/// `head` with `len` bytes of further short headers.
pub(crate) fn padded(head: &[u8], len: usize) -> Vec<u8> {
    let (start, end) = head.split_at(head.len() - 2);
    let line = format!("X: {}\r\n", "x".repeat(100));
    [start, line.repeat(len / line.len()).as_bytes(), end].concat()
}

/// How many bytes move, and how many are asked for, while a head arrives byte by byte. `read` reads once and gives where the
/// free room began before it, and whether the head is complete.
fn dribble(head: &[u8], mut read: impl FnMut(&mut ByteByByte<'_>) -> (usize, bool)) -> (usize, usize) {
    let (mut moved, mut waiting, mut expected) = (0, 0, None);
    let asked_for = bytes_asked_for(|| {
        let mut stream = ByteByByte(head);
        loop {
            let (room, is_complete) = read(&mut stream);
            // Bytes that stay where they are are followed by the next one.
            if expected.is_some_and(|expected| room != expected) {
                moved += waiting;
            }
            waiting += 1;
            expected = Some(room + 1);
            if is_complete {
                return;
            }
        }
    });
    (moved, asked_for)
}

// attack: server-1, client-1, way-2
#[test]
fn long_head_byte_by_byte_costs_linear_work() {
    const LEN: usize = 256 << 10;
    let config = || Config::default().max_head_len(1 << 20).max_headers(100_000);
    let server = |len| {
        let mut handshake = server::Handshake::new(config());
        dribble(&padded(REQUEST, len), |stream| {
            let room = handshake.unfilled().as_ptr() as usize;
            assert_eq!(handshake.read_from(stream).unwrap(), 1, "the head ended and was not seen");
            (room, handshake.next_request().unwrap().is_some())
        })
    };
    let client = |len| {
        let request = Request::new("ws://example.com/").unwrap();
        let mut handshake = client::Handshake::with_nonce(&request, config(), NONCE, SameKey).unwrap();
        dribble(&padded(RESPONSE, len), |stream| {
            let room = handshake.unfilled().as_ptr() as usize;
            assert_eq!(handshake.read_from(stream).unwrap(), 1, "the head ended and was not seen");
            (room, handshake.next_response().unwrap().is_some())
        })
    };
    let proxy = |len| {
        let mut tunnel = Tunnel::new(&Server::new("proxy").unwrap(), "a", 80, config()).unwrap();
        written(tunnel.output());
        dribble(&padded(b"HTTP/1.1 200 OK\r\n\r\n", len), |stream| {
            let room = tunnel.unfilled().as_ptr() as usize;
            assert_eq!(tunnel.read_from(stream).unwrap(), 1, "the head ended and was not seen");
            (room, tunnel.has_opened().unwrap())
        })
    };
    for cost in [&server as &dyn Fn(usize) -> (usize, usize), &client, &proxy] {
        let ((moved, asked_for), (moved_twice, asked_for_twice)) = (cost(LEN), cost(2 * LEN));
        assert!(moved <= 2 * LEN && moved_twice <= 4 * LEN, "{moved}, {moved_twice} bytes moved");
        assert!(asked_for <= 8 * LEN && asked_for_twice <= 16 * LEN, "{asked_for}, {asked_for_twice} bytes");
    }
}

/// The lines of a head, without the one that ends it.
fn lines(head: &[u8]) -> Vec<&str> {
    std::str::from_utf8(head).unwrap().trim_end().split("\r\n").collect()
}

fn head(lines: &[&str]) -> Vec<u8> {
    (lines.join("\r\n") + "\r\n\r\n").into()
}

/// All orders of `len` things.
fn orders(len: usize) -> Vec<Vec<usize>> {
    match len {
        0 => vec![vec![]],
        _ => {
            let put = |order: &Vec<usize>, at: usize| [&order[..at], &[len - 1], &order[at..]].concat();
            orders(len - 1).iter().flat_map(|order| (0..len).map(move |at| put(order, at))).collect()
        }
    }
}

// attack: server-2
#[test]
fn dropped_or_doubled_header_is_refused_in_every_order() {
    let receive = |lines: &[&str]| {
        let mut handshake = server::Handshake::new(Config::default());
        handshake.receive(&head(lines));
        let is_upgrade =
            |exchange: server::Exchange| matches!(exchange.incoming(), server::Incoming::Upgrade(_));
        handshake.next_request().map(|exchange| exchange.is_some_and(is_upgrade))
    };
    let all = lines(REQUEST);
    let (first, headers) = all.split_first().unwrap();
    for order in orders(headers.len()) {
        let ordered: Vec<_> = order.iter().map(|&i| headers[i]).collect();
        assert_eq!(receive(&[&[*first], &ordered[..]].concat()), Ok(true));
        for (i, line) in ordered.iter().enumerate() {
            let name = line.split_once(':').unwrap().0;
            let without = [&[*first], &ordered[..i], &ordered[i + 1..]].concat();
            assert!(
                matches!(
                    receive(&without),
                    Err(HandshakeError::Missing(missing)) if missing == name
                ) || (name == "Sec-WebSocket-Version"
                    && receive(&without) == Err(HandshakeError::UnsupportedVersion)),
                "{without:?}"
            );
            let twice = receive(&[&[*first], &ordered[..], &[*line]].concat());
            // Upgrade and Connection are lists, which go over several lines.
            let is_list = matches!(name, "Upgrade" | "Connection");
            assert!(
                twice == Ok(true) && is_list || matches!(twice, Err(HandshakeError::Duplicate(_))),
                "{line}: {twice:?}"
            );
        }
    }
}

// attack: server-6
#[test]
fn long_extensions_cost_linear_memory() {
    const LEN: usize = 1 << 20;
    let rows: [(&[u8], &[u8], &[u8]); 9] = [
        (b"a", b" ", b""),
        (b"a", b" ", b"b"),
        (b"a;", b"\t ", b"b"),
        (b"a; b=\"", b"c", b""),
        (b"a; b=\"", b"\\", b""),
        (b"a; b=\"", b"\\\"", b"\""),
        (b"", b",", b""),
        (b"a", b"; b", b""),
        (b"a", b"; b=\"c\", d", b""),
    ];
    for (start, filler, end) in rows {
        let cost = |len: usize| {
            let value = [start, &filler.repeat(len / filler.len()), end].concat();
            let mut peak = 0;
            let asked_for = bytes_asked_for(|| peak = bytes_in_use(|| extensions::parse(&value).is_some()).1);
            (asked_for, peak)
        };
        let ((asked_for, peak), (asked_for_twice, peak_twice)) = (cost(LEN), cost(2 * LEN));
        let what = format!("{}: {asked_for}, {asked_for_twice}", filler.escape_ascii());
        assert!(asked_for_twice <= 2 * asked_for + 1000 && peak_twice <= 2 * peak + 1000, "{what}");
        assert!(peak <= 100 * LEN, "{what}");
    }
}

// attack: client-1
#[test]
fn any_byte_in_any_header_of_the_response_gives_a_connection_or_an_error() {
    let all = lines(RESPONSE);
    for (i, line) in all.iter().enumerate() {
        for at in 0..=line.len() {
            for byte in 0..=255 {
                let changed = [&line.as_bytes()[..at], &[byte], &line.as_bytes()[at..]].concat();
                let before = all[..i].iter().flat_map(|line| [line.as_bytes(), b"\r\n"]).flatten().copied();
                let mut bytes: Vec<u8> = before.collect();
                bytes.extend([&changed[..], b"\r\n"].concat());
                bytes.extend(head(&all[i + 1..]));
                let mut handshake = client();
                handshake.receive(&bytes);
                let opened = handshake.next_response().is_ok_and(|opened| opened.is_some());
                // Only white space around a value, a word more in the reason, and another header's name change nothing.
                let is_accept = line.starts_with("Sec-WebSocket-Accept: ") && at > 22 && at < line.len();
                assert!(!(opened && is_accept), "{}", bytes.escape_ascii());
            }
        }
    }
}

// attack: client-1
#[test]
fn interim_responses_are_limited() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"] {
        let mut handshake = client();
        let (heads, peak, _) = bytes_in_use(|| {
            (0..1_000_000).position(|_| {
                handshake.receive(interim.as_bytes());
                handshake.next_response().is_err()
            })
        });
        assert!(heads.is_some_and(|heads| heads < 10) && peak <= 4 << 10, "{heads:?} heads, {peak} bytes");
    }
}

// attack: client-3
#[test]
fn any_character_in_a_request_is_sent_in_one_head_or_refused() {
    let shape = |request: &Request| {
        let mut handshake = client::Handshake::with_nonce(request, Config::default(), NONCE, SameKey).ok()?;
        let head = written(handshake.output());
        let ends = head.windows(4).position(|end| end == b"\r\n\r\n");
        assert_eq!(ends, Some(head.len() - 4), "{}", head.escape_ascii());
        let lines = head.split(|byte| *byte == b'\n').count();
        let is_clean = |byte: &u8| matches!(byte, b'\r' | b'\n' | b'\t' | b' '..=b'~' | 0x80..);
        assert!(head.iter().all(is_clean), "{}", head.escape_ascii());
        Some(lines)
    };
    let plain = || Request::new("ws://example.com/").unwrap();
    let characters = (0..=0x17F).filter_map(char::from_u32).chain(['\u{2028}', '\u{ff0a}', '\u{10a0d}']);
    for c in characters {
        for url in [
            format!("ws://exam{c}ple.com/"),
            format!("ws://example.com:8{c}0/"),
            format!("ws://us{c}er:pass@example.com/"),
            format!("ws://example.com/a{c}b"),
            format!("ws://example.com/?a{c}b"),
            format!("w{c}s://example.com/"),
            format!("{c}ws://example.com/"),
            format!("ws://example.com/{c}"),
        ] {
            if let Ok(request) = Request::new(&url) {
                assert!(
                    shape(&request).is_some_and(|lines| lines == 8 || lines == 9 && url.contains('@')),
                    "{url:?}"
                );
                assert!(c.is_ascii_graphic(), "{url:?}");
            }
        }
        let lines = [
            (plain().subprotocol(format!("a{c}b")), c.is_ascii_graphic()),
            (plain().origin(format!("http://a{c}b")), c.is_ascii_graphic()),
            (plain().header(format!("X{c}Y"), "z"), c.is_ascii_graphic()),
            (plain().header("X", format!("y{c}z")), !c.is_control() || c == '\t' || c > '\u{7f}'),
        ];
        for (request, may_pass) in lines {
            let lines = shape(&request);
            assert!(lines.is_none() || lines == Some(9) && may_pass, "{c:?}: {request:?}: {lines:?}");
        }
    }
}
