//! All connections by their ID. Whoever has the ID of a connection can send on it or end it, from any thread, while the
//! connection's own thread waits in a read.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sansocket::blocking::Writer;

/// Names one connection, among all there ever were. In the order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    number: u64,
    /// Makes it hard to guess.
    random: u64,
}

impl Id {
    /// What somebody is called who has given no name.
    pub(crate) fn guest_name(self) -> String {
        format!("guest-{:04x}", self.random & 0xffff)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.number, self.random)
    }
}

#[derive(Default)]
pub(crate) struct Connections {
    opened: AtomicU64,
    open: Mutex<HashMap<Id, Writer>>,
}

impl Connections {
    /// Gives a connection its ID, and makes it known by it until the registration is dropped.
    pub(crate) fn register(self: &Arc<Self>, writer: Writer) -> Registration {
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        // The standard library's hash is keyed by the operating system's randomness.
        let id = Id { number, random: RandomState::new().hash_one(number) };
        self.lock().insert(id, writer);
        Registration { id, connections: Arc::clone(self) }
    }

    /// The connection of that ID, while it is open.
    pub(crate) fn writer(&self, id: Id) -> Option<Writer> {
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Writer>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Registration {
    id: Id,
    connections: Arc<Connections>,
}

impl Registration {
    pub(crate) fn id(&self) -> Id {
        self.id
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
    }
}
