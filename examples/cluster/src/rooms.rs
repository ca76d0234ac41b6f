//! The rooms with windows on this server, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat::id::Id;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{interval, sleep};

use crate::log::EntryId;
use crate::room::{Changed, Joined, Room, Visit};
use crate::store::Store;

/// The most rooms at a time, on this server and over all.
const MAX_ROOMS: usize = 256;

/// The shortest time between two rounds of lists of users.
const PACE: Duration = Duration::from_millis(100);

/// Lists of users take at most this many bytes a second: a list has all names, and goes to all of them.
const LIST_BYTES: usize = 50_000_000;

/// How often empty rooms are looked for.
const SWEEP: Duration = Duration::from_secs(10);

pub(crate) struct Rooms {
    rooms: Mutex<HashMap<String, Arc<Room>>>,
    store: Store,
    changed: Changed,
    history: usize,
}

impl Rooms {
    /// With the tasks that show lists of users and close empty rooms.
    pub(crate) fn start(store: Store, history: usize) -> Arc<Self> {
        let (changed, of_changed) = mpsc::unbounded_channel();
        let rooms = Arc::new(Self { rooms: Mutex::default(), store, changed, history });
        tokio::spawn(Arc::clone(&rooms).show_users(of_changed));
        tokio::spawn(Arc::clone(&rooms).sweep());
        rooms
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Joins a room, and opens it if it is not open here.
    pub(crate) async fn join(
        &self,
        name: &str,
        id: Id,
        full_id: String,
        after: Option<EntryId>,
    ) -> Result<Joined, &'static str> {
        let visit = self.visit(name).ok_or("too many rooms")?;
        let room = visit.room();
        room.opened.get_or_try_init(|| self.store.open(room)).await?;
        Ok(visit.join(id, full_id, after, self.history))
    }

    /// An empty room stays until a new one needs its place, or the store wants no more of it.
    fn visit(&self, name: &str) -> Option<Visit> {
        let mut rooms = self.lock();
        if let Some(room) = rooms.get(name).filter(|room| !room.is_broken()) {
            return Some(room.visit());
        }
        let elsewhere = self.store.elsewhere();
        let count = rooms.len() + elsewhere.keys().filter(|name| !rooms.contains_key(*name)).count();
        if count >= MAX_ROOMS && !elsewhere.contains_key(name) {
            let empty = rooms.iter().filter_map(|(name, room)| room.empty_since().map(|since| (since, name)));
            let longest_empty = empty.min()?.1.clone();
            rooms.remove(&longest_empty).inspect(|room| self.store.close(room));
        }
        let room = Room::new(name.to_owned(), self.changed.clone());
        if let Some(broken) = rooms.insert(name.to_owned(), Arc::clone(&room)) {
            self.store.close(&broken);
        }
        Some(room.visit())
    }

    /// The rooms that have windows here: name and number of windows.
    pub(crate) fn here(&self) -> Vec<(String, usize)> {
        let rooms = self.lock();
        let counts = rooms.iter().map(|(name, room)| (name.clone(), room.count_here()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// The rooms that have windows on any server, by name.
    pub(crate) fn all(&self) -> Vec<(String, usize)> {
        let mut all = self.store.elsewhere();
        for (name, count) in self.here() {
            *all.entry(name).or_default() += count;
        }
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort();
        all
    }

    /// Shows the lists of users of rooms that have changed: at once, then in the pace that their size allows.
    async fn show_users(self: Arc<Self>, mut changed: UnboundedReceiver<Arc<Room>>) {
        while let Some(first) = changed.recv().await {
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(room) = next {
                let (len, news) = room.show_users();
                bytes += len * room.count_here();
                if let Some(news) = news {
                    self.store.announce(&room, news);
                }
                next = changed.try_recv().ok();
            }
            sleep(PACE + Duration::from_secs_f64(bytes as f64 / LIST_BYTES as f64)).await;
        }
    }

    /// Closes rooms that have been empty for as long as the store keeps them.
    async fn sweep(self: Arc<Self>) {
        let mut ticks = interval(SWEEP);
        loop {
            ticks.tick().await;
            let Some(keeps) = self.store.keeps_empty_rooms() else { return };
            self.lock().retain(|_, room| {
                let is_kept = room.empty_since().is_none_or(|since| since.elapsed() < keeps);
                if !is_kept {
                    self.store.close(room);
                }
                is_kept
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
