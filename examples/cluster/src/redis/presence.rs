//! Who is on which server. Each server writes its own people, and a number that changes as long as it lives. A server whose
//! number has not changed for a while is gone, with its people: each survivor sees that for itself, by its own clock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Pipeline, RedisError};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::follow::Following;
use super::keys::{self, Keys, SERVERS};
use super::link::Link;
use crate::room::Room;

/// How often a server changes its number.
const BEAT: Duration = Duration::from_millis(250);

/// A server whose number has not changed for so long is gone. With two beats this is 12 s, which leaves 3 s for the lists of
/// users. A server that stops for 10 s is not gone.
const EXPIRY: Duration = Duration::from_millis(11_500);

/// How often a server writes its people again although nothing has changed: another one may have deleted them.
const REFRESH: u32 = 20;

/// A room lives at least so long after its last window, in seconds.
const ROOM_LIFE: u64 = 600;

/// What nobody writes again ends after this time, in milliseconds.
const LIFE: u64 = 24 * 3600 * 1000;

pub(super) struct Presence {
    server: String,
    state: Mutex<State>,
    /// There is something in `announced` or `rung`.
    work: Notify,
}

#[derive(Default)]
struct State {
    /// Rooms whose people here have changed.
    announced: HashMap<String, String>,
    /// Rooms whose people elsewhere may have changed.
    rung: HashMap<String, Arc<Room>>,
    servers: HashMap<String, Server>,
    beats: u32,
    has_beaten: bool,
}

/// Another server.
struct Server {
    /// What it has written.
    text: String,
    /// When that was seen to change.
    changed: Instant,
    rooms: HashMap<String, usize>,
}

impl Server {
    /// Nothing that it has written was seen yet.
    fn unknown() -> Self {
        Self { text: String::new(), changed: Instant::now(), rooms: HashMap::new() }
    }
}

impl Presence {
    pub(super) fn new(server: &str) -> Arc<Self> {
        Arc::new(Self { server: server.to_owned(), state: Mutex::default(), work: Notify::new() })
    }

    pub(super) fn announce(&self, room: &Room, people: String) {
        self.lock().announced.insert(room.name().to_owned(), people);
        self.work.notify_one();
    }

    /// The people of these rooms may have changed elsewhere.
    pub(super) fn look_at(&self, rooms: Vec<Arc<Room>>) {
        if !rooms.is_empty() {
            self.lock().rung.extend(rooms.into_iter().map(|room| (room.name().to_owned(), room)));
            self.work.notify_one();
        }
    }

    /// The rooms on other servers, with their numbers of windows.
    pub(super) fn elsewhere(&self) -> HashMap<String, usize> {
        let mut all = HashMap::new();
        for (room, count) in self.lock().servers.values().flat_map(|server| &server.rooms) {
            *all.entry(room.clone()).or_default() += count;
        }
        all
    }

    pub(super) fn has_beaten(&self) -> bool {
        self.lock().has_beaten
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the others that this server lives, and looks which of them do.
    async fn beat(&self, following: &Following, link: &Link) -> Result<(), RedisError> {
        let Some(mut connection) = link.now() else { return Err(no_connection()) };
        let rooms = following.rooms();
        let beats = {
            let mut state = self.lock();
            state.beats = state.beats.wrapping_add(1);
            state.beats
        };
        let counts: HashMap<&str, usize> = (rooms.iter())
            .map(|room| (room.name(), room.count_here()))
            .filter(|(_, count)| *count > 0)
            .collect();
        let text = format!("{beats} {}", serde_json::to_string(&counts).unwrap_or_default());
        let mut pipeline = redis::pipe();
        pipeline.cmd("HSET").arg(SERVERS).arg(&self.server).arg(text);
        pipeline.cmd("PEXPIRE").arg(SERVERS).arg(LIFE).ignore();
        pipeline.cmd("HGETALL").arg(SERVERS);
        let (is_new, servers): (bool, HashMap<String, String>) =
            link.query(&mut connection, &pipeline).await?;

        if is_new || beats % REFRESH == 0 {
            self.announce_again(&rooms);
        }
        let gone = self.note(servers);
        if gone.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        for server in &gone {
            pipeline.cmd("HDEL").arg(SERVERS).arg(server).ignore();
            for room in &rooms {
                room.set_elsewhere(server, None);
                pipeline.cmd("HDEL").arg(Keys::new(room.name()).people()).arg(server).ignore();
            }
        }
        link.query(&mut connection, &pipeline).await
    }

    /// The lock is held while the people are read: what [`Self::announce`] has to say is newer, and comes behind.
    fn announce_again(&self, rooms: &[Arc<Room>]) {
        let mut state = self.lock();
        let people = rooms.iter().map(|room| (room.name().to_owned(), room.people_here()));
        state.announced.extend(people.filter(|(_, people)| !people.is_empty()));
    }

    /// Takes over what the servers have written. Gives those that are gone.
    fn note(&self, servers: HashMap<String, String>) -> Vec<String> {
        let mut state = self.lock();
        state.has_beaten = true;
        // One that has left by itself takes its rooms along.
        state
            .servers
            .iter_mut()
            .filter(|(name, _)| !servers.contains_key(*name))
            .for_each(|(_, left)| left.rooms.clear());
        for (server, text) in servers.into_iter().filter(|(server, _)| *server != self.server) {
            if state.servers.get(&server).is_none_or(|known| known.text != text) {
                let rooms = text.split_once(' ').and_then(|(_, rooms)| serde_json::from_str(rooms).ok());
                let rooms = rooms.unwrap_or_default();
                state.servers.insert(server, Server { text, changed: Instant::now(), rooms });
            }
        }
        let is_gone = |server: &Server| server.changed.elapsed() > EXPIRY;
        let gone = state
            .servers
            .iter()
            .filter(|(_, server)| is_gone(server))
            .map(|(name, _)| name.clone())
            .collect();
        state.servers.retain(|_, server| !is_gone(server));
        gone
    }

    /// While there was no answer, nobody could be seen to live.
    fn forgive(&self) {
        self.lock().servers.values_mut().for_each(|server| server.changed = Instant::now());
    }

    /// Writes the people here, and reads those elsewhere.
    async fn exchange(&self, link: &Link) -> Result<(), RedisError> {
        let (announced, rung) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.announced), std::mem::take(&mut state.rung))
        };
        let outcome = self.write_and_read(&announced, &rung, link).await;
        if outcome.is_err() {
            let mut state = self.lock();
            for (room, people) in announced {
                state.announced.entry(room).or_insert(people); // what came meanwhile is newer
            }
            state.rung.extend(rung);
        }
        outcome
    }

    async fn write_and_read(
        &self,
        announced: &HashMap<String, String>,
        rung: &HashMap<String, Arc<Room>>,
        link: &Link,
    ) -> Result<(), RedisError> {
        let Some(mut connection) = link.now() else { return Err(no_connection()) };
        if !announced.is_empty() {
            let mut pipeline = redis::pipe();
            for (room, people) in announced {
                self.write(&mut pipeline, &Keys::new(room), people);
            }
            link.query::<()>(&mut connection, &pipeline).await?;
        }
        if rung.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        rung.keys().for_each(|room| _ = pipeline.cmd("HGETALL").arg(Keys::new(room).people()));
        let people: Vec<HashMap<String, String>> = link.query(&mut connection, &pipeline).await?;
        for (room, mut people) in rung.values().zip(people) {
            people.remove(&self.server);
            let mut state = self.lock();
            for server in people.keys() {
                // One that is not known has just begun, or has ended long ago: its next number decides, or that there is none.
                state.servers.entry(server.clone()).or_insert_with(Server::unknown);
            }
            drop(state);
            for server in room.servers().iter().filter(|server| !people.contains_key(*server)) {
                room.set_elsewhere(server, None);
            }
            people.iter().for_each(|(server, people)| room.set_elsewhere(server, Some(people)));
        }
        Ok(())
    }

    fn write(&self, pipeline: &mut Pipeline, keys: &Keys, people: &str) {
        match people {
            "" => pipeline.cmd("HDEL").arg(keys.people()).arg(&self.server).ignore(),
            people => pipeline.cmd("HSET").arg(keys.people()).arg(&self.server).arg(people).ignore(),
        };
        pipeline.cmd("PEXPIRE").arg(keys.people()).arg(LIFE).ignore();
        pipeline.cmd("XADD").arg(keys.bell()).arg("MAXLEN").arg(1).arg("*").arg("b").arg("").ignore();
        pipeline.cmd("PEXPIRE").arg(keys.bell()).arg(LIFE).ignore();
        for key in [keys.log(), keys.count()] {
            pipeline.cmd("EXPIRE").arg(key).arg(ROOM_LIFE).arg("GT").ignore();
        }
    }

    /// Takes this server off the lists of the others.
    pub(super) async fn leave(&self, following: &Following, link: &Link) -> Result<(), RedisError> {
        let Some(mut connection) = link.now() else { return Err(no_connection()) };
        let mut pipeline = redis::pipe();
        pipeline.cmd("HDEL").arg(SERVERS).arg(&self.server).ignore();
        pipeline.cmd("DEL").arg(keys::wake(&self.server)).ignore();
        following.rooms().iter().for_each(|room| self.write(&mut pipeline, &Keys::new(room.name()), ""));
        link.query(&mut connection, &pipeline).await
    }
}

fn no_connection() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::NotConnected).into()
}

/// Beats and exchanges for ever.
pub(super) async fn run(presence: Arc<Presence>, following: Arc<Following>, link: Arc<Link>) {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            _ = beats.tick() => match presence.beat(&following, &link).await {
                Ok(()) => presence.exchange(&link).await,
                failed => failed,
            },
            () = presence.work.notified() => presence.exchange(&link).await,
        };
        if done.is_err() {
            presence.forgive();
            beats.tick().await; // no faster than that
        }
    }
}
