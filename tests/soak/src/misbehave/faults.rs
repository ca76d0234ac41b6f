//! Frames that fail the connection, each with its close code. Before some of them the connection is in use, or in the middle of
//! a message.

use fastrand::Rng;
use sansocket::frame::{FrameHeader, Opcode};
use sansocket::{CloseCode, Deflate};
use tokio::time::timeout;

use crate::bytes::{fragment, frame, frame_of, noise};
use crate::peer::Peer;
use crate::visit::{SLACK, Visit};
use crate::{Outcome, wrong};

/// Frames, and the code with which the server fails the connection.
pub(crate) type Fault = (fn(&mut Rng, usize) -> Vec<u8>, u16);

pub(crate) const UNMASKED: Fault = (|_, _| b"\x81\x02hi".to_vec(), 1002);
pub(crate) const RSV1: Fault = (|rng, _| flagged(0x40, frame(rng, Opcode::Text, b"compressed?")), 1002);
pub(crate) const RSV2: Fault = (|rng, _| flagged(0x20, frame(rng, Opcode::Text, b"?")), 1002);
pub(crate) const OPCODE: Fault = (|rng, _| flagged(0x03, frame(rng, Opcode::Continuation, b"?")), 1002);
pub(crate) const LONG_PING: Fault = (|rng, _| frame(rng, Opcode::Ping, &[b'p'; 126]), 1002);
pub(crate) const PARTIAL_PING: Fault = (|rng, _| fragment(rng, Opcode::Ping, b"part"), 1002);
pub(crate) const NOT_MINIMAL: Fault = (|_, _| b"\x82\xfe\x00\x01\0\0\0\0x".to_vec(), 1002);
pub(crate) const TOP_BIT: Fault = (|_, _| b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(), 1002);
pub(crate) const EIGHT_EIB: Fault =
    (|_, _| b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(), 1009);
pub(crate) const TOO_LONG: Fault = (
    |rng, longest| {
        frame_of(FrameHeader::new(Opcode::Binary, longest as u64 + 1), rng, b"the first bytes of it")
    },
    1009,
);
pub(crate) const SUM_TOO_LONG: Fault = (
    |rng, longest| {
        let half = noise(rng, longest / 2 + 1);
        [fragment(rng, Opcode::Binary, &half), fragment(rng, Opcode::Continuation, &half)].concat()
    },
    1009,
);
pub(crate) const NOTHING_TO_CONTINUE: Fault =
    (|rng, _| frame(rng, Opcode::Continuation, b"of nothing"), 1002);
pub(crate) const INTERLEAVED: Fault =
    (|rng, _| [fragment(rng, Opcode::Text, b"one"), frame(rng, Opcode::Text, b"two")].concat(), 1002);
pub(crate) const BAD_UTF8: Fault = (|rng, _| frame(rng, Opcode::Text, b"\xed\xa0\x80"), 1007);
pub(crate) const CUT_UTF8: Fault = (
    |rng, _| [fragment(rng, Opcode::Text, b"\xe2\x82"), frame(rng, Opcode::Continuation, b"")].concat(),
    1007,
);
/// The frame never ends.
pub(crate) const EARLY_UTF8: Fault =
    (|rng, _| frame_of(FrameHeader::new(Opcode::Text, 10_000), rng, b"only this: \xff"), 1007);
pub(crate) const CLOSE_CODE: Fault = (|rng, _| frame(rng, Opcode::Close, &1005_u16.to_be_bytes()), 1002);
pub(crate) const CLOSE_BYTE: Fault = (|rng, _| frame(rng, Opcode::Close, &[3]), 1002);
pub(crate) const CLOSE_UTF8: Fault = (|rng, _| frame(rng, Opcode::Close, b"\x03\xe8\xff"), 1007);

/// The frames come in one piece or in several, behind another message or not.
pub(crate) async fn fails(visit: Visit, (frames, code): Fault) -> Outcome {
    let longest = visit.site.longest();
    let mut peer = Peer::open(visit).await?;
    if peer.visit.rng.bool() && !peer.visit.site.is_chat() {
        peer.is_served().await?;
    }
    let bytes = frames(&mut peer.visit.rng, longest);
    let (begin, end) = bytes.split_at(peer.visit.rng.usize(..bytes.len()));
    peer.send(begin).await?;
    if peer.visit.rng.bool() {
        peer.visit.pause().await;
    }
    peer.send(end).await?;
    peer.failed_with(code).await
}

/// What comes inflated is longer than a message may be.
pub(crate) async fn bomb(visit: Visit) -> Outcome {
    let zeros = vec![0; visit.site.longest() + 1];
    let mut socket = visit.connect_with(Some(Deflate::default().min_len(0))).await?;
    socket.send(&zeros).await?;
    while timeout(SLACK, socket.read()).await??.is_some() {}
    match socket.close_info() {
        Some(end) if end.code == CloseCode::TOO_BIG => Ok(()),
        Some(end) if end.code == CloseCode(1006) => Err("lost".into()),
        end => wrong(format!("{end:?} instead of 1009")),
    }
}

pub(crate) async fn not_deflate(visit: Visit) -> Outcome {
    let mut rng = visit.rng.clone();
    // A block of the type that does not exist.
    let frame = flagged(0x40, frame(&mut rng, Opcode::Binary, b"\xff\xff\xff\xff"));
    deflated(visit, &frame, 1007).await
}

/// The end of a message is missing: a stored block claims more bytes than there are.
pub(crate) async fn cut_deflate(visit: Visit) -> Outcome {
    let mut rng = visit.rng.clone();
    let frame = flagged(0x40, frame(&mut rng, Opcode::Binary, b"\x00\xff\x00\x00\xffshort"));
    deflated(visit, &frame, 1007).await
}

async fn deflated(visit: Visit, frame: &[u8], code: u16) -> Outcome {
    let extension = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut peer = Peer::open_with(visit, extension).await?;
    peer.send(frame).await?;
    peer.failed_with(code).await
}

/// More and more fragments of a message that does not end: the limit is on their number.
pub(crate) async fn endless(visit: Visit) -> Outcome {
    let is_chat = visit.site.is_chat();
    let mut peer = Peer::open(visit).await?;
    let rng = &mut peer.visit.rng;
    let begin = fragment(rng, Opcode::Binary, b"");
    let payload: &[u8] = if rng.bool() && !is_chat { b"." } else { b"" };
    let many = fragment(rng, Opcode::Continuation, payload).repeat(1 << 10);
    peer.send(&begin).await?;
    // The first fragment and 131,072 more: one too many.
    for _ in 0..1 << 7 {
        peer.send(&many).await?;
    }
    peer.failed_with(1009).await
}

/// With bits of the first byte set.
fn flagged(bits: u8, mut frame: Vec<u8>) -> Vec<u8> {
    if let Some(first) = frame.first_mut() {
        *first |= bits;
    }
    frame
}
