//! A room, as the windows on this server see it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use chat::id::Id;
use chat::names::{Name, Refusal};
use chat::wire;
use sansocket::Prepared;
use tokio::sync::{OnceCell, mpsc, watch};

use crate::log::{Entry, EntryId, Log};
use crate::people::People;
use crate::wire::Key;

/// The rooms whose list of users has changed. Each is in it at most once.
pub(crate) type Changed = mpsc::UnboundedSender<Arc<Room>>;

pub(crate) struct Room {
    name: String,
    shown: watch::Sender<Shown>,
    state: Mutex<State>,
    changed: Changed,
    /// Set when the store has filled the log.
    pub(crate) opened: OnceCell<()>,
}

/// What all windows of the room get. They wait for its changes.
pub(crate) struct Shown {
    pub(crate) log: Log,
    pub(crate) users: Prepared,
    /// How many lists of users there were.
    pub(crate) lists: u64,
    /// Messages are missing from the log. The windows must connect again; they then join a new room of the same name.
    pub(crate) is_broken: bool,
}

struct State {
    people: People,
    /// Windows here, and those that are about to join.
    visits: usize,
    empty_since: Option<Instant>,
    /// Whether the room is in `changed`.
    is_noted: bool,
    /// Whether the people here have changed.
    has_news: bool,
}

/// A place in a room. The room stays open while there is one.
pub(crate) struct Visit(Arc<Room>);

/// A window in a room. Dropping it leaves the room.
pub(crate) struct Membership {
    visit: Visit,
    id: Id,
}

/// Where a new window begins.
pub(crate) struct Joined {
    pub(crate) membership: Membership,
    pub(crate) shown: watch::Receiver<Shown>,
    pub(crate) position: u64,
    /// The lists of users that there were.
    pub(crate) lists: u64,
    pub(crate) joining: crate::wire::Joining,
}

impl Room {
    pub(crate) fn new(name: String, changed: Changed) -> Arc<Self> {
        let users = wire::user_list(std::iter::empty());
        let shown = Shown { log: Log::new(), users, lists: 0, is_broken: false };
        let state = State {
            people: People::default(),
            visits: 0,
            empty_since: Some(Instant::now()),
            is_noted: false,
            has_news: false,
        };
        Arc::new(Self {
            name,
            shown: watch::Sender::new(shown),
            state: Mutex::new(state),
            changed,
            opened: OnceCell::new(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn visit(self: &Arc<Self>) -> Visit {
        let mut state = self.lock();
        state.visits += 1;
        state.empty_since = None;
        Visit(Arc::clone(self))
    }

    /// Since when nobody is here.
    pub(crate) fn empty_since(&self) -> Option<Instant> {
        self.lock().empty_since
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.shown.borrow().is_broken
    }

    pub(crate) fn count_here(&self) -> usize {
        self.lock().people.count_here()
    }

    /// Appends a message to a room that is on this server alone, unless the log has one with its key.
    pub(crate) fn say_here(&self, key: Key, text: &str) -> EntryId {
        let mut said = EntryId::default();
        self.shown.send_modify(|shown| {
            if let Some(entry) = shown.log.with_key(&key) {
                said = entry.id;
                return;
            }
            let last = shown.log.last().map_or(EntryId::default(), |entry| entry.id);
            let time = now().max(last.time);
            said = EntryId { time, number: if time == last.time { last.number + 1 } else { 0 } };
            shown.log.push(Entry {
                id: said,
                key: Some(key),
                message: crate::wire::chat_with_id(text, said),
            });
        });
        said
    }

    /// Appends messages of the store.
    pub(crate) fn append(&self, messages: impl Iterator<Item = (EntryId, String)>) {
        let entry =
            |(id, text): (_, String)| Entry { id, key: None, message: crate::wire::chat_with_id(&text, id) };
        let entries: Vec<Entry> = messages.map(entry).collect();
        self.shown.send_modify(|shown| entries.into_iter().for_each(|entry| shown.log.push(entry)));
    }

    /// The log does not begin with the first message of the room.
    pub(crate) fn is_not_the_beginning(&self) {
        self.shown.send_modify(|shown| shown.log.is_not_the_beginning());
    }

    /// The store has lost messages of this room, or has no longer those that this server has not seen.
    pub(crate) fn break_off(&self) {
        self.shown.send_modify(|shown| shown.is_broken = true);
    }

    /// Takes over what another server has told of its people. `None`: there is nobody.
    pub(crate) fn set_elsewhere(self: &Arc<Self>, server: &str, text: Option<&str>) {
        let mut state = self.lock();
        if state.people.set_elsewhere(server, text) {
            self.note(&mut state);
        }
    }

    /// The servers that have told of their people.
    pub(crate) fn servers(&self) -> Vec<String> {
        self.lock().people.servers()
    }

    /// The people here, for other servers.
    pub(crate) fn people_here(&self) -> String {
        self.lock().people.to_text()
    }

    /// Shows the list of users to all windows. Gives its length in bytes, and the people here if they have changed.
    pub(crate) fn show_users(&self) -> (usize, Option<String>) {
        let mut state = self.lock();
        state.is_noted = false;
        let news = std::mem::take(&mut state.has_news).then(|| state.people.to_text());
        let users = wire::user_list(state.people.names().into_iter());
        drop(state);
        let len = users.frame_len();
        self.shown.send_modify(|shown| {
            shown.users = users;
            shown.lists += 1;
        });
        (len, news)
    }

    /// Somebody here has joined, left, or changed the name.
    fn note_news(self: &Arc<Self>, state: &mut State) {
        state.has_news = true;
        self.note(state);
    }

    fn note(self: &Arc<Self>, state: &mut State) {
        if !std::mem::replace(&mut state.is_noted, true) {
            self.changed.send(Arc::clone(self)).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.0
    }

    /// Joins the room: behind the message `after`, if it is known what came since, or with the newest messages. The
    /// position is taken once, so that each message is behind it or before it.
    pub(crate) fn join(self, id: Id, full_id: String, after: Option<EntryId>, history: usize) -> Joined {
        let room = Arc::clone(&self.0);
        let mut state = room.lock();
        state.people.join(id, (now(), full_id));
        room.note_news(&mut state);
        drop(state);
        let shown = room.shown.subscribe();
        let (position, lists, joining) = {
            let now = shown.borrow();
            let resumed = after.and_then(|id| now.log.behind(id));
            // A window that cannot resume gets all that is newer, and is told that something may be missing.
            let newest = after.map_or(now.log.newest(history), |id| now.log.newer(id, history));
            let position = resumed.unwrap_or(newest);
            let joining = crate::wire::Joining {
                earlier: now.log.end() - position,
                resumed: resumed.is_some(),
                last: now.log.id_before(position).map(|id| id.to_string()),
            };
            (position, now.lists, joining)
        };
        Joined { membership: Membership { visit: self, id }, shown, position, lists, joining }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.visits -= 1;
        if state.visits == 0 {
            state.empty_since = Some(Instant::now());
        }
    }
}

impl Membership {
    pub(crate) fn room(&self) -> &Arc<Room> {
        self.visit.room()
    }

    /// The author of a message that names one. An author that looks like somebody else is not believed.
    pub(crate) fn author(&self, wanted: Option<&Name>) -> String {
        let state = self.room().lock();
        let wanted = wanted.filter(|wanted| !state.people.is_imitation(self.id, wanted));
        let author = wanted.or_else(|| state.people.name(self.id));
        author.map_or_else(|| self.id.guest_name(), |name| name.as_str().to_owned())
    }

    /// Changes the name. An error is what to tell the window: it now has its guest name.
    pub(crate) fn rename(&self, wanted: Result<Name, Refusal>) -> Result<(), Prepared> {
        let mut state = self.room().lock();
        let renamed = state.people.rename(self.id, wanted);
        self.room().note_news(&mut state);
        renamed.map_err(|why| self.refused(&state, why))
    }

    /// What to tell the window if it has lost its name to another server.
    pub(crate) fn take_renamed(&self) -> Option<Prepared> {
        let mut state = self.room().lock();
        let why = state.people.take_renamed(self.id)?;
        Some(self.refused(&state, why))
    }

    fn refused(&self, state: &State, why: Refusal) -> Prepared {
        let name = state.people.name(self.id).map_or("", Name::as_str);
        wire::refused_name(state.people.names().into_iter(), name, why)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut state = self.room().lock();
        state.people.leave(self.id);
        self.room().note_news(&mut state);
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
