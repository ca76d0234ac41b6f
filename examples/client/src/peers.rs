//! The connections that are open: the input goes to them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use sansocket::CloseCode;
use sansocket::blocking::{NetStream, Writer};

/// Any number of connections, by the names of their peers.
pub(crate) struct Peers {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    open: Vec<Peer>,
    /// How many connections there have been.
    opened: u64,
    /// All connections are being closed, with this code.
    closing: Option<CloseCode>,
}

struct Peer {
    name: String,
    writer: Writer<NetStream>,
    /// The first close code that this end chose.
    asked: Option<CloseCode>,
}

impl Peers {
    pub(crate) fn new() -> Self {
        let state = State { open: Vec::new(), opened: 0, closing: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a connection. It is closed at once if all are being closed.
    pub(crate) fn add(&self, name: &str, writer: Writer<NetStream>) {
        let mut state = self.lock();
        state.opened += 1;
        let mut peer = Peer { name: name.to_owned(), writer, asked: None };
        if state.closing.is_some() {
            peer.close(CloseCode::GOING_AWAY, "");
        }
        state.open.push(peer);
        self.changed.notify_all();
    }

    /// Forgets a connection that has ended. Gives the close code that this end chose.
    pub(crate) fn remove(&self, name: &str) -> Option<CloseCode> {
        let mut state = self.lock();
        let at = state.open.iter().position(|peer| peer.name == name)?;
        let peer = state.open.remove(at);
        self.changed.notify_all();
        peer.asked
    }

    /// The connection to `name`, or with `None` all of them.
    pub(crate) fn writers(&self, name: Option<&str>) -> Vec<Writer<NetStream>> {
        let state = self.lock();
        let wanted = state.open.iter().filter(|peer| name.is_none_or(|name| peer.name == name));
        wanted.map(|peer| peer.writer.clone()).collect()
    }

    /// Closes the connection to `name`, if it is open. False if it is not.
    pub(crate) fn close(&self, name: &str, code: CloseCode, reason: &str) -> bool {
        let mut state = self.lock();
        let peer = state.open.iter_mut().find(|peer| peer.name == name);
        peer.map(|peer| peer.close(code, reason)).is_some()
    }

    /// Closes all connections, and those that come later.
    pub(crate) fn close_all(&self, code: CloseCode, reason: &str) {
        let mut state = self.lock();
        if state.closing.is_none() {
            state.closing = Some(code);
            state.open.iter_mut().for_each(|peer| peer.close(code, reason));
        }
        self.changed.notify_all();
    }

    /// Whether no connection is open.
    pub(crate) fn are_none(&self) -> bool {
        self.lock().open.is_empty()
    }

    /// Whether all connections are being closed.
    pub(crate) fn are_closing(&self) -> bool {
        self.lock().closing.is_some()
    }

    /// Waits until there has been a connection, or there will be none.
    pub(crate) fn wait_for_first(&self) {
        drop(self.wait_while(|state| state.opened == 0 && state.closing.is_none()));
    }

    /// Waits for a connection that came after the first `seen` ones. Gives it, and how many have come by then. `None`: all
    /// are being closed.
    pub(crate) fn wait_for_newer(&self, seen: u64) -> Option<(u64, Writer<NetStream>)> {
        let is_missing = |state: &mut State| state.open.is_empty() || state.opened <= seen;
        let state = self.wait_while(|state| state.closing.is_none() && is_missing(state));
        let newest = state.open.last().filter(|_| state.closing.is_none())?;
        Some((state.opened, newest.writer.clone()))
    }

    /// Waits until all connections are to be closed, but no longer than `pause`. Says whether they are.
    pub(crate) fn wait_for_closing(&self, pause: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), pause, |state| state.closing.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.closing.is_some()
    }

    /// Waits until all connections have been closed.
    pub(crate) fn wait_for_end(&self) {
        drop(self.wait_while(|state| !state.open.is_empty() || state.closing.is_none()));
    }

    fn wait_while(&self, condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.changed.wait_while(self.lock(), condition).unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer {
    /// Closes in another thread. The Close frame waits behind earlier messages, and the peer may read those only if this end
    /// keeps reading.
    fn close(&mut self, code: CloseCode, reason: &str) {
        self.asked.get_or_insert(code);
        let (writer, reason) = (self.writer.clone(), reason.to_owned());
        let closing = thread::Builder::new().spawn(move || writer.close(code, &reason).ok());
        if closing.is_err() {
            self.writer.abort();
        }
    }
}
