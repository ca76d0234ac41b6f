//! Saying messages: one task, which sends what waits in batches, one batch at a time, in order.
//!
//! A batch without an answer is sent again: a message that Redis has under its key is not said twice. Whether such a message
//! was said is in doubt until Redis answers, so it is not refused but waits. Others are refused after a while.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::keys::Keys;
use super::link::Link;
use crate::log::MAX_LEN;
use crate::metrics::Metrics;
use crate::store::Outcome;
use crate::wire::Key;

/// The most messages that wait on this server, beside [`IN_CHANNEL`]. With those they take at most 64 MiB, if all are as
/// long as a window may send.
const MAX_WAITING: usize = 2048;

/// The most messages that wait for the task: what a server that has stopped for ten seconds finds.
pub(super) const IN_CHANNEL: usize = 2048;

/// The most messages in a batch.
const BATCH: usize = 128;

/// A message that waits longer is refused, if Redis cannot have it.
const PATIENCE: Duration = Duration::from_secs(20);

/// After so long Redis has forgotten the key, and a message in doubt is given up.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Each message lets a room without windows live for so long, up to [`ROOM_LIFE`] after the last one. So what rooms take in
/// Redis is bounded by the rate of messages, however many names for rooms there are.
const LIFE_OF_MESSAGE: Duration = Duration::from_secs(600);
const ROOM_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Pause before a message that Redis could not take is sent again.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) const CROWDED: &str = "too many messages wait";
const LATE: &str = "the servers could not reach each other";
const FULL: &str = "there is no space for more messages";

/// Appends a message, unless there is one with its key. The time of the stream's ID is that of Redis. Everything in it
/// happens or nothing: Redis refuses the script before its first change.
const SAY: &str = "\
local said = redis.call('GET', KEYS[2])
if said then return said end
local count = redis.call('INCR', KEYS[3])
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'm', ARGV[1], 'n', count)
redis.call('SET', KEYS[2], id, 'EX', ARGV[3])
local life = math.min(count * ARGV[4], ARGV[5])
redis.call('EXPIRE', KEYS[1], life)
redis.call('EXPIRE', KEYS[3], life)
return id";

pub(super) struct Say {
    pub(super) room: Keys,
    pub(super) key: Key,
    pub(super) text: String,
    pub(super) since: Instant,
    /// It was sent, and there was no answer.
    pub(super) in_doubt: bool,
    pub(super) told: oneshot::Sender<Outcome>,
}

impl Say {
    fn tell(self, outcome: Outcome) {
        self.told.send(outcome).ok(); // an error: the window is closed
    }
}

pub(super) async fn run(mut queue: mpsc::Receiver<Say>, link: Arc<Link>, metrics: Arc<Metrics>) {
    let mut waiting = VecDeque::new();
    loop {
        metrics.waiting.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
        if waiting.is_empty() {
            let Some(first) = queue.recv().await else { return };
            waiting.push_back(first);
        }
        while let Some(next) = (waiting.len() < MAX_WAITING).then(|| queue.try_recv().ok()).flatten() {
            waiting.push_back(next);
        }
        let is_sent = send_batch(&mut waiting, &link).await;
        refuse_late(&mut waiting);
        if !is_sent {
            sleep(PAUSE).await;
        }
    }
}

/// Sends the first messages. False if some of them must be sent again.
async fn send_batch(waiting: &mut VecDeque<Say>, link: &Link) -> bool {
    let Some(mut connection) = link.within(PAUSE).await else { return false };
    let count = waiting.len().min(BATCH);
    let mut pipeline = redis::pipe();
    for Say { room, key, text, .. } in waiting.iter().take(count) {
        let keys = (room.log(), room.said(key.as_str()), room.count());
        pipeline.cmd("EVAL").arg(SAY).arg(3).arg(keys.0).arg(keys.1).arg(keys.2);
        pipeline.arg(text).arg(MAX_LEN).arg(REMEMBERED.as_secs());
        pipeline.arg(LIFE_OF_MESSAGE.as_secs()).arg(ROOM_LIFE.as_secs());
    }
    let answers: Result<Vec<Result<String, RedisError>>, _> =
        link.query(&mut connection, pipeline.ignore_errors()).await;
    let Ok(answers) = answers else {
        waiting.iter_mut().take(count).for_each(|say| say.in_doubt = true);
        return false;
    };
    let batch: Vec<Say> = waiting.drain(..count).collect();
    let mut again = Vec::new();
    for (say, answer) in batch.into_iter().zip(answers) {
        match answer.map(|id| id.parse()) {
            Ok(Ok(id)) => say.tell(Outcome::Said(id)),
            Err(error) if error.code() == Some("OOM") && !say.in_doubt => say.tell(Outcome::Refused(FULL)),
            Err(error) => {
                if error.code() == Some("READONLY") {
                    link.lose(); // another server may have taken over
                }
                again.push(say);
            }
            Ok(Err(_)) => again.push(say),
        }
    }
    let is_done = again.is_empty();
    again.into_iter().rev().for_each(|say| waiting.push_front(say));
    is_done
}

/// Refuses what Redis cannot have. What is in doubt for too long ends without an outcome.
fn refuse_late(waiting: &mut VecDeque<Say>) {
    let late = |say: &Say| say.since.elapsed() > if say.in_doubt { REMEMBERED } else { PATIENCE };
    if !waiting.iter().any(late) {
        return;
    }
    for say in std::mem::take(waiting) {
        match late(&say) {
            true if say.in_doubt => drop(say),
            true => say.tell(Outcome::Refused(LATE)),
            false => waiting.push_back(say),
        }
    }
}
