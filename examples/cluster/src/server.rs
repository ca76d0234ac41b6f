//! What all connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chat::id::Id;
use chat::limits;
use sansocket::Config;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::Options;
use crate::metrics::Metrics;
use crate::redis::Redis;
use crate::rooms::Rooms;
use crate::store::Store;

pub(crate) struct Server {
    /// Unique over all servers, because it is random.
    name: String,
    opened: AtomicU64,
    pub(crate) config: Arc<Config>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) answers_metrics: bool,
    condition: Condition,
}

/// What concerns all windows of a server. They wait for its changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// What keeps messages waiting, for people to read.
    pub(crate) away: Option<&'static str>,
    /// New windows are refused.
    pub(crate) is_draining: bool,
    /// All windows are to close.
    pub(crate) is_over: bool,
}

pub(crate) type Condition = watch::Sender<State>;

impl Server {
    pub(crate) fn start(options: &Options) -> Result<Arc<Self>, Box<dyn std::error::Error>> {
        let random = Id::new(std::process::id().into()).to_string();
        let name: String = random.chars().rev().take(12).collect();
        let condition = watch::Sender::new(State::default());
        let metrics = Arc::new(Metrics::new());
        let store = match &options.redis {
            Some(url) => Store::Redis(Redis::start(url, &name, condition.clone(), Arc::clone(&metrics))?),
            None => Store::Memory,
        };
        let rooms = Rooms::start(store, options.common.history);
        Ok(Arc::new(Self {
            name,
            opened: AtomicU64::new(0),
            config: Arc::new(limits::config(options.common.keepalive())),
            allowed_origins: options.common.allow_origin.clone(),
            rooms,
            metrics,
            answers_metrics: options.metrics,
            condition,
        }))
    }

    /// An ID for a connection: here, and over all servers.
    pub(crate) fn next_id(&self) -> (Id, String) {
        let id = Id::new(self.opened.fetch_add(1, Ordering::Relaxed) + 1);
        (id, format!("{}-{id}", self.name))
    }

    pub(crate) fn condition(&self) -> watch::Receiver<State> {
        self.condition.subscribe()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.condition.borrow().is_draining
    }

    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining() && self.rooms.store().is_ready()
    }

    /// From now on `/ready` is 503, and new windows are refused.
    pub(crate) fn drain(&self) {
        self.condition.send_modify(|state| state.is_draining = true);
    }

    /// Closes all windows.
    pub(crate) fn dismiss(&self) {
        self.condition.send_modify(|state| state.is_over = true);
    }

    /// Waits until all windows are closed, or until `patience` is over.
    pub(crate) async fn wait_for_windows(&self, patience: Duration) {
        let closed = async {
            while self.metrics.windows.get() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(patience, closed).await.ok();
    }
}
