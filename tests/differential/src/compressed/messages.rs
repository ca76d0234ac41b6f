//! Valid messages of several sizes and kinds, whole and in fragments.

use sansocket::{Message, Role};

use super::{Agreed, Ours, Verdict};
use crate::wire::{Arrived, Frame, LARGE};

/// Empty, one byte, text, bytes that do not get smaller, bytes that do, up to a mebibyte; then short ones again, which a window
/// may still hold.
pub fn all() -> Vec<Message> {
    let noise = |len: usize| {
        let mut state = len as u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Message::from((0..len).map(|_| next()).collect::<Vec<u8>>())
    };
    let trades = |count: u32| {
        let trade = |n: u32| format!("{{\"id\":{n},\"price\":{}.{:02}}},", 100 + n % 7, n * n % 100);
        Message::from((0..count).map(trade).collect::<String>())
    };
    let short = ["", "a", "grüß dich, 世界 🦀", "{\"id\":1,\"price\":101.01}"].map(Message::from);
    let long = [
        Message::from(vec![0]),
        noise(1000),
        Message::from("the same again ".repeat(700)),
        trades(2500),
        noise((64 << 10) - 1),
        noise(64 << 10),
        Message::from(vec![7; 64 << 10]),
        trades(45_000),
        noise(1 << 20),
        Message::from(vec![7; 1 << 20]),
    ];
    [&short[..], &long, &short].concat()
}

/// What a receiver makes of them.
pub fn expected(messages: &[Message]) -> Verdict {
    Verdict { messages: messages.iter().map(|message| message.as_bytes().to_vec()).collect(), fails: None }
}

/// The ends of fragments: none, before everything, in several places, empty ones too.
pub fn cuts(message: &Message) -> Vec<Vec<usize>> {
    let len = message.as_bytes().len();
    let place = |at: usize| {
        let is_boundary = |at: usize| message.as_text().is_none_or(|text| text.is_char_boundary(at));
        (0..=at.min(len)).rev().find(|at| is_boundary(*at)).unwrap_or_default()
    };
    let (third, half, last) = (place(len / 3), place(len / 2), place(len.saturating_sub(1)));
    let many = vec![0, third, third, last, len];
    if len > 100_000 {
        return vec![vec![], many];
    }
    vec![vec![], vec![0], vec![place(1).min(half), half], many]
}

/// The frames of each message by this crate, whole and in fragments, and the messages in that order.
pub fn by_ours(role: Role, agreed: Agreed) -> (Vec<u8>, Vec<Message>) {
    let (mut ours, mut wire, mut sent) = (Ours::new(role, agreed, LARGE), Vec::new(), Vec::new());
    for message in all() {
        for cuts in cuts(&message) {
            ours.send(&message, &cuts, &mut wire);
            sent.push(message.clone());
        }
    }
    (wire, sent)
}

/// The same messages, to an endpoint of that role, in frames of at most `len` bytes.
pub fn refragmented(wire: &[u8], to: Role, len: usize) -> Vec<u8> {
    let (mut bytes, mut start) = (Vec::new(), 0);
    for frame in Arrived::all(wire) {
        let rsv = wire[start] >> 4 & 7;
        start = frame.end;
        let count = frame.payload.len().div_ceil(len).max(1);
        for at in 0..count {
            let part = &frame.payload[at * len..frame.payload.len().min((at + 1) * len)];
            let (opcode, rsv) = if at == 0 { (frame.opcode, rsv) } else { (0, 0) };
            let fin = frame.fin && at + 1 == count;
            Frame { fin, rsv, ..Frame::new(opcode, part) }.encode(to, &mut bytes);
        }
    }
    bytes
}
