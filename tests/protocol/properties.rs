//! What holds for all messages and all bytes, not only for those in the tables.

use proptest::prelude::*;
use proptest::sample::Index;
use sansocket::{Buffer, Config, Fin, Piece};

use crate::common::*;
use crate::reference::judge;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A message and how it goes out: the places where it is cut into fragments, and a Ping before each of them.
#[derive(Clone, Debug)]
struct Sent {
    message: Got,
    cuts: Vec<Index>,
    pings: Vec<Vec<u8>>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let texts = prop_oneof!["[a-z ]{0,40}", "\\PC{0,60}", "[a-é€🦀]{100,400}"].prop_map(Got::Text);
    let lens = prop_oneof![0usize..20, 120..130usize, Just(65_535), Just(65_536)];
    let binaries = lens.prop_flat_map(|len| any::<u8>().prop_map(move |byte| Got::Binary(vec![byte; len])));
    let pings = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=125), 0..3);
    (prop_oneof![2 => texts, 1 => binaries], prop::collection::vec(any::<Index>(), 0..4), pings)
        .prop_map(|(message, cuts, pings)| Sent { message, cuts, pings })
}

/// Sends the message, and gives the events that the peer should have for it.
fn send(side: &mut Side, sent: &Sent) -> Vec<Got> {
    let end = &mut side.connection;
    let data = match &sent.message {
        Got::Text(text) => text.as_bytes(),
        Got::Binary(data) => data,
        other => panic!("not a message: {other:?}"),
    };
    let is_boundary =
        |at: &usize| core::str::from_utf8(&data[..*at]).is_ok() || matches!(sent.message, Got::Binary(_));
    let mut ends: Vec<_> =
        sent.cuts.iter().map(|cut| cut.index(data.len() + 1)).filter(is_boundary).collect();
    ends.sort_unstable();
    ends.push(data.len());
    let (mut start, mut events) = (0, Vec::new());
    for (i, end_of_fragment) in ends.iter().enumerate() {
        if let Some(ping) = sent.pings.get(i) {
            end.ping(ping).unwrap();
            events.push(Got::Ping(ping.clone()));
        }
        let fragment = &data[start..*end_of_fragment];
        let fin = if i + 1 == ends.len() { Fin::Final } else { Fin::More };
        match &sent.message {
            Got::Text(text) => end.send_text_fragment(&text[start..*end_of_fragment], fin).unwrap(),
            _ => end.send_binary_fragment(fragment, fin).unwrap(),
        }
        start = *end_of_fragment;
    }
    events.push(sent.message.clone());
    events
}

proptest! {
    #![proptest_config(cases(64))]

    // req: 6455-5.4-e, 6455-5.4-o, 6455-6.2-d
    #[test]
    fn what_one_end_sends_is_what_the_other_receives(
        conversation in prop::collection::vec(sent(), 0..6),
        read_len in prop_oneof![1usize..8, 1000usize..3000, Just(usize::MAX)],
    ) {
        let mut pair = Pair::new(&Config::default());
        pair.read_len = read_len;
        for sent in &conversation {
            let expected = send(&mut pair.client, sent);
            prop_assert_eq!(&send(&mut pair.server, sent), &expected);
            pair.pump();
            for side in [&mut pair.client, &mut pair.server] {
                side.events.retain(|event| !matches!(event, Got::Pong(_)));
                prop_assert_eq!(&core::mem::take(&mut side.events), &expected);
                prop_assert_eq!(side.error, None);
            }
        }
    }
}

/// Frames as they might be, most of them well formed.
fn frames() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let first = prop_oneof![
        12 => prop::sample::select(vec![TEXT, BINARY, PING, PONG, TEXT_BEGINS, BINARY_BEGINS, GOES_ON, ENDS, ENDS]),
        1 => Just(CLOSE),
        1 => any::<u8>(),
    ];
    let data = prop_oneof![
        4 => "[a-é€🦀]{0,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        1 => Just(b"\x03\xe8bye".to_vec()),
        1 => Just(b"\xe2\x82".to_vec()),
        1 => Just(b"\xac".to_vec()),
        1 => (120usize..130).prop_map(|len| vec![b'x'; len]),
    ];
    prop::collection::vec((first, data), 0..8)
}

/// A frame is made to fit where it stands, so that most of the conversation is one.
fn in_order(frames: Vec<(u8, Vec<u8>)>) -> Vec<(u8, Vec<u8>)> {
    let mut in_message = false;
    let fit = |(mut first, data): (u8, Vec<u8>)| {
        match first & 0x0F {
            0 if !in_message => first |= 0x01,
            1 | 2 if in_message => first &= 0xF0,
            _ => {}
        }
        if first & 0x0F < 8 {
            in_message = first & 0x80 == 0;
        }
        (first, data)
    };
    frames.into_iter().map(fit).collect()
}

proptest! {
    #![proptest_config(cases(2000))]

    // attack: framing-8
    // req: 6455-5.4-o, 6455-6.2-a, 6455-10.1-a, 6455-10.7-a
    #[test]
    fn any_split_of_any_bytes_comes_to_what_the_reference_says(
        frames in prop_oneof![3 => frames().prop_map(in_order), 1 => frames()],
        mutations in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        cuts in prop::collection::vec(any::<Index>(), 0..5),
        truncated in any::<Option<Index>>(),
    ) {
        for role in ROLES {
            let frames: Vec<Frame<'_>> = frames.iter().map(|(first, data)| (*first, &data[..])).collect();
            let mut bytes = wire(role, &frames);
            if bytes.is_empty() {
                continue;
            }
            for (at, byte) in &mutations {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(len) = truncated {
                bytes.truncate(len.index(bytes.len()));
            }
            let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            ends.extend([0, bytes.len()]);
            ends.sort_unstable();
            let reads = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);

            let outcome = |reads: Vec<&[u8]>| feed(&mut connection(role, &Config::default()), &mut Buffer::new(), reads);
            let whole = outcome(vec![&bytes[..]]);
            let verdict = judge(role, &bytes);
            prop_assert!(verdict.agrees_with(&whole), "{:?} {:02x?}: {:?}, not {:?}", role, bytes, whole, verdict);
            prop_assert_eq!(&outcome(reads.collect()), &whole);
            prop_assert_eq!(&outcome(bytes.chunks(1).collect()), &whole);
        }
    }

    #[test]
    fn the_pieces_of_any_bytes_are_the_messages_of_their_events(
        frames in frames().prop_map(in_order),
        read_len in 1usize..40,
    ) {
        for role in ROLES {
            let frames: Vec<Frame<'_>> = frames.iter().map(|(first, data)| (*first, &data[..])).collect();
            let bytes = wire(role, &frames);
            let whole = feed(&mut connection(role, &Config::default()), &mut Buffer::new(), [&bytes[..]]);
            let (mut end, mut input) = (connection(role, &Config::default()), Buffer::new());
            let (mut messages, mut data, mut error) = (Vec::new(), Vec::new(), None);
            for read in bytes.chunks(read_len) {
                input.extend_from_slice(read);
                loop {
                    match end.next_piece(&mut input) {
                        Ok(None) => break,
                        Ok(Some(Piece::Text(text, fin))) => {
                            data.extend_from_slice(text.as_bytes());
                            if fin == Fin::Final {
                                messages.push(Got::Text(String::from_utf8(core::mem::take(&mut data)).unwrap()));
                            }
                        }
                        Ok(Some(Piece::Binary(part, fin))) => {
                            data.extend_from_slice(part);
                            if fin == Fin::Final {
                                messages.push(Got::Binary(core::mem::take(&mut data)));
                            }
                        }
                        Err(fault) => {
                            error = Some(fault);
                            break;
                        }
                    }
                }
            }
            let is_message = |event: &Got| matches!(event, Got::Text(_) | Got::Binary(_));
            prop_assert_eq!(messages, whole.events.into_iter().filter(is_message).collect::<Vec<_>>());
            prop_assert_eq!(error, whole.error);
            prop_assert_eq!(written(end.output()), whole.output);
        }
    }
}

proptest! {
    #![proptest_config(cases(300))]

    // attack: server-6, client-1
    // req: 6455-10.1-a, 6455-10.7-a
    #[test]
    fn no_bytes_make_either_side_of_a_handshake_panic(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\r\n :,;=\"\\/aZ1".to_vec())], 0..80),
        at in any::<Index>(),
        read_len in 1usize..200,
    ) {
        use sansocket::handshake::{client, extensions, server};

        let _ = extensions::parse(&bytes);
        let request: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        let response: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        for head in [request, response] {
            let (front, back) = head.split_at(at.index(head.len()));
            let bytes = [front, &bytes, back].concat();
            let (mut server, mut input) = (server::Handshake::new(Config::default()), Buffer::new());
            for read in bytes.chunks(read_len) {
                input.extend_from_slice(read);
                if server.receive(&mut input) != Ok(None) {
                    break;
                }
            }
            let request = client::Request::new("ws://a/").unwrap();
            let mut client = client::Handshake::with_nonce(&request, Config::default(), [0; 16], SameKey).unwrap();
            let mut input = Buffer::new();
            for read in bytes.chunks(read_len) {
                input.extend_from_slice(read);
                if !matches!(client.receive(&mut input), Ok(None)) {
                    break;
                }
            }
        }
    }
}
