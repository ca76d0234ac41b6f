//! Following rooms: one task and one connection, which waits for the next entry of all streams that matter here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::time::sleep;

use super::keys::{self, Keys};
use super::link::{Link, PATIENCE, in_time};
use super::presence::Presence;
use crate::log::{EntryId, MAX_BYTES, MAX_LEN};
use crate::room::Room;

/// How long Redis waits for an entry, in milliseconds.
const BLOCK: u64 = 1000;

/// The most entries of a stream in one answer.
const PORTION: usize = 64;

/// The pause before the connection is opened again.
const PAUSE: Duration = Duration::from_millis(200);

/// An entry of a stream: its ID, its fields and their values.
type Found = (String, HashMap<String, String>);

/// By stream, the entries in it.
type Answer = Option<Vec<(String, Vec<Found>)>>;

#[derive(Default)]
pub(super) struct Following {
    rooms: Mutex<HashMap<String, Followed>>,
}

struct Followed {
    room: Arc<Room>,
    keys: Keys,
    /// The last entries that were seen.
    log: EntryId,
    count: u64,
    bell: String,
}

impl Following {
    /// Fills the log of a room, and follows it from there on.
    pub(super) async fn open(
        &self,
        room: &Arc<Room>,
        link: &Link,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), RedisError> {
        let keys = Keys::new(room.name());
        let mut newest_first: Vec<(EntryId, u64, String)> = Vec::new();
        let (mut bytes, mut is_whole) = (0, false);
        let mut end = "+".to_owned();
        while newest_first.len() < MAX_LEN && bytes < MAX_BYTES && !is_whole {
            let mut pipeline = redis::pipe();
            pipeline.cmd("XREVRANGE").arg(keys.log()).arg(&end).arg("-").arg("COUNT").arg(PORTION);
            let (found,): (Vec<Found>,) = link.query(connection, &pipeline).await?;
            is_whole = found.len() < PORTION;
            let entries: Vec<_> = found.into_iter().filter_map(parse).collect();
            bytes += entries.iter().map(|(_, _, text)| text.len()).sum::<usize>();
            end = entries.last().map_or(end, |(id, ..)| format!("({id}"));
            newest_first.extend(entries);
        }
        let (last, count, _) = newest_first.first().cloned().unwrap_or_default();
        // The first message of a room has the number 1.
        if newest_first.last().is_some_and(|(_, number, _)| *number > 1) {
            room.is_not_the_beginning();
        }
        room.append(newest_first.into_iter().rev().map(|(id, _, text)| (id, text)));
        let followed = Followed { room: Arc::clone(room), keys, log: last, count, bell: "0-0".into() };
        self.lock().insert(room.name().to_owned(), followed);
        Ok(())
    }

    pub(super) fn close(&self, room: &Arc<Room>) {
        let mut rooms = self.lock();
        if rooms.get(room.name()).is_some_and(|followed| Arc::ptr_eq(&followed.room, room)) {
            rooms.remove(room.name());
        }
    }

    pub(super) fn rooms(&self) -> Vec<Arc<Room>> {
        self.lock().values().map(|followed| Arc::clone(&followed.room)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Followed>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what is found to the logs. Gives the rooms whose bell has rung.
    fn take(&self, found: &mut HashMap<String, Vec<Found>>) -> Vec<Arc<Room>> {
        let mut rung = Vec::new();
        for followed in self.lock().values_mut() {
            if let Some(entries) = found.remove(&followed.keys.log()) {
                followed.take(entries);
            }
            if let Some((id, _)) = found.remove(&followed.keys.bell()).and_then(|mut bells| bells.pop()) {
                followed.bell = id;
                rung.push(Arc::clone(&followed.room));
            }
        }
        rung
    }
}

impl Followed {
    /// Each entry has the number of the one before, plus one. Otherwise messages were lost, or trimmed before they were seen
    /// here.
    fn take(&mut self, entries: Vec<Found>) {
        let mut messages = Vec::with_capacity(entries.len());
        for (id, number, text) in entries.into_iter().filter_map(parse) {
            if number != self.count + 1 {
                self.room.break_off();
            }
            (self.log, self.count) = (id, number);
            messages.push((id, text));
        }
        if !self.room.is_broken() {
            self.room.append(messages.into_iter());
        }
    }
}

fn parse((id, mut fields): Found) -> Option<(EntryId, u64, String)> {
    let number = fields.get("n")?.parse().ok()?;
    Some((id.parse().ok()?, number, fields.remove("m")?))
}

/// Follows for ever.
pub(super) async fn run(following: Arc<Following>, link: Arc<Link>, presence: Arc<Presence>, server: String) {
    let wake = keys::wake(&server);
    loop {
        if let Ok(mut connection) = link.connect().await {
            follow(&following, &mut connection, &presence, &wake).await.ok();
        }
        sleep(PAUSE).await;
    }
}

/// Follows until the connection is lost.
async fn follow(
    following: &Following,
    connection: &mut MultiplexedConnection,
    presence: &Presence,
    wake: &str,
) -> Result<(), RedisError> {
    find_losses(following, connection).await?;
    presence.look_at(following.rooms()); // bells may have been lost
    let mut woken = "0-0".to_owned();
    loop {
        let mut streams = vec![(wake.to_owned(), woken.clone())];
        for followed in following.lock().values() {
            streams.push((followed.keys.log(), followed.log.to_string()));
            streams.push((followed.keys.bell(), followed.bell.clone()));
        }
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(PORTION).arg("BLOCK").arg(BLOCK).arg("STREAMS");
        streams.iter().for_each(|(stream, _)| _ = command.arg(stream));
        streams.iter().for_each(|(_, id)| _ = command.arg(id));
        let patience = PATIENCE + Duration::from_millis(BLOCK);
        let answer: Answer = in_time(patience, command.query_async(connection)).await?;
        let mut found: HashMap<_, _> = answer.unwrap_or_default().into_iter().collect();
        if let Some((id, _)) = found.remove(wake).and_then(|mut entries| entries.pop()) {
            woken = id;
        }
        presence.look_at(following.take(&mut found));
    }
}

/// A Redis that has lost its newest messages makes new ones, whose IDs can be smaller than those that were seen.
async fn find_losses(
    following: &Following,
    connection: &mut MultiplexedConnection,
) -> Result<(), RedisError> {
    let seen: Vec<(Arc<Room>, String, EntryId)> = (following.lock().values())
        .map(|followed| (Arc::clone(&followed.room), followed.keys.log(), followed.log))
        .collect();
    if seen.is_empty() {
        return Ok(());
    }
    let mut pipeline = redis::pipe();
    for (_, log, _) in &seen {
        pipeline.cmd("XREVRANGE").arg(log).arg("+").arg("-").arg("COUNT").arg(1);
    }
    let newest: Vec<Vec<Found>> = in_time(PATIENCE, pipeline.query_async(connection)).await?;
    for ((room, _, last), found) in seen.into_iter().zip(newest) {
        let newest = found.into_iter().next().and_then(parse).map_or(EntryId::default(), |(id, ..)| id);
        if newest < last {
            room.break_off();
        }
    }
    Ok(())
}
