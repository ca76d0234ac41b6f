//! Clients that send much and read nothing, or little by little.

use std::time::Duration;

use sansocket::frame::Opcode;
use tokio::time::{sleep, timeout};

use crate::Outcome;
use crate::bytes::{frame, noise, words};
use crate::peer::{Peer, READ};
use crate::visit::{SLACK, Visit};

/// How long a server that reads takes at most to read more.
const STALL: Duration = Duration::from_secs(4);

/// A frame byte by byte, then one whole.
pub(crate) async fn dribble(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    let rng = &mut peer.visit.rng;
    let len = rng.usize(1..100);
    let text = words(rng, len);
    let frame = frame(rng, Opcode::Text, text.as_bytes());
    for byte in frame {
        peer.send(&[byte]).await?;
        sleep(Duration::from_millis(10)).await;
    }
    peer.echoes(text.as_bytes()).await?;
    peer.is_served().await
}

/// Many Pings before anything is read. The newest one is answered, and the connection goes on.
pub(crate) async fn pings(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    let rng = &mut peer.visit.rng;
    let mut bytes = frame(rng, Opcode::Ping, &[b'p'; 125]).repeat(30 << 10);
    bytes.extend(frame(rng, Opcode::Ping, b"last"));
    let mut sent = peer.push(&bytes, STALL).await?;
    while sent < bytes.len() {
        // The answers are in the way.
        timeout(SLACK, peer.receive()).await??;
        sent += peer.push(&bytes[sent..], Duration::from_millis(20)).await?;
    }
    while timeout(SLACK, peer.next(&[Opcode::Pong])).await??.payload != b"last" {}
    if peer.visit.site.is_chat() { Ok(()) } else { peer.is_served().await }
}

/// Pongs that nobody asked for.
pub(crate) async fn pongs(visit: Visit) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    let many = frame(&mut peer.visit.rng, Opcode::Pong, b"unasked").repeat(1 << 10);
    for _ in 0..50 {
        peer.send(&many).await?;
    }
    let ping = frame(&mut peer.visit.rng, Opcode::Ping, b"served?");
    peer.send(&ping).await?;
    timeout(SLACK, peer.next(&[Opcode::Pong])).await??;
    Ok(())
}

/// Messages until the server takes no more, since its answers are not read. It gives up after its write timeout.
pub(crate) async fn never_reads(visit: Visit) -> Outcome {
    let timeout = visit.site.write_timeout();
    let mut peer = Peer::open(Visit { has_little_room: true, ..visit }).await?;
    let rng = &mut peer.visit.rng;
    let len = rng.choice([10, 1000, 64 << 10, 1 << 20]).unwrap_or_default();
    let data = noise(rng, len);
    let message = frame(rng, Opcode::Binary, &data);
    let many = message.repeat((256 << 10) / message.len() + 1);
    peer.is_given_up(&many, timeout, timeout).await
}

/// Reads a large echo a little at a time, and gets all of it. Faster than 64 KiB a second: the keepalive expects so much.
pub(crate) async fn reads_slowly(visit: Visit) -> Outcome {
    let mut peer = Peer::open(Visit { has_little_room: true, ..visit }).await?;
    let rng = &mut peer.visit.rng;
    let data = noise(rng, 600 << 10);
    let message = frame(rng, Opcode::Binary, &data);
    peer.send(&message).await?;
    // Half of it. A read behind the whole echo would wait for the keepalive to end the connection.
    for _ in 0..data.len() / 2 / READ {
        sleep(Duration::from_millis(50)).await;
        if !peer.receive().await? {
            return Err("the stream ended before its write timeout".into());
        }
    }
    peer.echoes(&data).await?;
    peer.is_served().await
}
