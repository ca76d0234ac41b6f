//! The IDs of connections.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// The ID of one connection. No two connections have the same; the order is that in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    number: u64,
    /// Makes it hard to guess.
    random: u64,
}

impl Id {
    /// The ID of connection `number`. Connections are counted in the order in which they were opened.
    pub fn new(number: u64) -> Self {
        // The standard library's hash is keyed by the operating system's randomness.
        Self { number, random: RandomState::new().hash_one(number) }
    }

    /// The name of a user who has given none.
    pub fn guest_name(self) -> String {
        format!("guest-{:04x}", self.random & 0xffff)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.number, self.random)
    }
}
