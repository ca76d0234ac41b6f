//! Rooms in Redis. A room is a stream; all servers append to it and follow it, so all have one order.
//!
//! | file | its job |
//! |---|---|
//! | `keys.rs` | the keys |
//! | `link.rs` | the connection on which everything is written |
//! | `publish.rs` | saying messages, each once |
//! | `follow.rs` | the connection on which messages are read, into the logs of the rooms |
//! | `presence.rs` | who is on which server, and which servers live |

mod follow;
mod keys;
mod link;
mod presence;
mod publish;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use self::follow::Following;
use self::keys::Keys;
use self::link::Link;
use self::presence::Presence;
use self::publish::Say;
use crate::metrics::Metrics;
use crate::room::Room;
use crate::server::Condition;
use crate::store::Outcome;
use crate::wire::Key;

/// How long a window waits for its room.
const PATIENCE: Duration = Duration::from_secs(3);

const UNREACHABLE: &str = "the room cannot be reached";

pub(crate) struct Redis {
    server: String,
    link: Arc<Link>,
    says: mpsc::Sender<Say>,
    following: Arc<Following>,
    presence: Arc<Presence>,
}

impl Redis {
    /// Starts the tasks, which connect as soon as they can.
    pub(crate) fn start(
        url: &str,
        server: &str,
        condition: Condition,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RedisError> {
        let link = Link::start(url, condition, Arc::clone(&metrics))?;
        let (says, queue) = mpsc::channel(publish::IN_CHANNEL);
        let following = Arc::<Following>::default();
        let presence = Presence::new(server);
        tokio::spawn(publish::run(queue, Arc::clone(&link), metrics));
        let reading = (Arc::clone(&following), Arc::clone(&link), Arc::clone(&presence));
        tokio::spawn(follow::run(reading.0, reading.1, reading.2, server.to_owned()));
        tokio::spawn(presence::run(Arc::clone(&presence), Arc::clone(&following), Arc::clone(&link)));
        Ok(Self { server: server.to_owned(), link, says, following, presence })
    }

    pub(crate) async fn open(&self, room: &Arc<Room>) -> Result<(), &'static str> {
        let mut connection = self.link.within(PATIENCE).await.ok_or(UNREACHABLE)?;
        self.following.open(room, &self.link, &mut connection).await.map_err(|_| UNREACHABLE)?;
        self.presence.look_at(vec![Arc::clone(room)]);
        // The task that follows waits for entries of the rooms that it knows. This is one.
        let mut pipeline = redis::pipe();
        let wake = keys::wake(&self.server);
        pipeline.cmd("XADD").arg(&wake).arg("MAXLEN").arg(1).arg("*").arg("w").arg("").ignore();
        pipeline.cmd("EXPIRE").arg(&wake).arg(60).ignore();
        self.link.query::<()>(&mut connection, &pipeline).await.ok(); // it looks once a second anyway
        Ok(())
    }

    pub(crate) fn close(&self, room: &Arc<Room>) {
        self.following.close(room);
    }

    pub(crate) fn say(&self, room: &str, key: Key, text: String, told: oneshot::Sender<Outcome>) {
        let say = Say { room: Keys::new(room), key, text, since: Instant::now(), in_doubt: false, told };
        if let Err(TrySendError::Full(say) | TrySendError::Closed(say)) = self.says.try_send(say) {
            say.told.send(Outcome::Refused(publish::CROWDED)).ok();
        }
    }

    pub(crate) fn announce(&self, room: &Arc<Room>, people: String) {
        self.presence.announce(room, people);
    }

    pub(crate) fn elsewhere(&self) -> HashMap<String, usize> {
        self.presence.elsewhere()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.presence.has_beaten()
    }

    pub(crate) async fn leave(&self) {
        self.presence.leave(&self.following, &self.link).await.ok();
    }
}
