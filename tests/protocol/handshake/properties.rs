//! Any head in any reads matches the model.

use proptest::prelude::*;
use proptest::sample::Index;
use sansocket::Config;

use super::*;
use crate::model::opening::{check_client, check_server};
use crate::model::reads::reads;
use crate::model::tunnel::{check_connect, check_socks};

/// Valid and invalid lines of requests and responses.
fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Origin",
        "Content-Length",
        "Transfer-Encoding",
        "X",
    ]);
    let value = prop_oneof![
        6 => prop::sample::select(vec![
            "server.example.com", "websocket", "h2c, WebSocket", "Upgrade", "keep-alive, upgrade", "13", "8", "chat",
            "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "superchat, other", "a; b=\"c\", d;e", "0", "5",
            "+5", "", "chunked", "gzip, chunked",
        ]).prop_map(String::from),
        1 => "[ -~\t]{0,12}",
        1 => "[\"\\\\;,= a]{0,12}",
        1 => "\\PC{0,4}",
    ];
    (name, prop::sample::select(vec![": ", ":", ":\t ", ": ", ":", " :", " ", ""]), value)
        .prop_map(|(name, colon, value)| name.to_string() + colon + &value)
}

/// A head with some lines replaced, some lines added and some bytes changed.
fn heads(lines: &'static [&'static str], first: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<Index>(), line(), any::<bool>()), 0..4);
    let mutations = prop::collection::vec(
        (any::<Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"\r\n :,;\"".to_vec())]),
        0..2,
    );
    let first = prop_oneof![4 => Just(lines[0]), 1 => prop::sample::select(first)];
    (
        first,
        edits,
        prop_oneof![3 => Just(vec![]), 1 => mutations],
        prop_oneof!["", "\r\n", "body", "4\r\nRust(\r\n1;a\r\n!)?\r\n0\r\n\r\n", "[0-3a;\r\n ]{0,16}"],
    )
        .prop_map(move |(first, edits, mutations, tail)| {
            let mut kept: Vec<String> = lines.iter().map(ToString::to_string).collect();
            kept[0] = first.into();
            for (at, line, replaces) in edits {
                let at = 1 + at.index(kept.len() - 1);
                if replaces {
                    kept[at] = line;
                } else {
                    kept.insert(at, line);
                }
            }
            let mut bytes = head(&kept);
            for (at, byte) in mutations {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.extend(tail.bytes());
            bytes
        })
}

const REQUEST_LINES: &[&str] = &[
    "POST /chat HTTP/1.1",
    "GET /chat HTTP/1.0",
    "GET http://server.example.com:80/?q HTTP/1.1",
    "GET HTTPS://other HTTP/1.1",
    "GET ws://server.example.com:80/?q HTTP/1.1",
    "GET wss://server.example.com HTTP/1.1",
    "GET /[a]{b}|^`%?\"<>\\ HTTP/1.1",
    "GET * HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "SSH-2.0-OpenSSH_9.6",
    "\u{16}\u{3}\u{1}",
    "\r\nGET /a?b?c HTTP/1.1",
    "\r\n",
    "GET  / HTTP/1.1",
    "GET /\u{e9} HTTP/1.1",
];

const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Now",
    "HTTP/1.1 101",
    "HTTP/1.0 101 No",
    "HTTP/1.1 404 Not Found",
    "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked",
    "HTTP/1.1 101\r\nno colon",
    "HTTP/1.1 101 Now\r\na name: x",
    "HTTP/1.1 101 Now\r\n folded: x",
    "SSH-2.0-OpenSSH_9.6",
    "HTTP/1.1 204 ",
    "HTTP/1.0 200 \u{e9}",
    "HTTP/2.0 101 No",
    "\r\n",
    "HTTP/1.1 1011",
    "HTTP/1.1  101 ",
];

const PROXY_LINES: [&str; 2] = ["HTTP/1.1 200 Connection established", "Proxy-Agent: x"];

const PROXY_STATUS_LINES: &[&str] = &[
    "HTTP/1.0 200 OK",
    "HTTP/1.1 299",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content",
    "HTTP/1.1 407 No\r\nTransfer-Encoding: chunked",
    "HTTP/1.1 302 Found\r\nLocation: /",
    "HTTP/1.1 101 Switching Protocols",
    "\r\nHTTP/1.1 200 OK",
    "HTTP/2.0 200 OK",
    "\u{5}\0",
];

/// Answers of a SOCKS proxy, cut short and with some bytes changed.
fn socks_answers() -> impl Strategy<Value = Vec<u8>> {
    let method =
        prop::sample::select(vec![&b"\x05\0"[..], b"\x05\x02\x01\0", b"\x05\xff", b"\x05\x02", b"HTTP"]);
    let address = prop_oneof![
        Just([&[1][..], &[0; 6]].concat()),
        Just([&[4][..], &[0; 18]].concat()),
        prop::sample::select(vec![0u8, 1, 255]).prop_map(|len| [
            &[3, len][..],
            &vec![b'd'; usize::from(len) + 2]
        ]
        .concat()),
    ];
    let change = prop::option::of((any::<Index>(), any::<u8>()));
    (method, address, change, prop_oneof![3 => Just(None), 1 => any::<Index>().prop_map(Some)]).prop_map(
        |(method, address, change, cut)| {
            let mut bytes = [method, &[5, 0, 0], &address, b"behind"].concat();
            if let Some((at, byte)) = change {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
            bytes
        },
    )
}

fn config() -> impl Strategy<Value = Config> {
    prop_oneof![3 => Just(Config::default()), 1 => (0usize..400, 0usize..12).prop_map(|(max_head_len, max_headers)| {
        Config::default().max_head_len(max_head_len).max_headers(max_headers)
    })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    // attack: server-6
    // req: 6455-10.1-a, 6455-10.7-a
    #[test]
    fn any_request_in_any_reads_matches_the_model(
        bytes in heads(&LINES, REQUEST_LINES), config in config(), len in 1usize..100,
    ) {
        for len in [0, 1, len] {
            check_server(&config, &reads(&bytes, &[len]));
        }
    }

    // attack: client-1
    // req: 6455-10.1-a, 6455-10.7-a
    #[test]
    fn any_response_in_any_reads_matches_the_model(
        bytes in heads(&client::LINES, STATUS_LINES), config in config(), len in 1usize..100,
    ) {
        for len in [0, 1, len] {
            check_client(&config, &["chat", "superchat"], &reads(&bytes, &[len]));
        }
    }

    // attack: way-2
    #[test]
    fn any_answer_to_connect_in_any_reads_matches_the_model(
        bytes in heads(&PROXY_LINES, PROXY_STATUS_LINES), config in config(), len in 1usize..100,
    ) {
        for len in [0, 1, len] {
            check_connect(&config, &reads(&bytes, &[len]));
        }
    }

    // attack: way-2
    #[test]
    fn any_answer_in_socks_in_any_reads_matches_the_model(bytes in socks_answers(), len in 1usize..20) {
        for len in [0, 1, len] {
            check_socks("socks5://proxy", &reads(&bytes, &[len]));
            check_socks("socks5://user:word@proxy", &reads(&bytes, &[len]));
        }
    }

    // req: 6455-9.1-a
    #[test]
    fn any_list_of_extensions_matches_the_model(
        value in prop_oneof!["[ab,;= \t\"\\\\]{0,16}", "[a-c]{1,2}(; ?[ab](=([12]|\"\\\\?[3 ]\"))?){0,2}(, ?[a-c]?){0,2}", "\\PC{0,6}"],
    ) {
        crate::model::extensions::check(value.as_bytes());
    }
}
