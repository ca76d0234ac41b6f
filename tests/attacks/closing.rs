//! Close frames of each kind, and bytes behind them.

use std::sync::Arc;

use sansocket::{Config, Connection, ProtocolError, Role};

use crate::common::*;
use crate::counting::bytes_in_use;
use crate::receive;

fn end(role: Role, config: &Arc<Config>) -> Connection {
    match role {
        Role::Client => Connection::client_with_keys(Arc::clone(config), SameKey),
        Role::Server => Connection::server(Arc::clone(config)),
    }
}

// attack: close-1
#[test]
fn each_close_code_is_answered_or_refused() {
    let config = Arc::default();
    let refused = close_body(1002, ProtocolError::InvalidCloseCode.as_str());
    for code in 0..=u16::MAX {
        // "0-999 … are not used", 1004 to 1006 and 1015 "MUST NOT be set", 1016 to 2999 are not defined (section 7.4).
        let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=3999 | 4000..=4999);
        for (role, reason) in [(Role::Client, ""), (Role::Server, "bye")] {
            let bytes = wire(role, &[(CLOSE, &close_body(code, reason))]);
            let outcome = feed(&mut end(role, &config), [&bytes[..]]);
            let expected = if valid {
                let output = wire(other(role), &[(CLOSE, &code.to_be_bytes())]);
                Outcome { events: vec![Got::Close(Some((code, reason.into())))], error: None, output }
            } else {
                let output = wire(other(role), &[(CLOSE, &refused)]);
                Outcome { events: vec![], error: Some(ProtocolError::InvalidCloseCode), output }
            };
            assert_eq!(outcome, expected, "{role:?} {code}");
        }
    }
}

// attack: close-1
#[test]
fn close_payload_of_one_byte_is_refused() {
    let error = ProtocolError::TruncatedCloseCode;
    let close = close_body(1002, error.as_str());
    for byte in 0..=255 {
        receives(&Config::default(), &[(CLOSE, &[byte])], &[], Some(error), &[(CLOSE, &close)]);
    }
}

// attack: close-1, utf8-4
#[test]
fn reason_longer_than_123_bytes_or_cut_inside_a_character_is_refused() {
    let config = Config::default();
    let said = |reason: &str| [Got::Close(Some((1000, reason.into())))];
    let longest = "r".repeat(123);
    let characters = "€".repeat(41);
    for reason in [&longest, &characters] {
        receives(
            &config,
            &[(CLOSE, &close_body(1000, reason))],
            &said(reason),
            None,
            &[(CLOSE, b"\x03\xe8")],
        );
    }
    let fails = |body: &[u8], error: ProtocolError, code| {
        let close = close_body(code, error.as_str());
        receives(&config, &[(CLOSE, body)], &[], Some(error), &[(CLOSE, &close)]);
    };
    let cut = |front: usize, back: &[u8]| [b"\x03\xe8", "r".repeat(front).as_bytes(), back].concat();
    fails(&cut(122, b"\xe2"), ProtocolError::InvalidUtf8, 1007);
    fails(&cut(121, b"\xe2\x82"), ProtocolError::InvalidUtf8, 1007);
    fails(&cut(120, b"\xf0\x9f\xa6"), ProtocolError::InvalidUtf8, 1007);
    fails(&cut(124, b""), ProtocolError::OversizedControl, 1002);
}

// attack: close-2
#[test]
fn bytes_after_a_close_frame_are_dropped() {
    for role in ROLES {
        for behind in [wire(role, &[(TEXT, b"late")]), wire(role, &[(PING, b"late")]), vec![0xFF; 7]] {
            let flood =
                [wire(role, &[(CLOSE, b"\x03\xe8")]), behind.repeat((4 << 20) / behind.len())].concat();
            let mut end = connection(role, &Config::default());
            let ((_, error), peak, _) = bytes_in_use(|| receive(&mut end, &flood[..]));
            assert_eq!(error, None);
            assert!(peak <= 32 << 10, "{role:?}: {peak} bytes");
            assert_eq!(written(end.output()), wire(other(role), &[(CLOSE, b"\x03\xe8")]));
            assert!(is_idle(&mut end));
        }
    }
}
