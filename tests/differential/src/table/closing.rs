//! Sections 5.5.1 and 7: the end of connections, with and without a fault.

use sansocket::ProtocolError::{InterleavedMessage, InvalidCloseCode, LengthOverflow, TruncatedCloseCode};
use sansocket::Role;

use super::{ALL_ASPECTS, Entry, MESSAGE_TOO_LONG, Right};
use crate::conversation::body;
use crate::outcome::{Aspect, End, Fault};
use crate::wire::{Case, Frame};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        peers: &["tungstenite", "fastwebsockets", "soketto"],
        does: "writes no Close frame when the peer broke a rule",
        ours: "writes one with 1002, 1007 or 1009, and the rule as the reason",
        clause: "RFC 6455 section 7.1.7: \"the endpoint SHOULD send a Close frame with an appropriate status code\"",
        right: Right::Ours,
        aspects: &[Aspect::Close],
        is: |seen| {
            seen.rule.is_some() && seen.theirs.close.is_none() && matches!(seen.theirs.end, End::Failed(_))
        },
        example: || Case::new(Role::Server, &[Frame::new(3, "")]),
    },
    Entry {
        peers: &["tungstenite", "fastwebsockets", "tokio-websockets", "soketto"],
        does: "finds some faults only when more of the frame has arrived, or all of it",
        ours: "finds them in the header, and in text at the first invalid byte",
        clause: "RFC 6455 does not say when",
        right: Right::Either,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| seen.rule.is_some() && seen.theirs.end == End::Lost && !seen.last().whole,
        example: || {
            let mut case = Case::new(Role::Server, &[Frame::new(3, "")]);
            case.bytes.truncate(1);
            case
        },
    },
    Entry {
        peers: &["tungstenite", "soketto"],
        does: "reports a Close frame with a code that must not be sent as one with 1002",
        ours: "fails the connection with 1002, and gives the caller an error",
        clause: "RFC 6455 section 7.4: 1005, 1006 and 1015 \"MUST NOT be set as a status code in a Close control \
                 frame\"; \"0-999 … are not used\"",
        right: Right::Either,
        aspects: &[Aspect::End],
        is: |seen| seen.broke(&[InvalidCloseCode]) && matches!(seen.theirs.end, End::Closed(Some((1002, _)))),
        example: || Case::new(Role::Server, &[Frame::new(8, body(1005, b""))]),
    },
    Entry {
        peers: &["soketto"],
        does: "treats a Close frame of one byte as an empty one",
        ours: "fails the connection with 1002",
        clause: "RFC 6455 section 5.5.1: \"If there is a body, the first two bytes of the body MUST be a 2-byte \
                 unsigned integer\"",
        right: Right::Ours,
        aspects: ALL_ASPECTS,
        is: |seen| seen.broke(&[TruncatedCloseCode]) && seen.theirs.close == Some(None),
        example: || Case::new(Role::Server, &[Frame::new(8, b"\x03")]),
    },
    Entry {
        peers: &["soketto"],
        does: "reports an empty Close frame and a stream that ends without one in the same way",
        ours: "tells them apart",
        clause: "RFC 6455 section 7.1.5: 1005 for the one, 1006 for the other",
        right: Right::Ours,
        aspects: &[Aspect::End],
        is: |seen| seen.ours.end == End::Closed(None) && seen.theirs.end == End::Lost,
        example: || Case::new(Role::Server, &[Frame::new(8, "")]),
    },
    Entry {
        peers: &["tungstenite"],
        does: "as a client, fails with an error when anything follows a Close frame",
        ours: "discards it: the connection was closed",
        clause: "RFC 6455 section 1.4: \"after receiving a control frame indicating the connection should be \
                 closed, a peer discards any further data received\"",
        right: Right::Ours,
        aspects: &[Aspect::End],
        is: |seen| {
            let goes_on = seen.taken().len() < seen.case.arrived().len();
            let closed = matches!(seen.ours.end, End::Closed(_)) || seen.broke(&[InvalidCloseCode]);
            seen.is(Role::Client) && goes_on && closed && matches!(seen.theirs.end, End::Failed(_))
        },
        example: || Case::new(Role::Client, &[Frame::new(8, ""), Frame::new(2, "a")]),
    },
    Entry {
        peers: &["tungstenite", "fastwebsockets", "soketto"],
        does: "reports a frame that breaks a rule and is too long as too long",
        ours: "reports the rule",
        clause: "RFC 6455 does not say which",
        right: Right::Either,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| seen.names_another(Fault::TooBig) && !seen.broke(&[LengthOverflow]),
        example: || Case { limit: 256, ..Case::new(Role::Server, &[Frame::new(0, [b'x'; 300])]) },
    },
    Entry {
        peers: &["tungstenite", "fastwebsockets", "soketto"],
        does: "reports a Close frame with a forbidden code and a reason that is not UTF-8 as invalid UTF-8",
        ours: "reports the code",
        clause: "RFC 6455 does not say which",
        right: Right::Either,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| seen.names_another(Fault::InvalidUtf8) && seen.last().opcode == 8,
        example: || Case::new(Role::Server, &[Frame::new(8, body(1005, b"\xff"))]),
    },
    Entry {
        peers: &["fastwebsockets"],
        does: "reports text that is not UTF-8 inside another message as invalid UTF-8",
        ours: "reports the fault in the header",
        clause: "RFC 6455 does not say which",
        right: Right::Either,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| seen.names_another(Fault::InvalidUtf8) && seen.broke(&[InterleavedMessage]),
        example: || Case::new(Role::Server, &[Frame::more(2, "a"), Frame::new(1, b"\xff")]),
    },
    Entry {
        peers: &["tokio-websockets"],
        does: "reports a fragment that is not UTF-8 and makes the message too long as invalid UTF-8",
        ours: "reports the length",
        clause: "RFC 6455 does not say which",
        right: Right::Either,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| seen.names_another(Fault::InvalidUtf8) && seen.broke(&[MESSAGE_TOO_LONG]),
        example: || {
            let frames = [Frame::more(1, [b'x'; 200]), Frame::new(0, [0xFF; 100])];
            Case { limit: 256, ..Case::new(Role::Server, &frames) }
        },
    },
    Entry {
        peers: &["tungstenite", "fastwebsockets", "soketto"],
        does: "does not accept the close code 1014",
        ours: "accepts it, like 1012 and 1013 from the same registry",
        clause: "RFC 6455 section 11.7: the registry, in which 1014 is \"Bad Gateway\"",
        right: Right::Ours,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| {
            matches!(seen.ours.end, End::Closed(Some((1014, _)))) && seen.theirs.close == Some(Some(1002))
        },
        example: || Case::new(Role::Server, &[Frame::new(8, body(1014, b"why"))]),
    },
    Entry {
        peers: &["soketto"],
        does: "accepts the close code 1015, and answers with it",
        ours: "fails the connection with 1002",
        clause: "RFC 6455 section 7.4.1: 1015 \"MUST NOT be set as a status code in a Close control frame by an \
                 endpoint\"",
        right: Right::Ours,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| seen.broke(&[InvalidCloseCode]) && seen.theirs.close == Some(Some(1015)),
        example: || Case::new(Role::Server, &[Frame::new(8, body(1015, b"why"))]),
    },
    Entry {
        peers: &["fastwebsockets", "tokio-websockets", "soketto"],
        does: "finds some faults before all of the header, or of a Close frame, has arrived",
        ours: "checks a header when it is complete, except for the opcode",
        clause: "RFC 6455 does not say when",
        right: Right::Either,
        aspects: &[Aspect::End, Aspect::Close],
        is: |seen| {
            seen.ours.end == End::Lost && matches!(seen.theirs.end, End::Failed(_)) && !seen.last().whole
        },
        example: || {
            let mut case = Case::new(Role::Server, &[Frame { rsv: 4, ..Frame::new(2, "") }]);
            case.bytes.truncate(3);
            case
        },
    },
];
