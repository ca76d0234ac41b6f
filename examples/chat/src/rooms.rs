//! All rooms by name.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use chat::id::Id;
use chat::wire;
use sansocket::CloseCode;

use crate::connections::Connections;
use crate::room::{Joined, Room};

/// The most rooms at a time.
const MAX_ROOMS: usize = 256;

/// The shortest time between two rounds of user lists.
const PACE: Duration = Duration::from_millis(100);

pub(crate) struct Rooms {
    rooms: Mutex<HashMap<String, Arc<Room>>>,
    history: usize,
    connections: Arc<Connections>,
    changed: Sender<Arc<Room>>,
}

impl Rooms {
    /// [`announce_users`] receives from `changed`.
    pub(crate) fn new(history: usize, connections: Arc<Connections>, changed: Sender<Arc<Room>>) -> Self {
        Self { rooms: Mutex::default(), history, connections, changed }
    }

    /// Joins a room, and opens it if there is none with this name. `None`: there are too many rooms with members.
    ///
    /// An empty room keeps its history until a new room needs its place.
    pub(crate) fn join(&self, name: &str, id: Id) -> Option<Joined> {
        let mut rooms = self.lock();
        if let Some(room) = rooms.get(name) {
            return Some(room.join(id));
        }
        if rooms.len() >= MAX_ROOMS {
            let empty = rooms.iter().filter_map(|(name, room)| room.empty_since().map(|since| (since, name)));
            let (_, longest_empty) = empty.min()?;
            let longest_empty = longest_empty.clone();
            rooms.remove(&longest_empty);
        }
        let room = Room::new(self.history, Arc::clone(&self.connections), self.changed.clone());
        rooms.insert(name.to_owned(), Arc::clone(&room));
        Some(room.join(id))
    }

    /// The rooms that have members: name and number of members, by name.
    pub(crate) fn open(&self) -> Vec<(String, usize)> {
        let rooms = self.lock();
        let counts = rooms.iter().map(|(name, room)| (name.clone(), room.member_count()));
        let mut open: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        open.sort();
        open
    }

    /// Announces the shutdown in all rooms, and closes all connections.
    pub(crate) fn dismiss_all(&self) {
        for room in self.lock().values() {
            room.dismiss(
                wire::system("The server is shutting down."),
                CloseCode::GOING_AWAY,
                "server is shutting down",
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the user lists of rooms that have changed: at once, then not more often than once per `PACE`. A list after
/// each change would be too much: when a thousand people join a room, that is gigabytes.
pub(crate) fn announce_users(changed: &Receiver<Arc<Room>>) {
    while let Ok(room) = changed.recv() {
        room.announce_users();
        changed.try_iter().for_each(|room| room.announce_users());
        thread::sleep(PACE);
    }
}
