//! Messages whose compressed data has a fault or is unusual.

use sansocket::{Message, Role};

use super::{Agreed, Ours, Verdict};
use crate::table::Right;
use crate::wire::{Arrived, Frame, LARGE};

/// Frames, and the verdicts on them.
pub struct Row {
    pub with: &'static str,
    /// Whether a message may refer to earlier ones, and windows.
    pub agreed: Agreed,
    /// The longest message, in bytes.
    pub limit: usize,
    frames: fn() -> Vec<Frame>,
    pub ours: &'static str,
    others: [&'static str; 4],
    pub clause: &'static str,
    /// Whom the RFCs support, where others differ.
    pub right: Right,
}

impl Row {
    /// The bytes to an endpoint of that role.
    pub fn wire(&self, role: Role) -> Vec<u8> {
        let mut wire = Vec::new();
        (self.frames)().iter().for_each(|frame| frame.encode(role, &mut wire));
        wire
    }

    /// The verdicts of the crates in [`peers::ALL`](super::peers::ALL), then of `ws` and `websockets`.
    pub fn others(&self) -> [&'static str; 4] {
        self.others.map(|verdict| if verdict == "=" { self.ours } else { verdict })
    }

    pub fn verdict(&self, role: Role) -> Verdict {
        Ours::new(role, self.agreed, self.limit).receive(&self.wire(role), &[])
    }
}

/// "Hello" as in RFC 7692 section 7.2.3.1.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

/// "Hello" again, as a reference to the message before: section 7.2.3.2.
const AGAIN: &[u8] = b"\xf2\x00\x11\x00\x00";

/// A compressed text in one frame.
fn text(payload: &[u8]) -> Frame {
    Frame { rsv: 4, ..Frame::new(1, payload) }
}

/// Zeros, compressed by this crate.
fn zeros(len: usize) -> Vec<Frame> {
    let mut wire = Vec::new();
    let mut ours = Ours::new(Role::Server, DEFAULT.agreed, LARGE);
    ours.send(&Message::from(vec![0; len]), &[], &mut wire);
    Arrived::all(&wire).into_iter().map(|frame| Frame { rsv: 4, ..Frame::new(2, frame.payload) }).collect()
}

const DEFAULT: Row = Row {
    with: "",
    agreed: Agreed { takeover: false, window_bits: 15 },
    limit: LARGE,
    frames: Vec::new,
    ours: "",
    others: ["="; 4],
    clause: "",
    right: Right::Ours,
};

/// Data that is no DEFLATE: all fail the connection. The RFCs name no code for it.
const BROKEN: Row = Row {
    ours: "fails, 1007",
    others: ["fails", "fails, 1011", "=", "fails, 1002"],
    right: Right::Either,
    ..DEFAULT
};

const TAKEOVER: Agreed = Agreed { takeover: true, window_bits: 15 };

pub static ROWS: &[Row] = &[
    Row {
        with: "one block, with fixed codes",
        frames: || vec![text(HELLO)],
        ours: "\"Hello\"",
        clause: "RFC 7692 section 7.2.3.1",
        ..DEFAULT
    },
    Row {
        with: "a stored block",
        frames: || vec![text(b"\x00\x05\x00\xfa\xffHello\x00")],
        ours: "\"Hello\"",
        clause: "RFC 7692 section 7.2.3.3",
        ..DEFAULT
    },
    Row {
        with: "two blocks",
        frames: || vec![text(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")],
        ours: "\"Hello\"",
        clause: "RFC 7692 section 7.2.3.5",
        ..DEFAULT
    },
    Row {
        with: "an empty block",
        frames: || vec![text(b"\x00")],
        ours: "\"\"",
        clause: "RFC 7692 section 7.2.3.6",
        ..DEFAULT
    },
    Row {
        with: "no payload",
        frames: || vec![text(b""), text(HELLO)],
        ours: "\"\", then \"Hello\"",
        clause: "RFC 7692 does not say; some peers send an empty message like this",
        ..DEFAULT
    },
    Row {
        with: "fragments, one of them empty",
        frames: || {
            vec![
                Frame { fin: false, ..text(&HELLO[..3]) },
                Frame::more(0, b"".to_vec()),
                Frame::new(0, &HELLO[3..]),
            ]
        },
        ours: "\"Hello\"",
        clause: "RFC 7692 section 6.2",
        ..DEFAULT
    },
    Row {
        with: "a block with BFINAL",
        frames: || vec![text(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")],
        ours: "\"Hello\"",
        clause: "RFC 7692 section 7.2.3.4",
        ..DEFAULT
    },
    Row {
        with: "a block with BFINAL, then a message that refers to it, with takeover",
        frames: || vec![text(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), text(AGAIN)],
        agreed: TAKEOVER,
        ours: "\"Hello\", then \"Hello\"",
        others: ["=", "\"Hello\", then fails, 1011", "\"Hello\", then fails, 1007", "\"Hello\", then \"\""],
        clause: "RFC 7692 section 7.2.2: with takeover a receiver uses the window of the last message",
        ..DEFAULT
    },
    Row {
        with: "a block with BFINAL before another block",
        frames: || vec![text(&[b"\xf3\x48\xcd\xc9\xc9\x07\x00", HELLO].concat())],
        ours: "\"HelloHello\"",
        others: ["=", "\"Hello\"", "\"Hello\"", "\"Hello\""],
        clause: "RFC 7692 section 7.2.1: \"An endpoint MAY use both DEFLATE blocks with the 'BFINAL' bit set to 0 and DEFLATE blocks with the 'BFINAL' bit set to 1\"",
        ..DEFAULT
    },
    Row {
        with: "a block with BFINAL, and no empty block behind it",
        frames: || vec![text(b"\xf3\x48\xcd\xc9\xc9\x07\x00")],
        ours: "fails, 1007",
        others: ["\"Hello\""; 4],
        clause: "RFC 7692 section 7.2.1: a message ends with an empty block; it does not say what a receiver does with another one",
        right: Right::Either,
        ..DEFAULT
    },
    Row {
        with: "the tail not removed",
        frames: || vec![text(&[HELLO, b"\x00\x00\xff\xff"].concat())],
        ours: "fails, 1007",
        others: ["\"Hello\""; 4],
        clause: "RFC 7692 section 7.2.1: \"Remove 4 octets\"; it does not say what a receiver does with others",
        right: Right::Either,
        ..DEFAULT
    },
    Row {
        with: "one byte more than the tail removed",
        frames: || vec![text(&HELLO[..6])],
        ours: "fails, 1007",
        others: ["\"Hello\""; 4],
        clause: "as above",
        right: Right::Either,
        ..DEFAULT
    },
    Row {
        with: "another tail, behind the empty block",
        frames: || vec![text(&[HELLO, b"\x00\x00\xff\xfe"].concat())],
        clause: "as above; the RFCs name no code",
        ..BROKEN
    },
    Row {
        with: "cut in a block with fixed codes",
        frames: || vec![text(&HELLO[..3])],
        ours: "fails, 1007",
        others: ["\"Heh\""; 4],
        clause: "RFC 1951 section 3.2.6: the bytes of the tail are read as codes, and give a byte that nobody sent",
        ..DEFAULT
    },
    Row {
        with: "cut in a stored block",
        frames: || vec![text(b"\x00\x05\x00\xfa\xffHel")],
        clause: "RFC 1951 section 3.2.4: LEN bytes follow; the RFCs name no code",
        ..BROKEN
    },
    Row {
        with: "a block without the code that ends it",
        frames: || {
            let mut frames = zeros(100);
            frames[0].payload.truncate(4);
            frames
        },
        ours: "fails, 1007",
        others: ["100 bytes e5464095"; 4],
        clause: "RFC 1951 section 3.2.3: a block ends with the code 256",
        ..DEFAULT
    },
    Row {
        with: "a block of type 3",
        frames: || vec![text(b"\x07\x00")],
        clause: "RFC 1951 section 3.2.3: \"reserved (error)\"; the RFCs name no code",
        ..BROKEN
    },
    Row {
        with: "a stored block whose length and complement differ",
        frames: || vec![text(b"\x00\x05\x00\xfa\xfeHello\x00")],
        clause: "RFC 1951 section 3.2.4: NLEN is \"the one's complement of LEN\"; the RFCs name no code",
        ..BROKEN
    },
    Row {
        with: "no code for the lengths of codes",
        frames: || vec![text(b"\x0d\0\0\0\0\0\0\0\x48\xcd\xc9")],
        ours: "fails, 1007",
        others: ["\"\""; 4],
        clause: "RFC 1951 section 3.2.7: nothing can be decoded",
        ..DEFAULT
    },
    Row {
        with: "a valid block, then one of type 3",
        frames: || vec![text(b"\x00\x05\x00\xfa\xffHello\x07\x00")],
        clause: "RFC 1951 section 3.2.3; the RFCs name no code",
        ..BROKEN
    },
    Row {
        with: "a reference to before the first byte",
        frames: || vec![text(AGAIN)],
        clause: "RFC 1951 section 3.2.3: a distance cannot refer past the beginning of the output; the RFCs name no code",
        ..BROKEN
    },
    Row {
        with: "a reference to the message before, without takeover",
        frames: || vec![text(HELLO), text(AGAIN)],
        ours: "\"Hello\", then fails, 1007",
        others: ["\"Hello\", then fails", "\"Hello\", then fails, 1011", "=", "\"Hello\", then fails, 1002"],
        clause: "RFC 7692 section 7.1.1: an empty window for each message; the RFCs name no code",
        right: Right::Either,
        ..DEFAULT
    },
    Row {
        with: "the same with takeover",
        frames: || vec![text(HELLO), text(AGAIN)],
        agreed: TAKEOVER,
        ours: "\"Hello\", then \"Hello\"",
        clause: "RFC 7692 section 7.2.3.2",
        ..DEFAULT
    },
    Row {
        with: "a reference 1000 bytes back, where windows of 512 bytes were agreed on",
        frames: || vec![text(&beyond())],
        agreed: Agreed { takeover: false, window_bits: 9 },
        ours: "1003 bytes db925bc9",
        clause: "RFC 7692 section 7.1.2 limits the window of the sender; it does not say what a receiver does",
        ..DEFAULT
    },
    Row {
        with: "100,000 bytes, as many as are allowed",
        frames: || zeros(100_000),
        limit: 100_000,
        ours: "100000 bytes f1a1b645",
        others: ["=", "fails, 1009", "=", "="],
        clause: "RFC 6455 section 10.4: a limit, which is the last length that is allowed",
        ..DEFAULT
    },
    Row {
        with: "100,001 bytes, one too many",
        frames: || zeros(100_001),
        limit: 100_000,
        ours: "fails, 1009",
        others: ["fails", "=", "=", "="],
        clause: "as above; sockudo-ws has no Close frame here",
        right: Right::Either,
        ..DEFAULT
    },
    Row {
        with: "text that is not UTF-8",
        frames: || vec![text(b"\x00\x02\x00\xfd\xff\xff\xff\x00")],
        ours: "fails, 1007",
        others: ["fails", "fails", "=", "="],
        clause: "RFC 6455 section 7.1.7: \"the endpoint SHOULD send a Close frame with an appropriate status code\"",
        ..DEFAULT
    },
    Row {
        with: "RSV1 on a continuation",
        frames: || {
            vec![Frame { fin: false, ..text(&HELLO[..3]) }, Frame { rsv: 4, ..Frame::new(0, &HELLO[3..]) }]
        },
        ours: "fails, 1002",
        others: ["fails", "\"Hello\"", "=", "="],
        clause: "RFC 7692 section 6.1: the bit is set in the first fragment only; \"MUST _Fail the WebSocket Connection_\"",
        ..DEFAULT
    },
    Row {
        with: "RSV1 on a Ping",
        frames: || vec![Frame { rsv: 4, ..Frame::new(9, b"".to_vec()) }],
        ours: "fails, 1002",
        others: ["fails", "nothing", "=", "="],
        clause: "as above",
        ..DEFAULT
    },
    Row {
        with: "a message without RSV1 between two with it, with takeover",
        frames: || vec![text(HELLO), Frame::new(1, b"plain".to_vec()), text(AGAIN)],
        agreed: TAKEOVER,
        ours: "\"Hello\", then \"plain\", then \"Hello\"",
        clause: "RFC 7692 section 6: a message without the bit is as it is, and not in the window",
        ..DEFAULT
    },
];

/// A thousand bytes in a stored block, then the first three of them as a reference (RFC 1951 section 3.2.5: length 3 is code 257,
/// distances from 769 to 1024 are code 19 with 8 extra bits).
fn beyond() -> Vec<u8> {
    let data: Vec<u8> = (0..1000_u32).map(|n| b'a' + (n * n % 26) as u8).collect();
    let mut block = vec![0x00, 0xe8, 0x03, 0x17, 0xfc];
    block.extend(data);
    // Not final, fixed codes; 0000001; 10011; 1000 - 769 = 231 in 8 bits, the lowest first; 0000000 ends the block.
    let bits = "0 10 0000001 10011 11100111 0000000 000";
    let mut byte = (0, 0);
    for bit in bits.bytes().filter(|bit| *bit != b' ') {
        byte.0 |= (bit - b'0') << byte.1;
        byte.1 += 1;
        if byte.1 == 8 {
            block.push(byte.0);
            byte = (0, 0);
        }
    }
    block.push(byte.0);
    block
}
