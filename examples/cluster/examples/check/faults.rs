//! What happens while messages are said.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::stack::{PATIENCE, Stack};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    ServerKilled,
    ServerStopped,
    RedisKilled,
    RedisSlow,
    RedisFull,
    RedisReadOnly,
    RedisEmptied,
    BalancerReloaded,
    ServersRestarted,
}

pub(crate) const ALL: [Fault; 10] = [
    Fault::None,
    Fault::ServerKilled,
    Fault::ServerStopped,
    Fault::RedisKilled,
    Fault::RedisSlow,
    Fault::RedisFull,
    Fault::RedisReadOnly,
    Fault::RedisEmptied,
    Fault::BalancerReloaded,
    Fault::ServersRestarted,
];

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ServerKilled => "kill -9 of a server",
            Self::ServerStopped => "SIGSTOP of a server, 10 s",
            Self::RedisKilled => "kill -9 of Redis, back after 2 s",
            Self::RedisSlow => "CLIENT KILL, then DEBUG SLEEP 3",
            Self::RedisFull => "Redis full for 2 s (OOM)",
            Self::RedisReadOnly => "Redis read-only for 3 s",
            Self::RedisEmptied => "Redis loses its data (FLUSHALL)",
            Self::BalancerReloaded => "HAProxy reloaded",
            Self::ServersRestarted => "all servers restarted in turn",
        }
    }

    /// How long the fault lasts at most, in seconds.
    pub(crate) fn seconds(self) -> u64 {
        match self {
            Self::None => 0,
            Self::ServerStopped => 10,
            Self::ServersRestarted => 9,
            _ => 4,
        }
    }

    /// Whether messages are refused.
    pub(crate) fn refuses(self) -> bool {
        self == Self::RedisFull
    }

    /// Whether windows are told that messages may be missing.
    pub(crate) fn leaves_gaps(self) -> bool {
        self == Self::RedisEmptied
    }

    pub(crate) async fn happen(self, stack: &mut Stack) {
        match self {
            Self::None => {}
            Self::ServerKilled => stack.servers[0].signal("KILL"),
            Self::ServerStopped => {
                stack.servers[0].signal("STOP");
                sleep(Duration::from_secs(10)).await;
                stack.servers[0].signal("CONT");
            }
            Self::RedisKilled => {
                stack.redis.signal("KILL");
                stack.redis.wait().await;
                sleep(Duration::from_secs(2)).await;
                stack.restart_redis();
            }
            Self::RedisSlow => {
                // Both kinds: that of XREAD counts as normal, too.
                stack.tell_redis(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await.unwrap();
                sleep(Duration::from_millis(300)).await;
                stack.tell_redis(&["DEBUG", "SLEEP", "3"]).await.unwrap();
            }
            Self::RedisFull => {
                stack.tell_redis(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
                sleep(Duration::from_secs(2)).await;
                stack.tell_redis(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
            }
            Self::RedisReadOnly => {
                // Its master is nowhere.
                stack.tell_redis(&["REPLICAOF", "127.0.0.1", "1"]).await.unwrap();
                sleep(Duration::from_secs(3)).await;
                stack.tell_redis(&["REPLICAOF", "NO", "ONE"]).await.unwrap();
            }
            Self::RedisEmptied => drop(stack.tell_redis(&["FLUSHALL"]).await.unwrap()),
            Self::BalancerReloaded => {
                stack.haproxy.signal("USR2");
                sleep(Duration::from_secs(4)).await; // the old worker has ended
            }
            Self::ServersRestarted => {
                for index in 0..stack.servers.len() {
                    stack.servers[index].signal("TERM");
                    let code = timeout(PATIENCE, stack.servers[index].wait()).await.expect("a server ends");
                    assert_eq!(code, Some(0), "the end of a server that drains");
                    stack.restart_server(index).await;
                }
            }
        }
    }

    /// Puts back what is missing.
    pub(crate) async fn end(self, stack: &mut Stack) {
        if self == Self::ServerKilled {
            stack.restart_server(0).await;
        }
    }
}
