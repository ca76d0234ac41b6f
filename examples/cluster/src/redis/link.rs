//! The connection to Redis on which this server writes: one, which comes back by itself.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::metrics::Metrics;
use crate::server::Condition;

/// An answer that takes longer will not come.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What windows show meanwhile.
const AWAY: &str = "messages wait: the servers cannot reach each other";

pub(super) struct Link {
    client: Client,
    open: watch::Sender<Option<MultiplexedConnection>>,
    lost: Notify,
    condition: Condition,
    metrics: Arc<Metrics>,
}

impl Link {
    pub(super) fn start(
        url: &str,
        condition: Condition,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, RedisError> {
        let client = Client::open(url)?;
        let link = Arc::new(Self {
            client,
            open: watch::Sender::new(None),
            lost: Notify::new(),
            condition,
            metrics,
        });
        tokio::spawn(Arc::clone(&link).keep_open());
        Ok(link)
    }

    /// A connection of its own, whose answers may take any time.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        in_time(PATIENCE, connecting).await
    }

    /// The connection, if there is one.
    pub(super) fn now(&self) -> Option<MultiplexedConnection> {
        self.open.borrow().clone()
    }

    /// The connection, as soon as there is one, if that is soon.
    pub(super) async fn within(&self, patience: Duration) -> Option<MultiplexedConnection> {
        let mut open = self.open.subscribe();
        let opened = timeout(patience, open.wait_for(Option::is_some)).await.ok()?.ok()?;
        opened.clone()
    }

    /// Runs commands. If there is no answer, the connection is lost.
    pub(super) async fn query<T: redis::FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        pipeline: &redis::Pipeline,
    ) -> Result<T, RedisError> {
        let began = Instant::now();
        let answer = in_time(PATIENCE, pipeline.query_async(connection)).await;
        self.metrics.note_redis(began.elapsed());
        if answer.as_ref().is_err_and(is_fatal) {
            self.lose();
        }
        answer
    }

    /// Gives the connection up.
    pub(super) fn lose(&self) {
        self.open.send_replace(None);
        self.lost.notify_one();
    }

    async fn keep_open(self: Arc<Self>) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    pause = FIRST_PAUSE;
                    self.open.send_replace(Some(connection));
                    self.set_away(None);
                    self.lost.notified().await;
                    self.metrics.reconnects.inc();
                }
                Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
            self.set_away(Some(AWAY));
            sleep(pause).await;
        }
    }

    fn set_away(&self, away: Option<&'static str>) {
        self.condition.send_if_modified(|state| std::mem::replace(&mut state.away, away) != away);
    }
}

/// Whether nothing more will come on the connection, or nothing that is of use: another server may have taken over.
fn is_fatal(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error() || error.code() == Some("READONLY")
}

/// The outcome of a future, or an error if it takes longer.
pub(super) async fn in_time<T>(
    patience: Duration,
    future: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    timeout(patience, future).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
