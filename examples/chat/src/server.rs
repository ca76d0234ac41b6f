//! What all connections share.

use std::sync::{Arc, mpsc};
use std::{io, thread};

use sansocket::Config;

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
