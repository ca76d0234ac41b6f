//! Clients of the chat: members of rooms, and those who are no good members.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use sansocket::Message;
use sansocket::frame::Opcode;
use sansocket::tokio::{NetStream, Reader, WebSocket, Writer};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout, timeout_at};

use crate::bytes::{frame, words};
use crate::peer::Peer;
use crate::talk::leave;
use crate::visit::{SLACK, Visit};
use crate::{Outcome, wrong};

/// Rooms that stay: the server keeps the history of each.
const ROOMS: usize = 32;

/// How many messages a client may say a second for long.
const PACE: Duration = Duration::from_millis(125);

/// One of the company of a room.
struct Member {
    socket: WebSocket<NetStream>,
    rng: Rng,
}

/// Several members of a room. Each says some texts, and each hears all texts of all, whole and in the same order.
pub(crate) async fn company(mut visit: Visit) -> Outcome {
    let (room, count) = (visit.rng.usize(..ROOMS), visit.rng.usize(2..6));
    let texts = visit.rng.usize(1..12);
    let members = gather(&mut visit, &format!("room-{room}"), count).await?;
    let silence = Arc::new(AtomicBool::new(true));
    converse(visit, members, texts, 8000, silence).await
}

/// A member that reads nothing, while the others talk. It is dropped, and the others miss nothing.
pub(crate) async fn sleeper(mut visit: Visit) -> Outcome {
    let members = gather(&mut visit, "bedroom", 6).await?;
    let sleeper = Visit {
        site: Arc::clone(&visit.site),
        rng: visit.rng.fork(),
        target: visit.target.clone(),
        has_little_room: true,
        until: visit.until,
    };
    let mut sleeper = Peer::open(sleeper).await?;
    let pong = frame(&mut sleeper.visit.rng, Opcode::Pong, b"asleep");
    let silence = Arc::new(AtomicBool::new(false));
    let sleeps = async {
        // Its queue is full, or a write to it has stalled for the write timeout, whichever comes first.
        let dropped = sleeper.is_given_up(&pong, Duration::ZERO, SLACK).await;
        silence.store(true, Ordering::Relaxed);
        dropped
    };
    let (dropped, heard) = tokio::join!(sleeps, converse(visit, members, 1, 11_000, Arc::clone(&silence)));
    dropped.map_err(|error| format!("the member that slept: {error}"))?;
    heard
}

/// Listens only, for as long as it can.
pub(crate) async fn idle(mut visit: Visit) -> Outcome {
    let room = visit.rng.usize(..ROOMS);
    let mut members = gather(&mut visit, &format!("room-{room}"), 1).await?;
    let mut member = members.pop().ok_or("one member")?;
    while let Ok(read) = timeout_at(visit.until, member.socket.read()).await {
        read?.ok_or("the server closed the connection")?;
    }
    leave(&mut visit, member.socket).await
}

pub(crate) async fn says_nonsense(visit: Visit) -> Outcome {
    says(visit, Opcode::Text, b"{\"Message\": \"not base64!\", \"Author\": \"x\"}", 1, 1007).await
}

pub(crate) async fn sends_binary(visit: Visit) -> Outcome {
    says(visit, Opcode::Binary, b"data", 1, 1003).await
}

/// More messages than one member may say.
pub(crate) async fn floods(visit: Visit) -> Outcome {
    says(visit, Opcode::Text, b"{\"Message\": \"aGk=\", \"Author\": \"x\"}", 500, 1008).await
}

async fn says(visit: Visit, opcode: Opcode, payload: &[u8], count: usize, code: u16) -> Outcome {
    let mut peer = Peer::open(visit).await?;
    let bytes = frame(&mut peer.visit.rng, opcode, payload).repeat(count);
    peer.send(&bytes).await?;
    peer.closed_with(code).await
}

/// Joins a room with several connections.
async fn gather(visit: &mut Visit, room: &str, count: usize) -> Outcome<Vec<Member>> {
    visit.target = format!("/chat?room={room}");
    let mut members = Vec::new();
    for _ in 0..count {
        let mut socket = visit.connect().await?;
        // The first message comes when the connection is a member.
        let first = timeout(SLACK, socket.read()).await??.ok_or("closed before the first message")?;
        if parse(&first)?["Type"] != "Status" {
            return Err(format!("{first:?} is not the first message").into());
        }
        members.push(Member { socket, rng: visit.rng.fork() });
    }
    Ok(members)
}

/// Each member says at least `least` texts of up to `len` bytes, and goes on until there is to be silence. Each hears all.
async fn converse(
    mut visit: Visit,
    members: Vec<Member>,
    least: usize,
    len: usize,
    silence: Arc<AtomicBool>,
) -> Outcome {
    let token = format!("{:016x}", visit.rng.u64(..));
    let count = members.len();
    let mut tasks = JoinSet::new();
    for (number, member) in members.into_iter().enumerate() {
        let (reader, writer) = member.socket.split();
        let name = format!("{token} {number}");
        let (silence, token) = (Arc::clone(&silence), token.clone());
        tasks.spawn(async move {
            let speaking = speak(&writer, member.rng, &name, least, len, &silence);
            let (spoken, (reader, heard)) = tokio::join!(speaking, hear(reader, &token, count));
            let socket = reader.reunite(writer).map_err(|_| "the halves are of one connection")?;
            Outcome::Ok((name, spoken?, heard?, socket))
        });
    }
    let mut order: Option<Vec<String>> = None;
    while let Some(member) = tasks.join_next().await {
        let (name, spoken, heard, socket) = member??;
        let own: Vec<&String> = heard.iter().filter(|text| text.starts_with(&name)).collect();
        if !own.iter().copied().eq(&spoken) {
            let (said, passed_on) = (spoken.len(), own.len());
            return wrong(format!("{said} texts were said, {passed_on} passed on, or in another order"));
        }
        heard.iter().for_each(|text| visit.site.counts.message(text.len()));
        if order.get_or_insert_with(|| heard.clone()) != &heard {
            return wrong("not all members heard the same in the same order");
        }
        leave(&mut visit, socket).await?;
    }
    Ok(())
}

/// Gives what was said. The last text says that it is the last one.
async fn speak(
    writer: &Writer<NetStream>,
    mut rng: Rng,
    name: &str,
    least: usize,
    len: usize,
    silence: &AtomicBool,
) -> Outcome<Vec<String>> {
    let mut said = Vec::new();
    loop {
        let is_last = said.len() + 1 >= least && silence.load(Ordering::Relaxed);
        let word = if is_last { "last" } else { "more" };
        let len = if is_last { 10 } else { rng.usize(len / 2..len) };
        let text = format!("{name} {} {word} {}", said.len(), words(&mut rng, len));
        let message = json!({ "Message": STANDARD.encode(&text), "Author": "author" });
        writer.send(&message.to_string()).await?;
        said.push(text);
        if is_last {
            return Ok(said);
        }
        sleep(PACE).await;
    }
}

/// Reads until each member has said its last text. Gives the texts of this company.
async fn hear(
    mut reader: Reader<NetStream>,
    token: &str,
    members: usize,
) -> (Reader<NetStream>, Outcome<Vec<String>>) {
    let mut heard = Vec::new();
    let mut last = 0;
    let hearing = async {
        while last < members {
            let message = timeout(SLACK, reader.read()).await.map_err(|_| "nothing is heard")??;
            let value = parse(&message.ok_or("the server closed the connection")?)?;
            if value["Type"] != "Chat" {
                continue;
            }
            let text = STANDARD.decode(value["Message"].as_str().ok_or("no text")?)?;
            let text = String::from_utf8(text)?;
            if text.starts_with(token) {
                last += usize::from(text.contains(" last "));
                heard.push(text);
            }
        }
        Outcome::Ok(())
    };
    let outcome = hearing.await;
    (reader, outcome.map(|()| heard))
}

fn parse(message: &Message) -> Outcome<Value> {
    Ok(serde_json::from_str(message.as_text().ok_or("not text")?)?)
}
