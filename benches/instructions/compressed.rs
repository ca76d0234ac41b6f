//! The rows on compressed messages.

use std::hint::black_box;

use sansocket::Deflate;

use crate::agreed::connections;
use crate::common::{bytes, receive};
use crate::rows::Row;
use crate::trades::Market;

/// Whether messages refer to earlier ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takeover {
    On,
    Off,
}

/// Receives trades of about `len` bytes. They come in rounds: with takeover the second refers to the first, and so do all others.
pub(crate) fn inflate(name: &'static str, len: usize, takeover: Takeover, messages: u64) -> Row {
    let takeover = takeover == Takeover::On;
    let settings = Deflate::default().level(1).min_len(0).takeover(takeover).peer_takeover(takeover);
    let (mut client, mut server) = connections(&settings);
    let mut market = Market::new(7692);
    let texts: Vec<String> = (0..messages).map(|_| market.message(len)).collect();
    let mut round = || {
        texts.iter().for_each(|text| server.send(text.as_str()).expect("there is room"));
        bytes(server.output())
    };
    let (first, second) = (round(), round());
    let mut expected = texts.iter();
    receive(&mut client, &first, |data| {
        assert!(expected.next().is_some_and(|text| data == text.as_bytes()), "{name}");
    });
    assert_eq!(expected.next(), None, "{name}");
    let work = move || receive(&mut client, &second, |data| _ = black_box(data));
    Row { name, messages, work: Box::new(work) }
}
