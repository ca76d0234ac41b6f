//! Opening handshakes that go wrong.

use std::time::Duration;

use tokio::time::sleep;

use crate::bytes::noise;
use crate::peer::Peer;
use crate::visit::{HANDSHAKE, Visit};
use crate::{Outcome, wrong};

/// Nothing comes, not even TLS.
pub(crate) async fn silent(visit: Visit) -> Outcome {
    Peer::reach(visit).await?.ends_between(HANDSHAKE, HANDSHAKE).await
}

/// A head comes byte by byte, without end. The deadline is for all of it.
pub(crate) async fn slow_loris(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let head = peer.request("X-Long: ") + "x";
    peer.send(&head.as_bytes()[..4]).await?;
    for byte in head.bytes().skip(4).cycle() {
        if peer.age() > HANDSHAKE || peer.send(&[byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_millis(250)).await;
    }
    peer.ends_between(HANDSHAKE, HANDSHAKE).await
}

/// A head that comes in pieces, within the time, with a frame in its last segment.
pub(crate) async fn slow(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let frame = crate::bytes::frame(&mut peer.visit.rng, sansocket::frame::Opcode::Text, b"early");
    let bytes = [peer.request("").as_bytes(), &frame].concat();
    for piece in bytes.chunks(bytes.len() / 5) {
        peer.send(piece).await?;
        sleep(Duration::from_millis(50)).await;
    }
    if !peer.head().await?.starts_with("HTTP/1.1 101 ") {
        return wrong("not opened");
    }
    if peer.visit.site.is_chat() { peer.closed_with(1007).await } else { peer.echoes(b"early").await }
}

/// Half a head, then the end of the stream, or a reset.
pub(crate) async fn half(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let head = peer.request("");
    let len = peer.visit.rng.usize(..head.len());
    peer.send(&head.as_bytes()[..len]).await?;
    if peer.visit.rng.bool() {
        return peer.reset();
    }
    peer.finish().await?;
    peer.ends().await
}

/// A whole head, then a reset, with the response on its way.
pub(crate) async fn gone(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let head = peer.request("");
    peer.send(head.as_bytes()).await?;
    peer.reset()
}

/// Lines that are no head.
pub(crate) async fn garbage(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let mut lines = noise(&mut peer.visit.rng, 200);
    lines.extend(b"\r\n\r\n");
    peer.send(&lines).await?;
    peer.refused_with(&[400]).await
}

/// More bytes, or more headers, than a head may have.
pub(crate) async fn long_head(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let headers = match peer.visit.rng.bool() {
        true => format!("X-Long: {}\r\n", "x".repeat(40 << 10)),
        false => "X: y\r\n".repeat(120),
    };
    let head = peer.request(&headers);
    peer.send(head.as_bytes()).await?;
    peer.refused_with(&[431]).await
}

/// Requests that ask for something else.
pub(crate) async fn refused(visit: Visit) -> Outcome {
    let mut peer = Peer::reach(visit).await?;
    let head = peer.request("");
    let (head, statuses): (String, &[u16]) = match peer.visit.rng.u8(..6) {
        0 => (head.replace("Version: 13", "Version: 8"), &[426]),
        1 => (head.replace("GET ", "POST "), &[400, 405, 426]),
        2 => (head.replace("HTTP/1.1", "HTTP/1.0"), &[400, 426, 505]),
        3 => (head.replace("Key: dGhl", "Key: dGh"), &[400]),
        4 => (head.replace("Host:", "Host: elsewhere\r\nHost:"), &[400]),
        _ => (head.replace("Upgrade: websocket\r\n", ""), &[200, 400, 404, 426]),
    };
    peer.send(head.as_bytes()).await?;
    peer.refused_with(statuses).await
}
