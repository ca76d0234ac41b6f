//! Whole sessions in many settings: what goes in on one side comes out on the other.

use proptest::collection::vec;
use proptest::prelude::*;
use sansocket::{Compress, Config, Deflate, Message, Outgoing, Role};

use super::{pair, receive, written};

fn settings() -> impl Strategy<Value = Deflate> {
    (1..=9_u8, 1..=9_u8, 9..=15_u8, 8..=15_u8, any::<(bool, bool)>(), 0..300_usize).prop_map(
        |(level, mem_level, window_bits, peer_window_bits, (takeover, peer_takeover), min_len)| {
            Deflate::default()
                .level(level)
                .mem_level(mem_level)
                .window_bits(window_bits)
                .peer_window_bits(peer_window_bits)
                .takeover(takeover)
                .peer_takeover(peer_takeover)
                .min_len(min_len)
        },
    )
}

/// Text of few words, so that it has much to refer to.
fn text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec!["price", "größer", "🦀", "0", "{\"a\":", " ", "x"]);
    (vec(words, 0..40), 1..30_usize).prop_map(|(words, times)| words.concat().repeat(times))
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![text().prop_map(Message::from), vec(any::<u8>(), 0..2000).prop_map(Message::from)]
}

fn choice() -> impl Strategy<Value = Compress> {
    prop::sample::select(vec![Compress::ByLength, Compress::Never, Compress::Always])
}

/// A message, how it is compressed, and into how many fragments it is cut; and whether the client sends it.
fn step() -> impl Strategy<Value = (Message, Compress, usize, bool)> {
    (message(), choice(), 0..4_usize, any::<bool>())
}

fn fragments(message: &Message, parts: usize, choice: Compress) -> Vec<Outgoing<'_>> {
    if parts == 0 {
        return vec![Outgoing::from(message).compress(choice)];
    }
    // The last place that is not inside a character.
    let cut = |text: &str, at: usize| {
        (0..=text.len() * at / parts).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    };
    (0..parts)
        .map(|at| {
            let fin = at + 1 == parts;
            match message {
                Message::Text(text) => Outgoing::text_fragment(&text[cut(text, at)..cut(text, at + 1)], fin),
                Message::Binary(data) => {
                    let from = data.len() * at / parts;
                    let to = data.len() * (at + 1) / parts;
                    Outgoing::binary_fragment(&data[from..to], fin)
                }
            }
            .compress(choice)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_sent_arrives(
        client in settings(),
        server in settings(),
        steps in vec(step(), 0..12),
        piece in 1..5000_usize,
    ) {
        let config = |deflate| Config::default().deflate(Some(deflate));
        let (mut client, mut server) = pair(config(client), config(server));
        prop_assert_eq!(client.negotiated(), server.negotiated());
        for (message, choice, parts, is_from_client) in steps {
            let (from, to) = if is_from_client {
                (&mut client, &mut server)
            } else {
                (&mut server, &mut client)
            };
            for outgoing in fragments(&message, parts, choice) {
                from.send(outgoing).unwrap();
            }
            let wire = written(from);
            let mut received = Vec::new();
            for piece in wire.chunks(piece) {
                let (messages, result) = receive(to, piece);
                prop_assert_eq!(result, Ok(()));
                received.extend(messages);
            }
            prop_assert_eq!(received, [message]);
        }
    }

    #[test]
    fn any_payload_is_inflated_or_refused(payload in vec(any::<u8>(), 0..200), cut in 0..200_usize) {
        let settings = Deflate::default().takeover(true).peer_takeover(true);
        let bytes = super::frame(Role::Client, 0xC2, &payload);
        let mut whole = super::end(Role::Client, settings.clone());
        let expected = receive(&mut whole, &bytes);
        let mut parts = super::end(Role::Client, settings);
        let (mut messages, mut result) = receive(&mut parts, &bytes[..cut.min(bytes.len())]);
        if result.is_ok() {
            let (more, last) = receive(&mut parts, &bytes[cut.min(bytes.len())..]);
            messages.extend(more);
            result = last;
        }
        prop_assert_eq!((messages, result), expected);
    }
}
