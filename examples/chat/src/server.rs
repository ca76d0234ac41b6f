//! What all connections share.

use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{io, thread};

use sansocket::{Config, Limits};

use crate::connections::Connections;
use crate::rooms::{self, Rooms};

pub(crate) struct Server {
    pub(crate) config: Arc<Config>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) rooms: Rooms,
}

impl Server {
    pub(crate) fn start(history: usize, allowed_origins: Vec<String>, config: Config) -> io::Result<Self> {
        let connections = Arc::<Connections>::default();
        let (sender, changed) = mpsc::channel();
        thread::Builder::new().spawn(move || rooms::announce_users(&changed))?;
        let rooms = Rooms::new(history, Arc::clone(&connections), sender);
        Ok(Self { config: Arc::new(config), allowed_origins, connections, rooms })
    }
}

/// The time limits of the opening and the closing handshake are the defaults.
pub(crate) fn config(keepalive: Duration) -> Config {
    // Enough for a text of 4,000 characters of three bytes each, in base64, with a long name.
    let limits = Limits::default().max_frame_len(16 << 10).max_message_len(16 << 10);
    Config::default()
        .keepalive(Some(keepalive))
        .limits(limits)
        // The most bytes of one write. The room limits the queue behind it.
        .max_output_len(1 << 20)
        .write_timeout(Duration::from_secs(10))
}
