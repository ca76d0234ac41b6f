//! All rooms by their name.

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

/// The least time between two lists of users.
const PACE: Duration = Duration::from_millis(100);

pub(crate) struct Rooms {
    rooms: Mutex<HashMap<String, Arc<Room>>>,
    history: usize,
    connections: Arc<Connections>,
    changed: Sender<Arc<Room>>,
}

impl Rooms {
    /// `changed` goes to [`announce_users`].
    pub(crate) fn new(history: usize, connections: Arc<Connections>, changed: Sender<Arc<Room>>) -> Self {
        Self { rooms: Mutex::default(), history, connections, changed }
    }

    /// Enters a room, which is opened if there is none of that name. `None`: there are too many.
    ///
    /// A room that is left by all keeps its history for those who come back, until another room needs its place.
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

    /// Tells everybody that the server ends, and closes all connections.
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

/// Sends the lists of users of rooms where they have changed: at once, and after that no more often than `PACE`. A list
/// grows with the room and goes to all of it after each change; when a thousand people join one after the other, a list for
/// each of them would be gigabytes.
pub(crate) fn announce_users(changed: &Receiver<Arc<Room>>) {
    while let Ok(room) = changed.recv() {
        room.announce_users();
        changed.try_iter().for_each(|room| room.announce_users());
        thread::sleep(PACE);
    }
}
