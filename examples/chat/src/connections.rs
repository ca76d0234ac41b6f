//! All open connections by ID. Any thread can send on a connection or end it by its ID, while the connection's own
//! thread waits in a read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat::id::Id;
use sansocket::blocking::Writer;

#[derive(Default)]
pub(crate) struct Connections {
    opened: AtomicU64,
    open: Mutex<HashMap<Id, Writer>>,
}

impl Connections {
    /// Gives a connection an ID. The ID is valid until the registration is dropped.
    pub(crate) fn register(self: &Arc<Self>, writer: Writer) -> Registration {
        let id = Id::new(self.opened.fetch_add(1, Ordering::Relaxed) + 1);
        self.lock().insert(id, writer);
        Registration { id, connections: Arc::clone(self) }
    }

    /// The open connection with this ID.
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
