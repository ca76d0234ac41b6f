//! Random conversations. Most have one fault. Reads may end anywhere.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use sansocket::Role;

use crate::wire::{Case, Frame, Len};

/// A conversation with an endpoint of either role, which takes at most `limit` bytes in a frame or a message.
pub fn cases(limit: usize) -> impl Strategy<Value = Case> {
    let roles = select(vec![Role::Server, Role::Client]);
    let mutations = prop_oneof![
        3 => Just(Vec::new()),
        6 => prop::collection::vec((any::<Index>(), mutation()), 1),
        1 => prop::collection::vec((any::<Index>(), mutation()), 2),
    ];
    let truncated = prop_oneof![3 => Just(None), 1 => any::<Index>().prop_map(Some)];
    let changed = prop_oneof![19 => Just(None), 1 => any::<(Index, u8)>().prop_map(Some)];
    let cuts = prop::collection::vec(any::<Index>(), 0..5);
    (roles, frames(), mutations, truncated, changed, cuts).prop_map(
        move |(role, mut frames, mutations, truncated, changed, cuts)| {
            for (at, mutation) in &mutations {
                let at = at.index(frames.len());
                mutation.apply(&mut frames[at]);
            }
            let mut case = Case { limit, ..Case::new(role, &frames) };
            if let Some((at, byte)) = changed {
                let at = at.index(case.bytes.len());
                case.bytes[at] = byte;
            }
            if let Some(len) = truncated {
                case.bytes.truncate(len.index(case.bytes.len()));
            }
            case.cuts = cuts.iter().map(|cut| cut.index(case.bytes.len() + 1)).collect();
            case
        },
    )
}

/// A few messages, usually a Close frame, and sometimes frames behind it.
fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let talk = prop::collection::vec(message(), 1..4);
    let end = prop_oneof![
        1 => Just(Vec::new()),
        4 => close().prop_map(|close| vec![close]),
        1 => (close(), message()).prop_map(|(close, behind)| [vec![close], behind].concat()),
    ];
    (talk, end).prop_map(|(talk, end)| [talk.concat(), end].concat())
}

/// A control frame, or a message in one or more frames with control frames between them.
fn message() -> impl Strategy<Value = Vec<Frame>> {
    let between = prop::collection::vec(control(), 0..2);
    let fragmented = (data(), prop::collection::vec((any::<Index>(), between), 0..4));
    let fragmented = fragmented.prop_map(|((opcode, data), mut cuts)| {
        // The cuts may be inside characters.
        cuts.sort_by_key(|(cut, _)| cut.index(data.len() + 1));
        let (mut frames, mut start, mut opcode) = (Vec::new(), 0, opcode);
        for (cut, between) in cuts {
            let end = cut.index(data.len() + 1);
            frames.push(Frame::more(opcode, &data[start..end]));
            frames.extend(between);
            (start, opcode) = (end, 0);
        }
        frames.push(Frame::new(opcode, &data[start..]));
        frames
    });
    prop_oneof![3 => fragmented, 1 => control().prop_map(|control| vec![control])]
}

fn data() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let text = prop_oneof![3 => "[a-zé€🦀]{0,12}", 1 => "[é€🦀]{30,90}"];
    let lens = prop_oneof![3 => 0usize..12, 3 => 120..130usize, 2 => 250..260usize, 1 => 65_530..65_540usize];
    prop_oneof![
        2 => text.prop_map(|text| (1, text.into_bytes())),
        1 => lens.clone().prop_map(|len| (1, vec![b'x'; len])),
        1 => (lens, any::<u8>()).prop_map(|(len, byte)| (2, vec![byte; len])),
    ]
}

fn control() -> impl Strategy<Value = Frame> {
    let payload = prop_oneof![2 => "[a-z]{0,4}".prop_map(String::into_bytes), 1 => Just(vec![b'x'; 125])];
    (select(vec![9, 10]), payload).prop_map(|(opcode, payload)| Frame::new(opcode, payload))
}

fn close() -> impl Strategy<Value = Frame> {
    let code = select(vec![1000u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999]);
    let coded = (code, "[a-zé€🦀]{0,8}").prop_map(|(code, reason)| body(code, reason.as_bytes()));
    prop_oneof![1 => Just(Vec::new()), 3 => coded].prop_map(|body| Frame::new(8, body))
}

/// The payload of a Close frame.
pub fn body(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason].concat()
}

/// A fault of a frame or of its position.
#[derive(Clone, Debug)]
enum Mutation {
    Opcode(u8),
    Rsv(u8),
    Masking,
    Len(Len),
    Fin,
    /// Puts the fault into a conversation.
    Bytes(Index, Vec<u8>),
    Close(Vec<u8>),
    Payload(u8, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::{Bytes, Close, Fin, Masking, Opcode, Payload, Rsv};
    // Overlong, a surrogate, above U+10FFFF, a byte that UTF-8 does not use, truncated.
    let invalid: Vec<&[u8]> = vec![
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff",
        b"\x80",
        b"\xe2\x82",
        b"\xf0\x9f",
    ];
    let lens = prop_oneof![
        3 => select(vec![Len::TwoBytes, Len::EightBytes]),
        1 => any::<u32>().prop_map(|low| Len::Claims(1 << 63 | u64::from(low))),
        1 => select(vec![200, 300, 70_000, 17 << 20, 1 << 40]).prop_map(Len::Claims),
    ];
    let codes = prop_oneof![
        2 => select(vec![0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2000, 2999, 5000, 65_535]),
        1 => any::<u16>(),
    ];
    let invalid_reason = select(vec![&b"\xff"[..], b"\xe2\x82", b"a\xc0\xafb"]);
    prop_oneof![
        2 => (0u8..16).prop_map(Opcode),
        1 => (1u8..8).prop_map(Rsv),
        1 => Just(Masking),
        2 => lens.prop_map(Mutation::Len),
        2 => Just(Fin),
        3 => (any::<Index>(), select(invalid)).prop_map(|(at, bytes)| Bytes(at, bytes.to_vec())),
        2 => codes.prop_map(|code| Close(body(code, b"why"))),
        1 => any::<u8>().prop_map(|byte| Close(vec![byte])),
        1 => invalid_reason.prop_map(|reason| Close(body(1000, reason))),
        1 => (8u8..11, 126usize..300).prop_map(|(opcode, len)| Payload(opcode, len)),
    ]
}

impl Mutation {
    fn apply(&self, frame: &mut Frame) {
        match self {
            Self::Opcode(opcode) => frame.opcode = *opcode,
            Self::Rsv(rsv) => frame.rsv = *rsv,
            Self::Masking => frame.masked_right = false,
            Self::Len(len) => frame.len = *len,
            Self::Fin => frame.fin = !frame.fin,
            Self::Bytes(at, bytes) => {
                let at = at.index(frame.payload.len() + 1);
                frame.payload.splice(at..at, bytes.iter().copied());
            }
            Self::Close(body) => *frame = Frame::new(8, body.clone()),
            Self::Payload(opcode, len) => *frame = Frame::new(*opcode, vec![b'x'; *len]),
        }
    }
}
