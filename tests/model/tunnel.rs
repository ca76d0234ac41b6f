//! Compares the crate's tunnels through proxies with a model that has the whole answer at once (RFC 9110 section 9.3.6, RFC
//! 1928, RFC 1929).

use sansocket::handshake::proxy::{Server, Tunnel};
use sansocket::handshake::{Opening, Step};
use sansocket::{Config, HandshakeError};

use super::head::Headers;
use super::opening::ACCEPT;
use super::paths::written;
use super::response::{Answered, judge_response, refusal_body};

/// Checks that a tunnel by `CONNECT` makes of these reads what the model does.
pub(crate) fn check_connect(config: &Config, reads: &[&[u8]]) {
    let bytes = reads.concat();
    let mut opening = Opening::from(tunnel("http://user:word@proxy", config));
    assert_eq!(drive(&mut opening, reads).len(), 1, "one request");
    let is_done = opening.step() == Step::Done;
    opening.end_of_stream();
    let outcome = opening.finish_tunnel();
    // A status line is judged as that of any response; what it means is not.
    match judge_response(&bytes, config, ACCEPT, &[]) {
        Answered::Nothing => assert_eq!((is_done, outcome), (false, Err(HandshakeError::UnexpectedEof))),
        // The model judges a 101, and here there is no reason for one.
        Answered::Opened { .. } => assert_eq!(outcome, Err(HandshakeError::MalformedProxy)),
        Answered::Broken(rules) => {
            let limits = [HandshakeError::HeadTooLong, HandshakeError::TooManyHeaders];
            let expected = rules
                .into_iter()
                .find(|rule| limits.contains(rule))
                .unwrap_or(HandshakeError::MalformedProxy);
            assert_eq!((is_done, outcome), (true, Err(expected)));
        }
        Answered::Refused { status: 200..=299, len, .. } => {
            assert_eq!((is_done, outcome.as_deref()), (true, Ok(&bytes[len..])));
        }
        Answered::Refused { status, headers, body_len, len } => {
            // A body is kept up to the length of a head.
            let (body, is_complete) = refusal_body(&headers, body_len, &bytes[len..], config.max_head_len);
            assert_eq!(is_done, is_complete, "waits for the body: {body_len:?}");
            let Err(HandshakeError::ProxyRefused(refusal)) = outcome else { panic!("{outcome:?}") };
            assert_eq!((refusal.status, &refusal.body[..]), (status, &body[..]));
            let found = refusal.headers.iter();
            let found: Headers = found.map(|(name, value)| (name.clone(), value.clone().into())).collect();
            let lossy = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned().into_bytes();
            let expected: Headers =
                headers.iter().map(|(name, value)| (name.clone(), lossy(value))).collect();
            assert_eq!(found, expected);
        }
    }
}

/// Checks that a tunnel by SOCKS makes of these reads what the model does.
pub(crate) fn check_socks(proxy: &str, reads: &[&[u8]]) {
    let bytes = reads.concat();
    let mut opening = Opening::from(tunnel(proxy, &Config::default()));
    let requests = drive(&mut opening, reads);
    let is_done = opening.step() == Step::Done;
    opening.end_of_stream();
    let outcome = opening.finish_tunnel();
    let (expected_requests, expected) = judge_socks(&bytes, proxy.contains('@'));
    assert_eq!(requests, expected_requests);
    match expected {
        Ok(None) => assert_eq!((is_done, outcome), (false, Err(HandshakeError::UnexpectedEof))),
        Ok(Some(len)) => assert_eq!((is_done, outcome.as_deref()), (true, Ok(&bytes[len..]))),
        Err(error) => assert_eq!((is_done, outcome), (true, Err(error))),
    }
}

fn tunnel(proxy: &str, config: &Config) -> Tunnel {
    Tunnel::new(&Server::new(proxy).unwrap(), "example.com", 443, config.clone()).unwrap()
}

/// What is written to a proxy that answers in these reads, a request at a time.
fn drive(opening: &mut Opening, reads: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    for read in [&b""[..]].iter().chain(reads) {
        opening.receive(read);
        while opening.step() == Step::Write {
            requests.push(written(opening.output()));
        }
    }
    requests
}

/// What a client writes to a proxy that sends `bytes`, for `user:word` and `example.com:443`, and where the tunnel begins.
fn judge_socks(bytes: &[u8], has_login: bool) -> (Vec<Vec<u8>>, Result<Option<usize>, HandshakeError>) {
    let greeting: &[u8] = if has_login { b"\x05\x02\x00\x02" } else { b"\x05\x01\x00" };
    let mut requests = vec![greeting.to_vec()];
    let mut at = 0;
    let method = match pair(bytes, at, 5) {
        Ok(Some(method)) => method,
        other => return (requests, other.map(|_| None)),
    };
    at += 2;
    match method {
        0 => {}
        2 if has_login => {
            requests.push(b"\x01\x04user\x04word".to_vec());
            match pair(bytes, at, 1) {
                Ok(Some(0)) => at += 2,
                Ok(Some(_)) => return (requests, Err(HandshakeError::SocksCredentialsRefused)),
                other => return (requests, other.map(|_| None)),
            }
        }
        0xFF => return (requests, Err(HandshakeError::SocksMethodRefused)),
        _ => return (requests, Err(HandshakeError::MalformedProxy)),
    }
    requests.push(b"\x05\x01\x00\x03\x0bexample.com\x01\xbb".to_vec());
    match pair(bytes, at, 5) {
        Ok(Some(0)) => {}
        Ok(Some(code)) => return (requests, Err(HandshakeError::SocksRefused(code))),
        other => return (requests, other.map(|_| None)),
    }
    let address = match (bytes.get(at + 3), bytes.get(at + 4)) {
        (Some(1), _) => 4,
        (Some(4), _) => 16,
        (Some(3), Some(len)) => 1 + usize::from(*len),
        (Some(3) | None, _) => return (requests, Ok(None)),
        _ => return (requests, Err(HandshakeError::MalformedProxy)),
    };
    let end = at + 4 + address + 2;
    (requests, Ok((end <= bytes.len()).then_some(end)))
}

/// The byte behind the version at this place.
fn pair(bytes: &[u8], at: usize, version: u8) -> Result<Option<u8>, HandshakeError> {
    match bytes.get(at) {
        Some(found) if *found != version => Err(HandshakeError::MalformedProxy),
        _ => Ok(bytes.get(at + 1).copied()),
    }
}
