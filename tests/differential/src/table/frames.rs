//! Sections 5 and 8.1: frames and text.

use sansocket::ProtocolError::{
    InterleavedMessage, InvalidUtf8, LengthOverflow, Masked, NonMinimalLength, NotMasked, OversizedControl,
};
use sansocket::Role;

use super::{ALL_ASPECTS, Entry, MESSAGE_TOO_LONG, Right, Seen};
use crate::outcome::{Aspect, End, Fault};
use crate::wire::{Case, Frame, Len};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        peers: &["fastwebsockets", "soketto"],
        does: "does not check that clients mask their frames and servers do not",
        ours: "fails the connection with 1002",
        clause: "RFC 6455 section 5.1: \"The server MUST close the connection upon receiving a frame that is not \
                 masked … A client MUST close a connection if it detects a masked frame\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| seen.overlooks(&[NotMasked, Masked]),
        example: || {
            Case::new(Role::Server, &[Frame { masked_right: false, ..Frame::new(2, "a") }, Frame::new(8, "")])
        },
    },
    Entry {
        peers: &["tungstenite", "fastwebsockets", "soketto"],
        does: "accepts a payload length that is not in its shortest form",
        ours: "fails the connection with 1002",
        clause: "RFC 6455 section 5.2: \"in all cases, the minimal number of bytes MUST be used to encode the length\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| {
            let short = |seen: &Seen| seen.last().payload.len() <= 125;
            seen.overlooks(&[NonMinimalLength]) || (seen.overlooks(&[OversizedControl]) && short(seen))
        },
        example: || Case::new(Role::Server, &[Frame { len: Len::TwoBytes, ..Frame::new(2, "a") }]),
    },
    Entry {
        peers: &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        does: "treats a length with its highest bit set as a frame that is too long",
        ours: "treats it as malformed: 1002 rather than 1009",
        clause: "RFC 6455 section 5.2: \"the most significant bit MUST be 0\"",
        right: Right::Either,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| seen.broke(&[LengthOverflow]) && seen.theirs.end == End::Failed(Fault::TooBig),
        example: || Case::new(Role::Server, &[Frame { len: Len::Claims(1 << 63), ..Frame::new(2, "a") }]),
    },
    Entry {
        peers: &["fastwebsockets"],
        does: "accepts Pong and Close frames of any length, and answers a Close frame with one of the same \
               length",
        ours: "fails the connection with 1002",
        clause: "RFC 6455 section 5.5: \"All control frames MUST have a payload length of 125 bytes or less\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| seen.overlooks(&[OversizedControl]) && matches!(seen.last().opcode, 8 | 10),
        example: || Case::new(Role::Server, &[Frame::new(10, [b'x'; 126])]),
    },
    Entry {
        peers: &["fastwebsockets"],
        does: "drops a fragmented message when the first frame of another comes",
        ours: "fails the connection with 1002",
        clause: "RFC 6455 section 5.4: \"The fragments of one message MUST NOT be interleaved between the fragments \
                 of another message\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| seen.overlooks(&[InterleavedMessage]) && !seen.last().fin,
        example: || Case::new(Role::Server, &[Frame::more(1, "a"), Frame::more(2, "b"), Frame::new(0, "c")]),
    },
    Entry {
        peers: &["fastwebsockets"],
        does: "gives out a fragmented text that ends inside a character, without the bytes of that character",
        ours: "fails the connection with 1007",
        clause: "RFC 6455 section 8.1: \"When an endpoint is to interpret a byte stream as UTF-8 but finds that the \
                 byte stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the WebSocket \
                 Connection_\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| seen.overlooks(&[InvalidUtf8]) && seen.last().fin && seen.last().opcode == 0,
        example: || Case::new(Role::Server, &[Frame::more(1, "a"), Frame::new(0, b"\xe2\x82")]),
    },
    Entry {
        peers: &["soketto"],
        does: "leaves validation of text to the caller, when the message is complete",
        ours: "fails the connection with 1007 at the first invalid byte",
        clause: "RFC 6455 section 8.1, as above; it does not say when",
        right: Right::Either,
        aspects: ALL_ASPECTS,
        is: |seen| seen.overlooks(&[InvalidUtf8]) && seen.last().opcode < 8,
        example: || Case::new(Role::Server, &[Frame::more(1, b"\xff"), Frame::new(9, "a")]),
    },
    Entry {
        peers: &["soketto"],
        does: "forgets a fragmented message when a Pong comes between its fragments, and fails at the next \
               fragment",
        ours: "goes on with the message",
        clause: "RFC 6455 section 5.4: \"Control frames … MAY be injected in the middle of a fragmented message\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| {
            let fails = matches!(seen.theirs.end, End::Failed(_)) || seen.overlooks(&[InterleavedMessage]);
            fails && seen.pong_between_fragments()
        },
        example: || Case::new(Role::Server, &[Frame::more(1, "a"), Frame::new(10, ""), Frame::new(0, "b")]),
    },
    Entry {
        peers: &["fastwebsockets"],
        does: "limits the length of frames only: fragments are collected without limit",
        ours: "limits both, and fails the connection with 1009",
        clause: "RFC 6455 section 10.4: \"SHOULD impose a limit on frame sizes and the total message size after \
                 reassembly from multiple frames\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| seen.overlooks(&[MESSAGE_TOO_LONG]),
        example: || {
            let frames = [Frame::more(2, [0; 200]), Frame::new(0, [0; 200])];
            Case { limit: 256, ..Case::new(Role::Server, &frames) }
        },
    },
    Entry {
        peers: &["tokio-websockets"],
        does: "accepts text that ends inside a character if its last fragment is empty, and continues it \
               with the next text",
        ours: "fails the connection with 1007",
        clause: "RFC 6455 section 8.1, as above",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| {
            let last = seen.last();
            seen.overlooks(&[InvalidUtf8]) && last.fin && last.opcode == 0 && last.len == 0
        },
        example: || {
            let frames = [Frame::more(1, b"a\xe2\x82"), Frame::new(0, ""), Frame::new(1, "b")];
            Case::new(Role::Server, &frames)
        },
    },
    Entry {
        peers: &["tokio-websockets"],
        does: "writes no Close frame when a message of several frames is too long",
        ours: "writes one with 1009",
        clause: "RFC 6455 section 7.1.7: \"the endpoint SHOULD send a Close frame with an appropriate status code\"",
        right: Right::Ours,
        aspects: &[Aspect::Close],
        is: |seen| seen.broke(&[MESSAGE_TOO_LONG]) && seen.theirs.close.is_none(),
        example: || {
            let frames = [Frame::more(2, [0; 200]), Frame::new(0, [0; 200])];
            Case { limit: 256, ..Case::new(Role::Server, &frames) }
        },
    },
];
