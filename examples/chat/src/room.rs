//! A room: its members and its history.
//!
//! A message goes into the queues of all members under the room's lock, so all members get all messages in the same
//! order. Nothing waits under the lock: a member whose queue is full has stopped reading and is disconnected.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat::id::Id;
use chat::wire;
use sansocket::{CloseCode, Prepared};

use crate::connections::Connections;

/// The most messages that may wait for a member.
const QUEUE: usize = 256;

/// The most bytes of messages in the history of a room.
const MAX_HISTORY_LEN: usize = 256 << 10;

/// What the writing thread of a connection sends.
#[derive(Clone)]
pub(crate) enum Outgoing {
    /// Shared by all members: a clone is a reference.
    Message(Prepared),
    Close(CloseCode, &'static str),
}

pub(crate) struct Room {
    state: Mutex<State>,
    history_count: usize,
    connections: Arc<Connections>,
    /// Gets the room when its list of users has changed.
    changed: Sender<Arc<Room>>,
}

struct State {
    members: BTreeMap<Id, Member>,
    history: VecDeque<Prepared>,
    history_len: usize,
    /// Whether the room is in `changed`.
    has_changed: bool,
    empty_since: Option<Instant>,
}

struct Member {
    name: String,
    queue: SyncSender<Outgoing>,
}

/// What a new member gets.
pub(crate) struct Joined {
    pub(crate) membership: Membership,
    /// The messages before the member joined.
    pub(crate) history: Vec<Prepared>,
    /// The messages from now on.
    pub(crate) queue: Receiver<Outgoing>,
}

impl Room {
    pub(crate) fn new(
        history_count: usize,
        connections: Arc<Connections>,
        changed: Sender<Arc<Self>>,
    ) -> Arc<Self> {
        let state = State {
            members: BTreeMap::new(),
            history: VecDeque::new(),
            history_len: 0,
            has_changed: false,
            empty_since: Some(Instant::now()),
        };
        Arc::new(Self { state: Mutex::new(state), history_count, connections, changed })
    }

    /// Takes history and queue under one lock, so that each message is in exactly one of them.
    pub(crate) fn join(self: &Arc<Self>, id: Id) -> Joined {
        let (sender, queue) = mpsc::sync_channel(QUEUE);
        let mut state = self.lock();
        state.members.insert(id, Member { name: id.guest_name(), queue: sender });
        state.empty_since = None;
        let history = state.history.iter().cloned().collect();
        self.note_change(&mut state);
        Joined { membership: Membership { room: Arc::clone(self), id }, history, queue }
    }

    /// Sends a chat message to all members, and keeps it in the history.
    pub(crate) fn say(self: &Arc<Self>, message: Prepared) {
        let mut state = self.lock();
        state.remember(message.clone(), self.history_count);
        self.send(state, &Outgoing::Message(message));
    }

    /// Sends a last message to all members, and closes their connections.
    pub(crate) fn dismiss(self: &Arc<Self>, message: Prepared, code: CloseCode, reason: &'static str) {
        self.send(self.lock(), &Outgoing::Message(message));
        self.send(self.lock(), &Outgoing::Close(code, reason));
    }

    /// Sends the list of users to all members.
    pub(crate) fn announce_users(self: &Arc<Self>) {
        let mut state = self.lock();
        state.has_changed = false;
        let list = wire::user_list(state.members.values().map(|member| &*member.name));
        self.send(state, &Outgoing::Message(list));
    }

    pub(crate) fn member_count(&self) -> usize {
        self.lock().members.len()
    }

    /// Since when the room is empty. `None`: it has members.
    pub(crate) fn empty_since(&self) -> Option<Instant> {
        self.lock().empty_since
    }

    fn send(self: &Arc<Self>, mut state: MutexGuard<'_, State>, outgoing: &Outgoing) {
        let mut stuck = Vec::new();
        state.members.retain(|id, member| {
            let is_full = matches!(member.queue.try_send(outgoing.clone()), Err(TrySendError::Full(_)));
            if is_full {
                stuck.push(*id);
            }
            !is_full
        });
        if !stuck.is_empty() {
            self.note_change(&mut state);
        }
        drop(state);
        for id in stuck {
            if let Some(writer) = self.connections.writer(id) {
                writer.abort();
            }
        }
    }

    /// A member has joined, left, or changed the name.
    fn note_change(self: &Arc<Self>, state: &mut State) {
        if state.members.is_empty() {
            state.empty_since = Some(Instant::now());
        }
        if !std::mem::replace(&mut state.has_changed, true) {
            self.changed.send(Arc::clone(self)).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, message: Prepared, count: usize) {
        self.history_len += message.message().len();
        self.history.push_back(message);
        while self.history.len() > count || self.history_len > MAX_HISTORY_LEN {
            let forgotten = self.history.pop_front();
            self.history_len -= forgotten.map_or(self.history_len, |message| message.message().len());
        }
    }
}

/// Membership in a room. Dropping it leaves the room.
pub(crate) struct Membership {
    room: Arc<Room>,
    id: Id,
}

impl Membership {
    /// Sends a message to the room. Without an author it has the member's guest name.
    pub(crate) fn say(&self, author: Option<&str>, message: &str) {
        self.room.say(match author {
            Some(author) => wire::chat(author, message),
            None => wire::chat(&self.id.guest_name(), message),
        });
    }

    /// Changes the member's name. `None` is the guest name.
    pub(crate) fn rename(&self, name: Option<&str>) {
        let mut state = self.room.lock();
        if let Some(member) = state.members.get_mut(&self.id) {
            member.name = name.map_or_else(|| self.id.guest_name(), str::to_owned);
            self.room.note_change(&mut state);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut state = self.room.lock();
        if state.members.remove(&self.id).is_some() {
            self.room.note_change(&mut state);
        }
    }
}
