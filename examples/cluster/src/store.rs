//! Where rooms live: in this process, or in Redis. Nothing else knows which.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::log::EntryId;
use crate::redis::Redis;
use crate::room::Room;
use crate::wire::Key;

pub(crate) enum Store {
    /// Rooms end with the process.
    Memory,
    /// Rooms are on all servers with the same Redis.
    Redis(Redis),
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everybody gets it.
    Said(EntryId),
    /// Nobody gets it.
    Refused(&'static str),
}

impl Store {
    /// Fills the log of a room, and from then on appends to it. An error is the reason for people to read.
    pub(crate) async fn open(&self, room: &Arc<Room>) -> Result<(), &'static str> {
        match self {
            Self::Memory => Ok(()),
            Self::Redis(redis) => redis.open(room).await,
        }
    }

    /// Nobody is in the room, or it is broken: nothing more is appended.
    pub(crate) fn close(&self, room: &Arc<Room>) {
        if let Self::Redis(redis) = self {
            redis.close(room);
        }
    }

    /// Says a message: once, however often it is called with the same key. If nothing comes of the receiver but its end, it
    /// is not known whether the message was said.
    pub(crate) fn say(&self, room: &Room, key: Key, text: String) -> oneshot::Receiver<Outcome> {
        let (told, telling) = oneshot::channel();
        match self {
            Self::Memory => drop(told.send(Outcome::Said(room.say_here(key, &text)))),
            Self::Redis(redis) => redis.say(room.name(), key, text, told),
        }
        telling
    }

    /// Tells other servers who is in a room here.
    pub(crate) fn announce(&self, room: &Arc<Room>, people: String) {
        if let Self::Redis(redis) = self {
            redis.announce(room, people);
        }
    }

    /// The rooms on other servers, with their numbers of windows.
    pub(crate) fn elsewhere(&self) -> HashMap<String, usize> {
        match self {
            Self::Memory => HashMap::new(),
            Self::Redis(redis) => redis.elsewhere(),
        }
    }

    /// How long a room without windows stays open here. `None`: as long as there is place, because its history is nowhere
    /// else.
    pub(crate) fn keeps_empty_rooms(&self) -> Option<Duration> {
        match self {
            Self::Memory => None,
            Self::Redis(_) => Some(Duration::from_secs(60)),
        }
    }

    /// Whether rooms could ever be opened.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Memory => true,
            Self::Redis(redis) => redis.is_ready(),
        }
    }

    /// Takes this server off the lists of the others.
    pub(crate) async fn leave(&self) {
        if let Self::Redis(redis) = self {
            redis.leave().await;
        }
    }
}
