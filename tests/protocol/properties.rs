//! Properties of all messages and all bytes, beyond the tables.

use proptest::prelude::*;
use proptest::sample::Index;
use sansocket::{Config, Limits, Outgoing, Storage};

use crate::common::*;
use crate::model::mix::{CALLS, Call, Mixed};
use crate::model::paths::{check_connection, check_decoder};
use crate::model::reads::reads;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A message and how it is sent: the places where it is cut into fragments, and a Ping before each of them.
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

/// Sends the message. Gives the events that the peer should get.
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
        let fin = i + 1 == ends.len();
        match &sent.message {
            Got::Text(text) => {
                end.send(Outgoing::text_fragment(&text[start..*end_of_fragment], fin)).unwrap()
            }
            _ => end.send(Outgoing::binary_fragment(fragment, fin)).unwrap(),
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
    fn one_end_receives_what_the_other_sends(
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

/// Random frames, most of them well formed.
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

/// Changes opcodes so that most frames fit in their place.
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

/// The default limits, or limits that some of these frames exceed.
fn limits() -> impl Strategy<Value = Limits> {
    prop_oneof![
        2 => Just(Limits::default()),
        1 => (0u64..20, 0u64..20, 0u32..4).prop_map(|(frame_len, message_len, fragments)| {
            Limits::default().max_frame_len(frame_len).max_message_len(message_len).max_fragments(fragments)
        }),
    ]
}

proptest! {
    #![proptest_config(cases(2000))]

    // attack: framing-8
    // req: 6455-5.4-o, 6455-6.2-a, 6455-10.1-a, 6455-10.7-a
    #[test]
    fn any_split_of_any_bytes_gives_what_the_model_says(
        frames in prop_oneof![3 => frames().prop_map(in_order), 1 => frames()],
        limits in limits(),
        mutations in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        lens in prop::collection::vec(1usize..50, 1..5),
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
            let error = check_decoder(role, limits, &[&bytes]);
            for lens in [&[0][..], &[1], &lens] {
                let reads = reads(&bytes, lens);
                prop_assert_eq!(check_decoder(role, limits, &reads), error);
                prop_assert_eq!(check_connection(role, limits, &reads), error);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    // req: 6455-5.4-o, 6455-6.2-d
    #[test]
    fn any_split_of_long_messages_gives_what_the_model_says(
        lens in prop::collection::vec(prop_oneof![0usize..300, 15_000usize..20_000, 60_000usize..200_000], 1..4),
        first in prop::sample::select(vec![TEXT_BEGINS, BINARY_BEGINS]),
        reads_of in prop::collection::vec(prop_oneof![1usize..20, 500usize..5000, 60_000usize..100_000], 1..5),
        truncated in any::<Option<Index>>(),
    ) {
        let payloads: Vec<_> = lens.iter().map(|len| vec![b'a' + *len as u8 % 20; *len]).collect();
        let mut frames: Vec<Frame<'_>> = payloads.iter().map(|payload| (GOES_ON, &payload[..])).collect();
        frames[0].0 = first;
        let last = frames.len() - 1;
        frames[last].0 |= 0x80;
        frames.insert(last, (PING, b"p"));
        for role in ROLES {
            let mut bytes = wire(role, &frames);
            bytes.truncate(truncated.map_or(bytes.len(), |at| at.index(bytes.len())));
            // At least one of the reads is long, so that there are few reads.
            let lens = [&reads_of[..], &[30_000]].concat();
            for lens in [&[0][..], &lens] {
                let reads = reads(&bytes, lens);
                prop_assert_eq!(check_decoder(role, Limits::default(), &reads), None);
                prop_assert_eq!(check_connection(role, Limits::default(), &reads), None);
            }
        }
    }
}

/// Each turn: which connection, and what is called.
fn turns() -> impl Strategy<Value = Vec<(Index, Call)>> {
    let call = prop::sample::select(CALLS.to_vec());
    prop::collection::vec((any::<Index>(), call), 0..60)
}

proptest! {
    #![proptest_config(cases(2000))]

    // req: 6455-5.4-o, 6455-6.2-a, 6455-8.1-a
    #[test]
    fn any_mix_of_calls_gives_what_the_model_says(
        frames in prop_oneof![4 => frames().prop_map(in_order), 1 => frames()],
        limits in limits(),
        lens in prop::collection::vec(prop_oneof![1usize..8, 5usize..60], 1..5),
        turns in turns(),
    ) {
        for role in ROLES {
            let frames: Vec<Frame<'_>> = frames.iter().map(|(first, data)| (*first, &data[..])).collect();
            let bytes = wire(role, &frames);
            let error = check_connection(role, limits, &[&bytes]);
            let all_reads = reads(&bytes, &lens);
            let (mut reads, mut storage) = (&all_reads[..], Storage::new());
            let mut mixed = Mixed::new(role, limits, &bytes);
            for (_, call) in &turns {
                mixed.call(*call, &mut reads, &mut storage);
            }
            prop_assert_eq!(mixed.finish(reads, &mut storage), error);
        }
    }

    #[test]
    fn connections_that_share_one_storage_give_what_the_model_says(
        conversations in prop::collection::vec(frames().prop_map(in_order), 2..5),
        lens in prop::collection::vec(prop_oneof![1usize..8, 5usize..60], 1..5),
        turns in turns(),
    ) {
        for role in ROLES {
            let wires: Vec<_> = conversations.iter().map(|frames| {
                wire(role, &frames.iter().map(|(first, data)| (*first, &data[..])).collect::<Vec<_>>())
            }).collect();
            let all_reads: Vec<_> = wires.iter().map(|bytes| reads(bytes, &lens)).collect();
            let mut storage = Storage::new();
            let mut room: Vec<_> = wires.iter().zip(&all_reads)
                .map(|(bytes, reads)| (Mixed::new(role, Limits::default(), bytes), &reads[..]))
                .collect();
            for (who, call) in &turns {
                let who = who.index(room.len());
                let (mixed, reads) = &mut room[who];
                mixed.turn(*call, reads, &mut storage);
            }
            for (mixed, reads) in room {
                mixed.finish(reads, &mut storage);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// Long messages are read directly to where they are assembled, so their memory is used in another way.
    #[test]
    fn connections_with_long_messages_share_one_storage(
        lens in prop::collection::vec(prop_oneof![0usize..300, 15_000usize..20_000, 40_000usize..100_000], 2..5),
        read_lens in prop::collection::vec(prop_oneof![500usize..5000, 10_000usize..50_000], 1..5),
        firsts in prop::collection::vec(prop::sample::select(vec![TEXT, BINARY]), 5),
        turns in turns(),
    ) {
        for role in ROLES {
            let wires: Vec<_> = lens.iter().zip(&firsts).enumerate().map(|(i, (len, first))| {
                let payload = vec![b'a' + i as u8; *len];
                wire(role, &[(first & 0x7F, &payload), (PING, b"p"), (ENDS, &payload), (*first, &payload)])
            }).collect();
            let all_reads: Vec<_> = wires.iter().map(|bytes| reads(bytes, &read_lens)).collect();
            let mut storage = Storage::new();
            let mut room: Vec<_> = wires.iter().zip(&all_reads)
                .map(|(bytes, reads)| (Mixed::new(role, Limits::default(), bytes), &reads[..]))
                .collect();
            for (who, call) in &turns {
                let who = who.index(room.len());
                let (mixed, reads) = &mut room[who];
                mixed.turn(*call, reads, &mut storage);
            }
            for (mixed, reads) in room {
                prop_assert_eq!(mixed.finish(reads, &mut storage), None);
            }
        }
    }
}
