//! A room: its members and its history.
//!
//! A message goes into the queues of all members under the room's lock, so all members get all messages in the same
//! order. Nothing waits under the lock: a member whose queue is full has stopped reading and is disconnected.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chat::id::Id;
use chat::names::{Name, Refusal};
use chat::wire;
use sansocket::{CloseCode, Message, Prepared};

use crate::connections::Connections;

/// The most messages that may wait for a member.
const QUEUE: usize = 256;

/// The most bytes of memory that the history of a room takes.
const MAX_HISTORY_LEN: usize = 256 << 10;

/// What a message in the history takes beside its text: the header of its frame, its place in the queue, which may be half
/// empty, and a value with a count of references. The allocator rounds all allocations up.
const BESIDE_TEXT: usize = 10 + 2 * size_of::<Message>() + 48;

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
    /// Without the compressed forms of [`Prepared`], which would take memory that is not counted.
    history: VecDeque<Message>,
    history_len: usize,
    /// Whether the room is in `changed`.
    has_changed: bool,
    empty_since: Option<Instant>,
}

struct Member {
    name: Name,
    queue: SyncSender<Outgoing>,
}

/// What a new member gets.
pub(crate) struct Joined {
    pub(crate) membership: Membership,
    /// The messages before the member joined.
    pub(crate) history: Vec<Message>,
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
        state.members.insert(id, Member { name: Name::guest(id.guest_name()), queue: sender });
        state.empty_since = None;
        let history = state.history.iter().cloned().collect();
        self.note_change(&mut state);
        Joined { membership: Membership { room: Arc::clone(self), id }, history, queue }
    }

    /// Sends a chat message to all members, and keeps it in the history.
    fn say(self: &Arc<Self>, message: Prepared) {
        let mut state = self.lock();
        state.remember(message.message(), self.history_count);
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
        let list = wire::user_list(state.names());
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
    fn remember(&mut self, message: Message, count: usize) {
        self.history_len += held(&message);
        self.history.push_back(message);
        while self.history.len() > count || self.history_len > MAX_HISTORY_LEN {
            let forgotten = self.history.pop_front();
            self.history_len -= forgotten.map_or(self.history_len, |message| held(&message));
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.members.values().map(|member| member.name.as_str())
    }

    /// Whether a member could be taken for another one with this name.
    fn is_imitation(&self, id: Id, name: &Name) -> bool {
        self.members.iter().any(|(other, member)| *other != id && name.imitates(&member.name))
    }
}

/// The memory that a message takes in the history, in bytes.
fn held(message: &Message) -> usize {
    message.len() + BESIDE_TEXT
}

/// Membership in a room. Dropping it leaves the room.
pub(crate) struct Membership {
    room: Arc<Room>,
    id: Id,
}

impl Membership {
    /// Sends a message to the room. An author that looks like another member is not believed. Without one, the message has
    /// the member's name.
    pub(crate) fn say(&self, author: Option<&Name>, message: &str) {
        let author = {
            let state = self.room.lock();
            let own = state.members.get(&self.id).map(|member| &member.name);
            let author = author.filter(|author| !state.is_imitation(self.id, author)).or(own);
            // Not a member any longer: the connection is about to end.
            let Some(author) = author else { return };
            author.as_str().to_owned()
        };
        self.room.say(wire::chat(&author, message));
    }

    /// Changes the member's name, or tells the member why the name is refused: then it is the guest name. True if the member
    /// has the wanted name.
    pub(crate) fn rename(&self, wanted: Result<Name, Refusal>) -> bool {
        let mut state = self.room.lock();
        let wanted = wanted.and_then(|name| match state.is_imitation(self.id, &name) {
            true => Err("That name looks like the name of somebody in this room."),
            false => Ok(name),
        });
        let refused = wanted.as_ref().err().copied();
        let Some(member) = state.members.get_mut(&self.id) else { return refused.is_none() };
        member.name = wanted.unwrap_or_else(|_| Name::guest(self.id.guest_name()));
        self.room.note_change(&mut state);
        if let (Some(refused), Some(member)) = (refused, state.members.get(&self.id)) {
            let told = wire::refused_name(state.names(), member.name.as_str(), refused);
            // A full queue: the next message to the room ends the connection.
            member.queue.try_send(Outgoing::Message(told)).ok();
        }
        refused.is_none()
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

#[cfg(test)]
#[path = "../../../tests/counting/mod.rs"]
mod counting;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]
mod tests {
    use sansocket::handshake::{client, server};
    use sansocket::{Config, Connection, Deflate, Storage};

    use super::counting::bytes_in_use;
    use super::*;

    /// A message whose frame, with its text in base64, is about `len` bytes long.
    fn message(len: usize) -> Prepared {
        wire::chat("somebody", &"QUJD".repeat(len / 4))
    }

    /// A connection of a server that has agreed on compression.
    fn compressing() -> Connection {
        let config = || Config::default().deflate(Some(Deflate::default().min_len(0)));
        let mut accepting = server::Handshake::new(config());
        let mut asking =
            client::Handshake::new(&client::Request::new("ws://localhost/").unwrap(), config()).unwrap();
        accepting.receive(asking.output().chunk());
        let exchange = accepting.next_request().unwrap().unwrap();
        let server::Incoming::Upgrade(request) = exchange.incoming() else { panic!() };
        let response = request.accept();
        let server::Answer::Open(connection) = exchange.respond(response).unwrap() else { panic!() };
        assert!(connection.negotiated().is_some());
        connection
    }

    /// Sends a message compressed, which leaves the compressed form in it.
    fn send(connection: &mut Connection, message: &Prepared) {
        connection.send(message).unwrap();
        let written = connection.output().len();
        connection.output().advance(written);
        connection.reclaim(&mut Storage::new());
    }

    #[test]
    fn history_takes_no_more_memory_than_is_counted() {
        let mut member = compressing();
        for (len, count) in
            [(0, usize::MAX), (40, usize::MAX), (1000, usize::MAX), (16_000, usize::MAX), (5000, 50)]
        {
            send(&mut member, &message(len)); // the compressor and its buffer, which the process and the thread keep
            let (room, _, held) = bytes_in_use(|| {
                let room = Room::new(count, Arc::default(), mpsc::channel().0);
                for _ in 0..(3 * MAX_HISTORY_LEN / (len + 100)) {
                    let message = message(len);
                    send(&mut member, &message);
                    room.say(message);
                }
                room
            });
            let state = room.lock();
            let counted = state.history_len;
            assert!(held <= MAX_HISTORY_LEN + (2 << 10), "{len}: {held} bytes in use, {counted} counted");
            assert!(counted <= MAX_HISTORY_LEN && state.history.len() <= count);
            if count == usize::MAX {
                assert!(held > MAX_HISTORY_LEN / 2, "{len}: {held} bytes in use: the limit is used");
            }
            println!(
                "messages of {len}: {} kept, {counted} bytes counted, {held} in use",
                state.history.len()
            );
        }
    }
}
