//! Connections that do not end as they should.

use std::time::Duration;

use sansocket::frame::{FrameHeader, Opcode};
use tokio::time::{Instant, sleep};

use crate::Outcome;
use crate::bytes::{frame, frame_of, noise};
use crate::peer::Peer;
use crate::visit::{SLACK, Visit};

/// How long the peer may take to end the transport: the crate's default.
const CLOSE: Duration = Duration::from_secs(5);

/// The interval of the keepalive: the crate's default. It ends a connection two to three intervals after the last sign of life.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// The end of the stream, or a reset, without a Close frame, in the middle of a message or not.
pub(crate) async fn no_close(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    let rng = &mut peer.visit.rng;
    if rng.bool() {
        let part = frame_of(FrameHeader::new(Opcode::Binary, 10_000), rng, b"the beginning");
        peer.send(&part).await?;
    }
    peer.visit.pause().await;
    match peer.visit.rng.u8(..3) {
        0 => return peer.reset(),
        1 => peer.cut()?,
        _ => peer.finish().await?,
    }
    peer.ends().await
}

/// A Close frame, then the stream stays open: the server gives it up.
pub(crate) async fn stays(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    let close = frame(&mut peer.visit.rng, Opcode::Close, &1000_u16.to_be_bytes());
    peer.send(&close).await?;
    peer.close_frame(1000).await?;
    peer.is_given_up(b"?", CLOSE, CLOSE).await
}

/// A fault, then more and more bytes instead of an end.
pub(crate) async fn talks_on(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    peer.send(b"\x81\x00not masked").await?;
    peer.close_frame(1002).await?;
    let bytes = noise(&mut peer.visit.rng, 10_000);
    let begun = Instant::now();
    // An error: the server is gone.
    while peer.push(&bytes, SLACK).await.is_ok() {
        if begun.elapsed() > CLOSE + SLACK {
            return Err("not given up".into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// A Close frame, with more behind it, which is ignored.
pub(crate) async fn behind_close(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    let rng = &mut peer.visit.rng;
    let close = frame(rng, Opcode::Close, &4000_u16.to_be_bytes());
    let more =
        [frame(rng, Opcode::Ping, b"?"), frame(rng, Opcode::Text, b"ignored"), noise(rng, 5000)].concat();
    peer.send(&[close, more].concat()).await?;
    peer.failed_with(4000).await
}

/// Open and silent: the Pings of the keepalive are not answered.
pub(crate) async fn half_open(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    if !peer.visit.site.is_chat() {
        peer.is_served().await?;
    }
    // Pongs are given more time if much was sent: as much as a write has.
    let patience = peer.visit.site.write_timeout();
    peer.ends_between(2 * KEEPALIVE, 3 * KEEPALIVE + patience).await
}
