//! Pings and Pongs: sections 5.5.2 and 5.5.3.

use sansocket::{CloseCode, Config, Connection};

use crate::common::*;

// req: 6455-5.5.2-a, 6455-5.5.2-b, 6455-5.5.2-c, 6455-5.5.3-a, 6455-6.2-b
#[test]
fn section_5_5_2_ping_is_answered_with_its_payload() {
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
fn section_5_5_3_pong_of_the_peer_is_an_event() {
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

/// Receives `n` numbered Pings and writes nothing meanwhile. Gives the output, and the most bytes that waited.
fn flood(role: sansocket::Role, n: u32) -> (Vec<u8>, usize) {
    let mut end = connection(role, &Config::default());
    let mut most = 0;
    let mut read = Vec::new();
    for i in 1..=n {
        read.extend(wire(role, &[(PING, &i.to_be_bytes())]));
        if i % 1000 == 0 || i == n {
            end.receive(&std::mem::take(&mut read));
            while end.next_event().unwrap().is_some() {}
            most = most.max(end.buffered_amount());
        }
    }
    // The newest answer joins the output when the output has been written.
    let mut out = written(end.output());
    out.extend(written(end.output()));
    assert!(end.output().is_empty());
    (out, most)
}

// attack: floods-1
// req: 6455-5.5.3-b
#[test]
fn section_5_5_3_flood_of_pings_costs_a_few_pongs_and_the_newest_is_answered_last() {
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
fn section_5_5_3_pongs_of_a_flood_are_sent_in_order_and_once() {
    for role in ROLES {
        let (out, _) = flood(role, 100);
        let len = wire(other(role), &[(PONG, &[0; 4])]).len();
        let expected = (1u32..=100).map(|i| wire(other(role), &[(PONG, &i.to_be_bytes())]));
        let sent: Vec<_> =
            expected.enumerate().filter(|(_, pong)| out.chunks(len).any(|sent| sent == pong)).collect();
        assert_eq!(sent.len() * len, out.len(), "each answers a Ping, none is sent twice");
        let in_order: Vec<u8> = sent.into_iter().flat_map(|(_, pong)| pong).collect();
        assert_eq!(out, in_order);
    }
}

/// Receives Pings with these payloads one by one, and writes nothing.
fn hear_pings<'a>(end: &mut Connection, payloads: impl IntoIterator<Item = &'a [u8]>) {
    for payload in payloads {
        end.receive(&wire(end.role(), &[(PING, payload)]));
        assert_eq!(end.next_event().unwrap().map(Got::from), Some(Got::Ping(payload.to_vec())));
    }
}

// req: 6455-5.5.3-b
#[test]
fn section_5_5_3_sixteen_pongs_wait_and_then_only_the_newest() {
    let payloads: Vec<Vec<u8>> = (1..=40).map(|len| vec![b'p'; len]).collect();
    let pongs = |role, range: std::ops::Range<usize>| {
        wire(other(role), &payloads[range].iter().map(|payload| (PONG, &payload[..])).collect::<Vec<_>>())
    };
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        hear_pings(&mut end, payloads[..30].iter().map(|payload| &payload[..]));
        assert_eq!(written(end.output()), pongs(role, 0..16));
        // There is room again, but the output was not asked for, so the next Ping is the newest.
        hear_pings(&mut end, [&payloads[30][..]]);
        assert_eq!(written(end.output()), pongs(role, 30..31));
        hear_pings(&mut end, payloads[31..].iter().map(|payload| &payload[..]));
        assert_eq!(written(end.output()), pongs(role, 31..40));
        assert!(end.output().is_empty());
    }
}

// req: 6455-5.5.2-b
#[test]
fn section_5_5_2_pong_is_queued_beyond_the_output_limit() {
    for role in ROLES {
        let config = Config::default().max_output_len(64);
        let mut end = connection(role, &config);
        while end.send(&[0; 10]).is_ok() {}
        written(end.output());
        while end.send(&[0; 10]).is_ok() {}
        let full = end.buffered_amount();
        let outcome = feed(&mut end, [&wire(role, &[(PING, b"p")])[..]]);
        assert_eq!(outcome.output[full..], wire(other(role), &[(PONG, b"p")]));
    }
}

// req: 6455-5.5.2-b
#[test]
fn section_5_5_1_pong_owed_is_sent_before_the_close_frame() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        for i in 0..100u32 {
            end.receive(&wire(role, &[(PING, &i.to_be_bytes())]));
            end.next_event().unwrap();
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
fn section_5_5_2_pong_owed_is_dropped_when_a_close_frame_comes() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        end.close(CloseCode::NORMAL, "").unwrap();
        let mut bytes: Vec<u8> = (0..100u32).flat_map(|i| wire(role, &[(PING, &i.to_be_bytes())])).collect();
        bytes.extend(wire(role, &[(CLOSE, b"\x03\xe8")]));
        end.receive(&bytes);
        while end.next_event().unwrap().is_some() {}
        assert!(!written(end.output()).is_empty(), "the Close frame and the Pongs that were queued");
        assert!(written(end.output()).is_empty());
    }
}

// req: 6455-5.5.3-b
#[test]
fn section_5_5_3_newest_ping_is_answered_with_a_payload_of_any_length() {
    for role in ROLES {
        let mut end = connection(role, &Config::default());
        for len in 0..=125 {
            end.receive(&wire(role, &[(PING, &vec![b'p'; len])]));
            end.next_event().unwrap();
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
        let mut end = connection(role, &Config::default());
        end.close(CloseCode::NORMAL, "").unwrap();
        written(end.output());
        let outcome = feed(&mut end, wire(role, &[(PING, b"in time")]).chunks(3));
        assert_eq!(outcome.output, wire(other(role), &[(PONG, b"in time")]));
        let outcome = feed(&mut end, [&wire(role, &[(CLOSE, b""), (PING, b"too late")])[..]]);
        assert_eq!(outcome.output, b"");
    }
}
