//! Any head, in any reads, for either role, and heads that are built from any strings. Any answer of a proxy.

use sansocket::Config;
use sansocket::handshake::client;
use sansocket::handshake::server::{Answer, Handshake, Incoming};

use crate::Traffic;
use crate::model::head::Headers;
use crate::model::opening::{ACCEPT, NONCE, check_client, check_server};
use crate::model::paths::written;
use crate::model::request::{Asked, judge_request};
use crate::model::response::{Answered, judge_response};
use crate::model::tunnel::{check_connect, check_socks};
use crate::model::wire::SameKey;

/// The input is lines from which a head is built.
const BUILT: u8 = 0x01;

const OFFERED: [&str; 2] = ["chat", "superchat"];

impl Traffic<'_> {
    fn config(&self) -> Config {
        let config = Config::default();
        if self.is_tight() { config.max_head_len(300).max_headers(9) } else { config }
    }

    /// The lines as text.
    fn lines(&self) -> Vec<String> {
        self.data
            .split(|byte| *byte == b'\n')
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }
}

/// A server reads a request as the model does, and its response is well-formed.
pub fn server_handshake(case: &Traffic<'_>) {
    if case.flags & BUILT != 0 {
        return answer(&case.lines());
    }
    check_server(&case.config(), &[case.data]);
    check_server(&case.config(), &case.reads(case.data));
}

/// A client reads a response as the model does, and its request is well-formed.
pub fn client_handshake(case: &Traffic<'_>) {
    if case.flags & BUILT != 0 {
        return ask(&case.lines());
    }
    check_client(&case.config(), &OFFERED, &[case.data]);
    check_client(&case.config(), &OFFERED, &case.reads(case.data));
}

/// A tunnel makes of a proxy's answer what the model does.
pub fn proxy(case: &Traffic<'_>) {
    for reads in [vec![case.data], case.reads(case.data)] {
        match (case.is_socks(), case.has_login()) {
            (true, false) => check_socks("socks5://proxy", &reads),
            (true, true) => check_socks("socks5://user:word@proxy", &reads),
            (false, _) => check_connect(&case.config(), &reads),
        }
    }
}

/// Builds a request from a URL and lines: headers, and subprotocols for lines without a colon. The server finds exactly
/// these.
fn ask(lines: &[String]) {
    let Some((url, lines)) = lines.split_first() else { return };
    let Ok(mut request) = client::Request::new(url) else { return };
    let (mut headers, mut subprotocols) = (Headers::new(), Vec::new());
    for line in lines {
        request = match line.split_once(':') {
            Some((name, value)) => {
                headers.push((name.into(), value.trim_matches([' ', '\t']).into()));
                request.header(name, value)
            }
            None => {
                subprotocols.push(line.clone());
                request.subprotocol(line)
            }
        };
    }
    let Ok(mut handshake) = client::Handshake::with_nonce(&request, Config::default(), NONCE, SameKey) else {
        return;
    };
    let sent = written(handshake.output());
    let limitless = Config::default().max_head_len(usize::MAX).max_headers(1000);
    match judge_request(&sent, &limitless) {
        Asked::Upgrade(asked) => {
            assert_eq!((asked.len, &asked.accept[..]), (sent.len(), ACCEPT));
            assert_eq!(asked.subprotocols, subprotocols);
            assert_eq!(asked.headers[0].0, "Host");
            // The last of several `Authorization`, `Origin` or `Host` headers counts, and `Host` stays in front.
            let sole = ["Authorization", "Origin", "Host"];
            let is_free =
                |(name, _): &&(String, Vec<u8>)| !sole.iter().any(|sole| name.eq_ignore_ascii_case(sole));
            let ours = 5 + usize::from(!subprotocols.is_empty());
            let found: Vec<_> = asked.headers[ours..].iter().filter(is_free).collect();
            assert_eq!(found, headers.iter().filter(is_free).collect::<Vec<_>>());
        }
        asked => panic!("{}: {asked:?}", sent.escape_ascii()),
    }
}

/// Builds a response from a status or an acceptance and lines: headers, subprotocols for lines without a colon, and a body
/// behind an empty line. The client finds exactly these.
fn answer(lines: &[String]) {
    let request =
        b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\r\n";
    let mut handshake = Handshake::new(Config::default());
    handshake.receive(request);
    let Ok(Some(exchange)) = handshake.next_request() else { panic!("not a request") };
    let Incoming::Upgrade(request) = exchange.incoming() else { panic!("not for WebSocket") };
    let Some((status, lines)) = lines.split_first() else { return };
    let status = status.parse().ok();
    let mut response = status.map_or_else(|| request.accept(), |status| request.reject(status));
    let (mut headers, mut body) = (Headers::new(), Vec::new());
    let mut lines = lines.iter();
    while let Some(line) = lines.next() {
        response = match line.split_once(':') {
            Some((name, value)) => {
                headers.push((name.into(), value.trim_matches([' ', '\t']).into()));
                response.header(name, value)
            }
            None if line.is_empty() => {
                body = lines.by_ref().map(String::as_str).collect::<Vec<_>>().join("\n").into_bytes();
                response.body(body.clone())
            }
            None => response.subprotocol(line),
        };
    }
    let checked = response.check();
    let (answer, opened) = match exchange.respond(response) {
        Ok(Answer::Open(mut connection)) => (written(connection.output()), true),
        Ok(Answer::Closed(mut output)) => (written(&mut output), false),
        Err(error) => return assert_eq!(checked, Err(error), "found before the request is consumed"),
    };
    let limitless = Config::default().max_head_len(usize::MAX).max_headers(1000);
    let found = match judge_response(&answer, &limitless, ACCEPT, &OFFERED) {
        Answered::Opened { headers, len } if opened => {
            assert_eq!(len, answer.len());
            headers
        }
        Answered::Refused { status: found, headers, body_len, len } if !opened => {
            assert_eq!(Some(found), status);
            let has_none = matches!(found, 204 | 304);
            assert_eq!(body_len, Some(if has_none { 0 } else { body.len() as u64 }));
            assert_eq!(answer[len..], if has_none { vec![] } else { body });
            headers
        }
        answered => panic!("{}: {answered:?}", answer.escape_ascii()),
    };
    assert!(found.ends_with(&headers), "{found:?}, not {headers:?}");
}
