//! Properties of compressed messages (RFC 7692), as of all others: any bytes, in any reads, by each way to receive.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use sansocket::{Config, Limits, Storage};

use crate::common::*;
use crate::model::agreed;
use crate::model::blocks::{self, Block, Symbol};
use crate::model::mix::{CALLS, Call, Mixed};
use crate::model::paths::check_every_way;
use crate::model::reads::reads;
use crate::model::receiver::{Compression, judge_agreed};

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn block() -> impl Strategy<Value = Block> {
    let data = prop_oneof![
        4 => "[a-é€🦀]{0,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        1 => (500usize..1100).prop_map(|len| vec![b'x'; len]),
    ];
    let symbol = prop_oneof![
        4 => (b'a'..=b'z').prop_map(Symbol::Literal),
        1 => any::<u8>().prop_map(Symbol::Literal),
        2 => (3usize..=258, 1usize..30).prop_map(|(len, distance)| Symbol::Match(len, distance)),
        1 => (3usize..6, prop_oneof![400usize..1100, 1usize..=32_768]).prop_map(|(len, back)| Symbol::Match(len, back)),
    ];
    prop_oneof![data.prop_map(Block::Stored), prop::collection::vec(symbol, 0..8).prop_map(Block::Fixed)]
}

/// The payload of a message, which may be at fault.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let blocks = prop::collection::vec((block(), prop::bool::weighted(0.3)), 0..4);
    prop_oneof![
        9 => blocks.prop_map(|blocks| blocks::message(&blocks)),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(vec![]),
        1 => Just(vec![1]),
    ]
}

/// A few messages and control frames. Most messages are compressed.
fn bytes(role: sansocket::Role) -> impl Strategy<Value = Vec<u8>> {
    let first = select(vec![TEXT | 0x40, BINARY | 0x40, BINARY | 0x40]);
    let cuts = prop::collection::vec(any::<Index>(), 0..3);
    let compressed =
        (first, payload(), cuts, any::<bool>()).prop_map(move |(first, payload, cuts, pings)| {
            let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
            ends.sort_unstable();
            ends.push(payload.len());
            let (mut bytes, mut start) = (Vec::new(), 0);
            for (at, end) in ends.iter().enumerate() {
                let opcode = if at == 0 { first & 0x7F } else { 0 };
                let fin = if at + 1 == ends.len() { 0x80 } else { 0 };
                bytes.extend(wire(role, &[(fin | opcode, &payload[start..*end])]));
                if pings && fin == 0 {
                    bytes.extend(wire(role, &[(PING, b"p")]));
                }
                start = *end;
            }
            bytes
        });
    let others = select(vec![
        (TEXT, &b"plain"[..]),
        (BINARY, b"\x01"),
        (TEXT_BEGINS, b"a"),
        (ENDS, b"b"),
        (CLOSE, b""),
    ]);
    let other = others.prop_map(move |frame| wire(role, &[frame]));
    let messages = prop::collection::vec(prop_oneof![6 => compressed, 1 => other], 1..5);
    messages.prop_map(|messages| messages.concat())
}

fn any_bytes() -> impl Strategy<Value = (sansocket::Role, Vec<u8>)> {
    select(ROLES.to_vec()).prop_flat_map(|role| bytes(role).prop_map(move |bytes| (role, bytes)))
}

fn compression() -> impl Strategy<Value = Compression> {
    (any::<bool>(), select(vec![9, 10, 15]))
        .prop_map(|(takeover, window_bits)| Compression { takeover, window_bits })
}

fn limits() -> impl Strategy<Value = Limits> {
    let tight =
        |(frame_len, message_len)| Limits::default().max_frame_len(frame_len).max_message_len(message_len);
    prop_oneof![
        2 => Just(Limits::default()),
        1 => (5u64..40, 0u64..40).prop_map(tight),
        1 => (2000u64..3000, 400u64..1500).prop_map(tight),
    ]
}

proptest! {
    #![proptest_config(cases(2000))]

    // attack: framing-8, deflate-1, deflate-2
    // req: 7692-7.2.2-a, 7692-7.2.2-c
    #[test]
    fn any_split_of_compressed_messages_gives_what_the_model_says(
        (role, mut bytes) in any_bytes(),
        compression in compression(),
        limits in limits(),
        mutations in prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec((any::<Index>(), any::<u8>()), 1..3)],
        lens in prop::collection::vec(1usize..50, 1..5),
        truncated in prop_oneof![3 => Just(None), 1 => any::<Option<Index>>()],
    ) {
        for (at, byte) in &mutations {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Some(len) = truncated {
            bytes.truncate(len.index(bytes.len()));
        }
        let verdict = judge_agreed(role, &limits, Some(compression), &bytes);
        let config = Config::default().limits(limits);
        let end = || agreed::end(role, &config, compression);
        let error = check_every_way(end, &[&bytes], &verdict);
        for lens in [&[1][..], &lens] {
            let by_reads = check_every_way(end, &reads(&bytes, lens), &verdict);
            prop_assert!(verdict.agree(by_reads, error), "{by_reads:?}, {error:?}");
        }
    }

    // attack: deflate-2
    #[test]
    fn any_mix_of_calls_for_compressed_messages_gives_what_the_model_says(
        (role, bytes) in any_bytes(),
        compression in compression(),
        lens in prop::collection::vec(prop_oneof![1usize..8, 5usize..60, 600usize..1000], 1..5),
        turns in prop::collection::vec(select(CALLS.to_vec()), 0..60),
    ) {
        let limits = Limits::default();
        let verdict = judge_agreed(role, &limits, Some(compression), &bytes);
        let end = agreed::end(role, &Config::default(), compression);
        let (mut mixed, mut storage) = (Mixed::of(end, verdict), Storage::new());
        let all_reads = reads(&bytes, &lens);
        let mut reads = &all_reads[..];
        for call in &turns {
            let call: Call = *call;
            mixed.call(call, &mut reads, &mut storage);
        }
        mixed.finish(reads, &mut storage);
    }
}
