//! The name of a connection.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Names one connection, among all there ever were. In the order in which they were opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    number: u64,
    /// Makes it hard to guess.
    random: u64,
}

impl Id {
    /// The ID of the connection with that number, in the order in which they were opened.
    pub fn new(number: u64) -> Self {
        // The standard library's hash is keyed by the operating system's randomness.
        Self { number, random: RandomState::new().hash_one(number) }
    }

    /// What somebody is called who has given no name.
    pub fn guest_name(self) -> String {
        format!("guest-{:04x}", self.random & 0xffff)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.number, self.random)
    }
}
