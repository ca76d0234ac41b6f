//! The IDs of connections.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// The ID of one connection. IDs are unique and in the order in which connections were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    number: u64,
    /// Makes the ID hard to guess.
    random: u64,
}

impl Id {
    /// The ID of the connection that was opened as `number`.
    pub fn new(number: u64) -> Self {
        // The standard library's hash is keyed by the operating system's randomness.
        Self { number, random: RandomState::new().hash_one(number) }
    }

    /// The name of a user who has not chosen one.
    pub fn guest_name(self) -> String {
        format!("guest-{:04x}", self.random & 0xffff)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.number, self.random)
    }
}
