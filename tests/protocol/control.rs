//! Pings and Pongs: sections 5.5.2 and 5.5.3.

use sansocket::{Buffer, CloseCode, Config, Connection};

use crate::common::*;

// req: 6455-5.5.2-a, 6455-5.5.2-b, 6455-5.5.2-c, 6455-5.5.3-a, 6455-6.2-b
#[test]
fn section_5_5_2_every_ping_is_answered_with_its_payload() {
    let longest = [0xFF; 125];
    let frames: [Frame<'_>; 4] = [(PING, b""), (PING, b"Hello"), (TEXT, b"between"), (PING, &longest)];
    let events =
        [Got::Ping(vec![]), Got::Ping(b"Hello".to_vec()), text("between"), Got::Ping(longest.to_vec())];
    let answers: [Frame<'_>; 3] = [(PONG, b""), (PONG, b"Hello"), (PONG, &longest)];
    receives(&Config::default(), &frames, &events, None, &answers);
}

// attack: floods-1
// req: 6455-5.5.3-d, 6455-6.2-b
#[test]
fn section_5_5_3_pongs_are_never_answered() {
    let frames: [Frame<'_>; 3] = [(PONG, b""), (PONG, b"unasked"), (PONG, b"unasked")];
    let events = [Got::Pong(vec![]), Got::Pong(b"unasked".to_vec()), Got::Pong(b"unasked".to_vec())];
    receives(&Config::default(), &frames, &events, None, &[]);
}

// req: 6455-5.5.2-d, 6455-5.5.3-a
#[test]
fn section_5_5_3_a_ping_comes_back_to_the_application_that_sent_it() {
    let mut pair = Pair::new(&Config::default());
    for read_len in [1, usize::MAX] {
        pair.read_len = read_len;
        pair.client.connection.ping(b"from the client").unwrap();
        pair.server.connection.ping(b"from the server").unwrap();
        pair.pump();
        let [client, server] =
            [&mut pair.client, &mut pair.server].map(|side| std::mem::take(&mut side.events));
        assert_eq!(client, [Got::Ping(b"from the server".to_vec()), Got::Pong(b"from the client".to_vec())]);
        assert!(server.contains(&Got::Ping(b"from the client".to_vec())));
        assert!(server.contains(&Got::Pong(b"from the server".to_vec())));
    }
}

/// What a peer is told that sends `n` numbered Pings and reads nothing meanwhile; and how much waited at most.
fn flood(role: sansocket::Role, n: u32) -> (Vec<u8>, usize) {
    let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
    let mut most = 0;
    let mut read = Vec::new();
    for i in 1..=n {
        read.extend(wire(role, &[(PING, &i.to_be_bytes())]));
        if i % 1000 == 0 || i == n {
            input.extend_from_slice(&std::mem::take(&mut read));
            while end.next_event(&mut input).unwrap().is_some() {}
            most = most.max(end.buffered_amount());
        }
    }
    // What waits is written; only then is there room for the newest answer.
    let mut out = written(end.output());
    out.extend(written(end.output()));
    assert!(end.output().is_empty());
    (out, most)
}

// attack: floods-1
// req: 6455-5.5.3-b
#[test]
fn section_5_5_3_a_flood_of_pings_costs_a_few_pongs_and_the_newest_is_answered_last() {
    for role in ROLES {
        let (out, most) = flood(role, 1_000_000);
        assert!(most < 1000, "{most} bytes wait");
        assert!(out.len() < 1000, "{} bytes are written", out.len());
        let newest = wire(other(role), &[(PONG, &1_000_000u32.to_be_bytes())]);
        assert!(out.ends_with(&newest));
    }
}

// req: 6455-5.5.3-a, 6455-5.5.3-b
#[test]
fn section_5_5_3_pongs_skipped_in_a_flood_are_older_than_those_sent() {
    for role in ROLES {
        let (out, _) = flood(role, 100);
        let len = wire(other(role), &[(PONG, &[0; 4])]).len();
        let expected = (1u32..=100).map(|i| wire(other(role), &[(PONG, &i.to_be_bytes())]));
        let sent: Vec<_> =
            expected.enumerate().filter(|(_, pong)| out.chunks(len).any(|sent| sent == pong)).collect();
        assert_eq!(sent.len() * len, out.len(), "each a Pong that was asked for, none twice");
        let in_order: Vec<u8> = sent.into_iter().flat_map(|(_, pong)| pong).collect();
        assert_eq!(out, in_order);
    }
}

/// Pings with these payloads arrive one by one, and nothing is written meanwhile.
fn hear_pings<'a>(end: &mut Connection, payloads: impl IntoIterator<Item = &'a [u8]>) {
    let mut input = Buffer::new();
    for payload in payloads {
        input.extend_from_slice(&wire(end.role(), &[(PING, payload)]));
        assert_eq!(end.next_event(&mut input).unwrap().map(Got::from), Some(Got::Ping(payload.to_vec())));
    }
}

// req: 6455-5.5.3-b
#[test]
fn section_5_5_3_sixteen_pongs_wait_and_of_the_others_the_newest() {
    let payloads: Vec<Vec<u8>> = (1..=40).map(|len| vec![b'p'; len]).collect();
    let pongs = |role, range: std::ops::Range<usize>| {
        wire(other(role), &payloads[range].iter().map(|payload| (PONG, &payload[..])).collect::<Vec<_>>())
    };
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        hear_pings(&mut end, payloads[..30].iter().map(|payload| &payload[..]));
        assert_eq!(written(end.output()), pongs(role, 0..16));
        // There is room again, but nobody has asked for the output: what comes now is newer still.
        hear_pings(&mut end, [&payloads[30][..]]);
        assert_eq!(written(end.output()), pongs(role, 30..31));
        hear_pings(&mut end, payloads[31..].iter().map(|payload| &payload[..]));
        assert_eq!(written(end.output()), pongs(role, 31..40));
        assert!(end.output().is_empty());
    }
}

// req: 6455-5.5.2-b
#[test]
fn section_5_5_2_pongs_are_owed_beyond_the_output_limit() {
    for role in ROLES {
        let config = Config { max_output_len: 64, ..Config::default() };
        let (mut end, mut input) = (connection(role, &config), Buffer::new());
        while end.send_binary(&[0; 10]).is_ok() {}
        written(end.output());
        while end.send_binary(&[0; 10]).is_ok() {}
        let full = end.buffered_amount();
        let outcome = feed(&mut end, &mut input, [&wire(role, &[(PING, b"p")])[..]]);
        assert_eq!(outcome.output[full..], wire(other(role), &[(PONG, b"p")]));
    }
}

// req: 6455-5.5.2-b
#[test]
fn section_5_5_1_a_pong_still_owed_goes_out_before_the_close_frame() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        for i in 0..100u32 {
            input.extend_from_slice(&wire(role, &[(PING, &i.to_be_bytes())]));
            end.next_event(&mut input).unwrap();
        }
        end.close(CloseCode::NORMAL, "").unwrap();
        let mut out = written(end.output());
        out.extend(written(end.output()));
        let last = [(PONG, &99u32.to_be_bytes()[..]), (CLOSE, b"\x03\xe8")];
        assert!(out.ends_with(&wire(other(role), &last)));
    }
}

// req: 6455-5.5.2-b
#[test]
fn section_5_5_2_no_pong_that_is_still_owed_goes_out_once_a_close_frame_has_come() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        end.close(CloseCode::NORMAL, "").unwrap();
        let mut bytes: Vec<u8> = (0..100u32).flat_map(|i| wire(role, &[(PING, &i.to_be_bytes())])).collect();
        bytes.extend(wire(role, &[(CLOSE, b"\x03\xe8")]));
        input.extend_from_slice(&bytes);
        while end.next_event(&mut input).unwrap().is_some() {}
        assert!(!written(end.output()).is_empty(), "the Close frame, and what was queued behind it");
        assert!(written(end.output()).is_empty());
    }
}

// req: 6455-5.5.3-b
#[test]
fn section_5_5_3_the_newest_ping_is_answered_whatever_it_carries() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        for len in 0..=125 {
            input.extend_from_slice(&wire(role, &[(PING, &vec![b'p'; len])]));
            end.next_event(&mut input).unwrap();
        }
        written(end.output());
        assert_eq!(written(end.output()), wire(other(role), &[(PONG, &[b'p'; 125])]));
    }
}

/// "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already received a Close
/// frame" (section 5.5.2).
// attack: close-2
// req: 6455-5.5.2-e
#[test]
fn section_5_5_2_pings_are_answered_until_a_close_frame_comes() {
    for role in ROLES {
        let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
        end.close(CloseCode::NORMAL, "").unwrap();
        written(end.output());
        let outcome = feed(&mut end, &mut input, wire(role, &[(PING, b"in time")]).chunks(3));
        assert_eq!(outcome.output, wire(other(role), &[(PONG, b"in time")]));
        let outcome = feed(&mut end, &mut input, [&wire(role, &[(CLOSE, b""), (PING, b"too late")])[..]]);
        assert_eq!(outcome.output, b"");
    }
}
