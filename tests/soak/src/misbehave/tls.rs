//! TLS that breaks off or is none.

use crate::Outcome;
use crate::bytes::noise;
use crate::peer::Peer;
use crate::visit::{HANDSHAKE, Visit};

/// The header of a record: its type, TLS 1.2, its length.
const HANDSHAKE_RECORD: u8 = 22;
const DATA_RECORD: u8 = 23;

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[kind, 3, 3, high, low], payload].concat()
}

/// Bytes that are no record, or a record that is no ClientHello.
pub(crate) async fn garbage(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let noise = noise(&mut peer.visit.rng, 500);
    let bytes = match peer.visit.rng.u8(..3) {
        0 => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        1 => record(HANDSHAKE_RECORD, &noise),
        _ => [b"\xff".as_slice(), &noise].concat(),
    };
    peer.send_raw(&bytes)?;
    peer.ends().await
}

/// The beginning of a ClientHello, then nothing.
pub(crate) async fn half_hello(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    // A ClientHello of 512 bytes, of which 20 come.
    peer.send_raw(&[HANDSHAKE_RECORD, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8])?;
    peer.ends_between(HANDSHAKE, HANDSHAKE).await
}

/// A record in the middle of the session that the server cannot decrypt.
pub(crate) async fn bad_record(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    peer.is_served().await?;
    let noise = noise(&mut peer.visit.rng, 100);
    peer.send_raw(&record(DATA_RECORD, &noise))?;
    peer.ends().await
}

/// A handshake that begins again in the middle of the session, in the clear.
pub(crate) async fn renegotiation(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    peer.is_served().await?;
    let hello = [&[1, 0, 0, 38, 3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1]].concat();
    peer.send_raw(&record(HANDSHAKE_RECORD, &hello))?;
    peer.ends().await
}

/// The header of a record, part of its bytes, and the end of TCP, or a reset.
pub(crate) async fn cut_record(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    peer.is_served().await?;
    peer.send_raw(&[DATA_RECORD, 3, 3, 1, 0, 1, 2, 3])?;
    if peer.visit.rng.bool() {
        return peer.reset();
    }
    peer.cut()?;
    peer.ends().await
}
