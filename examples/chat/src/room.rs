//! A room: who is in it, and what was said.
//!
//! Everything that is sent to a room is put into its members' queues under the room's lock, so that all get it in one
//! order. Nothing waits in there: a member whose queue is full has stopped reading, and is disconnected.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat::id::Id;
use chat::wire;
use sansocket::{CloseCode, Prepared};

use crate::connections::Connections;

/// So many messages may wait for a member.
const QUEUE: usize = 256;

/// The most bytes of messages that a room remembers, however many messages that is.
const MAX_HISTORY_LEN: usize = 256 << 10;

/// What a connection's writing thread has to send.
#[derive(Clone)]
pub(crate) enum Outgoing {
    /// Shared with all others that it goes to: a clone is a reference.
    Message(Prepared),
    Close(CloseCode, &'static str),
}

pub(crate) struct Room {
    state: Mutex<State>,
    history_count: usize,
    connections: Arc<Connections>,
    /// Takes the room when its list of users is not the one that was sent last.
    changed: Sender<Arc<Room>>,
}

struct State {
    members: BTreeMap<Id, Member>,
    history: VecDeque<Prepared>,
    history_len: usize,
    /// The room is in `changed` already.
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
    /// What was said before.
    pub(crate) history: Vec<Prepared>,
    /// What will be said from now on.
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

    /// History and queue are taken in one step: no message is in both, and none is missing between them.
    pub(crate) fn join(self: &Arc<Self>, id: Id) -> Joined {
        let (sender, queue) = mpsc::sync_channel(QUEUE);
        let mut state = self.lock();
        state.members.insert(id, Member { name: id.guest_name(), queue: sender });
        state.empty_since = None;
        let history = state.history.iter().cloned().collect();
        self.note_change(&mut state);
        Joined { membership: Membership { room: Arc::clone(self), id }, history, queue }
    }

    /// Sends a chat message to all, and remembers it.
    pub(crate) fn say(self: &Arc<Self>, message: Prepared) {
        let mut state = self.lock();
        state.remember(message.clone(), self.history_count);
        self.send(state, &Outgoing::Message(message));
    }

    /// Sends a last message to all, and closes their connections.
    pub(crate) fn dismiss(self: &Arc<Self>, message: Prepared, code: CloseCode, reason: &'static str) {
        self.send(self.lock(), &Outgoing::Message(message));
        self.send(self.lock(), &Outgoing::Close(code, reason));
    }

    /// Sends the list of users to all of them.
    pub(crate) fn announce_users(self: &Arc<Self>) {
        let mut state = self.lock();
        state.has_changed = false;
        let list = wire::user_list(state.members.values().map(|member| &*member.name));
        self.send(state, &Outgoing::Message(list));
    }

    /// Since when nobody is here.
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

    /// Members came, went, or changed their names.
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

/// Being in a room; dropping it is leaving.
pub(crate) struct Membership {
    room: Arc<Room>,
    id: Id,
}

impl Membership {
    /// Says something, under the member's guest name where there is no other.
    pub(crate) fn say(&self, author: Option<&str>, message: &str) {
        self.room.say(match author {
            Some(author) => wire::chat(author, message),
            None => wire::chat(&self.id.guest_name(), message),
        });
    }

    /// Changes the member's name; without one they are a guest.
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
