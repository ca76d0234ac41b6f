//! Close frames of every kind, and what is sent behind them.

use std::sync::Arc;

use sansocket::{Buffer, Config, Connection, ProtocolError, Role};

use crate::common::*;
use crate::counting::bytes_in_use;
use crate::receive;

fn end(role: Role, config: &Arc<Config>) -> Connection {
    match role {
        Role::Client => Connection::client(Arc::clone(config), SameKey),
        Role::Server => Connection::server(Arc::clone(config)),
    }
}

// attack: close-1
#[test]
fn every_code_on_the_wire() {
    let config = Arc::default();
    let refused = close_body(1002, ProtocolError::InvalidCloseCode.as_str());
    for code in 0..=u16::MAX {
        // "0-999 … are not used", 1004 to 1006 and 1015 "MUST NOT be set", 1016 to 2999 are not defined (section 7.4).
        let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=3999 | 4000..=4999);
        for (role, reason) in [(Role::Client, ""), (Role::Server, "bye")] {
            let bytes = wire(role, &[(CLOSE, &close_body(code, reason))]);
            let outcome = feed(&mut end(role, &config), &mut Buffer::new(), [&bytes[..]]);
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
fn every_payload_of_one_byte() {
    let error = ProtocolError::TruncatedCloseCode;
    let close = close_body(1002, error.as_str());
    for byte in 0..=255 {
        receives(&Config::default(), &[(CLOSE, &[byte])], &[], Some(error), &[(CLOSE, &close)]);
    }
}

// attack: close-1, utf8-4
#[test]
fn reasons_of_123_bytes_and_of_124_whole_and_cut_inside_a_character() {
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
fn what_comes_behind_a_close_frame_is_dropped_and_not_kept() {
    for role in ROLES {
        for behind in [wire(role, &[(TEXT, b"late")]), wire(role, &[(PING, b"late")]), vec![0xFF; 7]] {
            let flood =
                [wire(role, &[(CLOSE, b"\x03\xe8")]), behind.repeat((4 << 20) / behind.len())].concat();
            let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
            let ((_, error), peak, _) = bytes_in_use(|| receive(&mut end, &mut input, &flood[..]));
            assert_eq!(error, None);
            assert!(peak <= 32 << 10, "{role:?}: {peak} bytes");
            assert_eq!(written(end.output()), wire(other(role), &[(CLOSE, b"\x03\xe8")]));
            assert!(input.is_idle());
        }
    }
}
