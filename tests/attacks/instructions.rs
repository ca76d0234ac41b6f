//! Work, by a count of instructions: bytes that are scanned or moved twice show in no allocation.
//!
//! This needs valgrind and an optimised build, where a moved byte counts beside the calls around it. So it runs only on
//! demand: `cargo test --release --test attacks -- --ignored --nocapture instructions`.

use std::process::Command;

use sansocket::handshake::client::{self, Request};
use sansocket::handshake::{extensions, server};
use sansocket::{Bytes, Config, Connection, Limits, Message, Role};

use crate::common::*;
use crate::opening::padded;
use crate::script::{REQUEST, RESPONSE};
use crate::{ByteByByte, receive};

/// Work on this many bytes.
type Work = fn(usize);

const WORK: [(&str, Work); 13] = [
    ("a request byte by byte", |len| {
        let mut handshake = server::Handshake::new(config());
        for byte in padded(REQUEST, len) {
            handshake.receive(&[byte]);
            assert!(handshake.next_request().is_ok());
        }
    }),
    ("a response byte by byte", |len| {
        let request = Request::new("ws://example.com/").unwrap();
        let nonce = *b"the sample nonce";
        let mut handshake = client::Handshake::with_nonce(&request, config(), nonce, SameKey).unwrap();
        for byte in padded(RESPONSE, len) {
            handshake.receive(&[byte]);
            assert!(handshake.next_response().is_ok());
        }
    }),
    ("a request with one long line", |len| {
        let line =
            [&REQUEST[..REQUEST.len() - 2], b"Cookie: ", &b"a=b; ".repeat(len / 5), b"\r\n\r\n"].concat();
        let mut handshake = server::Handshake::new(config());
        handshake.receive(&line);
        let exchange = handshake.next_request().unwrap().unwrap();
        let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!() };
        assert_eq!(request.cookies().count(), len / 5);
    }),
    ("subprotocols", |len| {
        let names: Vec<_> = (0..len / 8).map(|i| format!("{i:07}")).collect();
        let line = format!("Sec-WebSocket-Protocol: {}\r\n\r\n", names.join(","));
        let mut handshake = server::Handshake::new(config());
        handshake.receive(&[&REQUEST[..REQUEST.len() - 2], line.as_bytes()].concat());
        let exchange = handshake.next_request().unwrap().unwrap();
        let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!() };
        assert_eq!(request.subprotocols().count(), names.len());
        let response = request.accept().subprotocol(&names[0]);
        assert!(matches!(exchange.respond(response), Ok(server::Answer::Open(_))));
    }),
    ("an extension with spaces", |len| {
        let value = [&b"a"[..], &b" ".repeat(len), b"b"].concat();
        (0..20).for_each(|_| assert!(extensions::parse(&value).is_none()));
    }),
    ("an extension with a quote that does not end", |len| {
        let value = [&b"a; b=\""[..], &b"\\\"".repeat(len / 2)].concat();
        (0..20).for_each(|_| assert!(extensions::parse(&value).is_none()));
    }),
    ("many extensions", |len| {
        assert!(extensions::parse(&b"a; b; c=1, ".repeat(len / 11)).is_some());
    }),
    ("a text byte by byte", |len| byte_by_byte(TEXT, len)),
    ("binary data byte by byte", |len| byte_by_byte(BINARY, len)),
    ("a binary message in fragments of one byte, byte by byte", |len| {
        for role in ROLES {
            let bytes =
                [wire(role, &[(BINARY_BEGINS, b"")]), wire(role, &[(GOES_ON, b"x")]).repeat(len)].concat();
            let outcome = receive(&mut connection(role, &config()), ByteByByte(&bytes));
            assert_eq!(outcome.1, None);
        }
    }),
    ("Pings whose answers are not read", |len| {
        let bytes = wire(Role::Server, &[(PING, b"12345678")]).repeat(len / 8);
        receive(&mut Connection::server(config()), &bytes[..]);
    }),
    ("small messages written byte by byte", |len| {
        let mut end = Connection::server(config());
        (0..len / 8).for_each(|_| end.send("message").unwrap());
        while !end.output().is_empty() {
            end.output().write_to(&mut OneByte).unwrap();
        }
    }),
    ("shared messages written byte by byte", |len| {
        let mut end = Connection::server(config());
        let message = Message::from(Bytes::from(vec![0; 4096]));
        (0..len / 128).for_each(|_| end.send(&message).unwrap());
        while !end.output().is_empty() {
            let part = end.output().len().min(128);
            end.output().advance(part);
            assert!(end.output().chunks().take(32).count() <= 32);
        }
    }),
];

fn byte_by_byte(first: u8, len: usize) {
    for role in ROLES {
        let bytes = wire(role, &[(first, &vec![b'x'; len])]);
        let outcome = receive(&mut connection(role, &config()), ByteByByte(&bytes));
        assert_eq!(outcome.1, None);
    }
}

fn config() -> Config {
    let limits = Limits::default().max_fragments(u32::MAX);
    Config::default().max_head_len(16 << 20).max_headers(1 << 20).limits(limits)
}

/// Takes one byte per write.
struct OneByte;

impl std::io::Write for OneByte {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        Ok(from.len().min(1))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The work and the number of bytes for a process of its own.
const ASKED: &str = "SANSOCKET_WORK";

/// How many instructions that takes, including the start of the test.
fn instructions(name: &str, len: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "--test-threads=1",
            "instructions::twice_the_bytes_take_at_most_about_twice_the_work",
        ])
        .env(ASKED, format!("{name}={len}"))
        .output()
        .expect("valgrind is needed to count instructions");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    let collected =
        said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim());
    collected.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

#[test]
#[ignore = "needs valgrind: cargo test --release --test attacks -- --ignored instructions"]
fn twice_the_bytes_take_at_most_about_twice_the_work() {
    // Four times as much is still below 64 KiB. Longer frames take another path.
    const LEN: usize = 15 << 10;
    if let Ok(asked) = std::env::var(ASKED) {
        let (name, len) = asked.split_once('=').unwrap();
        let (_, work) = WORK.iter().find(|(known, _)| *known == name).unwrap();
        return work(len.parse().unwrap());
    }
    for (name, _) in WORK {
        let [once, twice, four_times] = [1, 2, 4].map(|times| instructions(name, times * LEN));
        let ratio = (four_times - twice) as f64 / (twice - once) as f64;
        println!("{ratio:.2} {name}: {} instructions a byte", (twice - once) / LEN as u64);
        // Linear work gives 2, quadratic work 4.
        assert!((1.2..2.5).contains(&ratio), "{name}: {once}, {twice}, {four_times}");
    }
}
