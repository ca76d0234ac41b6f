//! The keys in Redis. What people write is never part of a command, and of a key only in hexadecimal.
//!
//! | key | type | content |
//! |---|---|---|
//! | `chat:{ROOM}:log` | stream | the messages: `m` JSON, `n` how many there were with it |
//! | `chat:{ROOM}:count` | number | how many messages there were |
//! | `chat:{ROOM}:said:KEY` | string | the ID of the message with this key |
//! | `chat:{ROOM}:people` | hash | server → who is there |
//! | `chat:{ROOM}:bell` | stream | one entry, new when `people` has changed |
//! | `chat:servers` | hash | server → a number that changes while it lives, and its rooms |
//! | `chat:wake:SERVER` | stream | one entry, new when the server follows another room |
//!
//! The keys of a room have one hash tag, so that they are on one node of a Redis Cluster.

use std::fmt::Write;

/// The servers, and which rooms each has.
pub(super) const SERVERS: &str = "chat:servers";

pub(super) fn wake(server: &str) -> String {
    format!("chat:wake:{server}")
}

/// The keys of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(room: &str) -> Self {
        let mut prefix = String::from("chat:{");
        for byte in room.bytes() {
            write!(prefix, "{byte:02x}").ok();
        }
        prefix.push('}');
        Self { prefix }
    }

    pub(super) fn log(&self) -> String {
        format!("{}:log", self.prefix)
    }

    pub(super) fn count(&self) -> String {
        format!("{}:count", self.prefix)
    }

    pub(super) fn said(&self, key: &str) -> String {
        format!("{}:said:{key}", self.prefix)
    }

    pub(super) fn people(&self) -> String {
        format!("{}:people", self.prefix)
    }

    pub(super) fn bell(&self) -> String {
        format!("{}:bell", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rooms_reach_no_other_keys() {
        for room in ["lobby", "}:log", "a{b}", "*", "\r\nFLUSHALL\r\n", "ü", " "] {
            let log = Keys::new(room).log();
            let name = log.strip_prefix("chat:{").and_then(|rest| rest.strip_suffix("}:log")).unwrap_or("!");
            assert!(
                name.bytes().all(|byte| byte.is_ascii_hexdigit()) && name.len() == 2 * room.len(),
                "{log}"
            );
        }
        assert_ne!(Keys::new("a"), Keys::new("A"));
    }
}
