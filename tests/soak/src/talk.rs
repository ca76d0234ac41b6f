//! Clients of the echo servers that keep the rules.

use sansocket::tokio::{NetStream, WebSocket};
use sansocket::{CloseCode, Error, Message, Outgoing};
use tokio::time::timeout_at;

use crate::bytes;
use crate::site::Counts;
use crate::visit::{Visit, reset};
use crate::{Outcome, wrong};

/// The most bytes of messages that one client has on the way.
const ON_THE_WAY: usize = 4 << 20;

/// Sends some messages, with pauses, and closes. What comes back is compared byte by byte.
pub(crate) async fn talk(mut visit: Visit) -> Outcome {
    let mut socket = visit.connect().await?;
    for _ in 0..visit.rng.usize(1..=8) {
        match visit.rng.u8(..3) {
            0 => one_by_one(&mut visit, &mut socket).await?,
            1 => in_fragments(&mut visit, &mut socket).await?,
            _ => socket = at_once(&mut visit, socket).await?,
        }
        if visit.is_over() {
            break;
        }
        visit.pause().await;
    }
    leave(&mut visit, socket).await
}

/// Is silent as long as it can be, and is served then.
pub(crate) async fn idle(mut visit: Visit) -> Outcome {
    let mut socket = visit.connect().await?;
    // Pings are answered meanwhile.
    if let Ok(read) = timeout_at(visit.until, socket.read()).await {
        return Err(format!("an idle connection received {read:?}").into());
    }
    one_by_one(&mut visit, &mut socket).await?;
    leave(&mut visit, socket).await
}

/// Ends in the middle: messages are under way in both directions.
pub(crate) async fn vanish(mut visit: Visit) -> Outcome {
    let mut socket = visit.connect().await?;
    for _ in 0..visit.rng.usize(1..20) {
        let message = bytes::message(&mut visit.rng, 32 << 10);
        socket.feed(&message).await?;
    }
    socket.flush().await?;
    if visit.rng.bool() { reset(socket) } else { Ok(()) }
}

async fn one_by_one(visit: &mut Visit, socket: &mut WebSocket<NetStream>) -> Outcome {
    let message = bytes::message(&mut visit.rng, visit.site.longest());
    socket.send(&message).await?;
    is_echo(&visit.site.counts, &message, socket.read().await)
}

async fn in_fragments(visit: &mut Visit, socket: &mut WebSocket<NetStream>) -> Outcome {
    let len = bytes::len(&mut visit.rng, 256 << 10);
    let message: Message = match visit.rng.bool() {
        true => bytes::noise(&mut visit.rng, len).into(),
        false => bytes::words(&mut visit.rng, len).into(),
    };
    let mut rest = message.as_bytes();
    loop {
        let (part, behind) = rest.split_at(visit.rng.usize(..=rest.len()));
        let fin = behind.is_empty();
        let fragment = match &message {
            Message::Text(_) => Outgoing::text_fragment(std::str::from_utf8(part)?, fin),
            Message::Binary(_) => Outgoing::binary_fragment(part, fin),
        };
        socket.feed(fragment).await?;
        if visit.rng.u8(..4) == 0 {
            socket.ping(b"between fragments").await?;
        }
        if fin {
            break;
        }
        rest = behind;
    }
    socket.flush().await?;
    is_echo(&visit.site.counts, &message, socket.read().await)
}

/// Sends many messages while another task reads what comes back.
async fn at_once(visit: &mut Visit, socket: WebSocket<NetStream>) -> Outcome<WebSocket<NetStream>> {
    let mut messages = Vec::new();
    let mut total = 0;
    for _ in 0..visit.rng.usize(1..30) {
        let message = bytes::message(&mut visit.rng, 1 << 20);
        total += message.len();
        if total > ON_THE_WAY {
            break;
        }
        messages.push(message);
    }
    let (mut reader, writer) = socket.split();
    let gathers = visit.rng.bool();
    let send = async {
        for message in &messages {
            match gathers {
                true => writer.feed(message).await?,
                false => writer.send(message).await?,
            }
        }
        writer.flush().await
    };
    let receive = async {
        for message in &messages {
            is_echo(&visit.site.counts, message, reader.read().await)?;
        }
        Outcome::Ok(())
    };
    let (sent, received) = tokio::join!(send, receive);
    sent?;
    received?;
    Ok(reader.reunite(writer).map_err(|_| "the halves are of one connection")?)
}

fn is_echo(counts: &Counts, sent: &Message, read: Result<Option<Message>, Error>) -> Outcome {
    let echo = read?.ok_or("the server closed the connection")?;
    if echo != *sent {
        return wrong(format!("{} other bytes instead of {}", echo.len(), sent.len()));
    }
    counts.message(sent.len());
    Ok(())
}

/// A closing handshake, whose code comes back.
pub(crate) async fn leave(visit: &mut Visit, mut socket: WebSocket<NetStream>) -> Outcome {
    let code = CloseCode(visit.rng.choice([1000, 1001, 3000, 4999]).unwrap_or(1000));
    socket.close(code, "I am off").await?;
    let end = socket.close_info().ok_or("no close info")?;
    if (end.code, end.was_clean) != (code, true) {
        return Err(format!("closed with {end:?} instead of {code:?}").into());
    }
    Ok(())
}
