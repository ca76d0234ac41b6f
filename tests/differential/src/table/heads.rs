//! Section 4: changes of a head that libraries treat differently.

mod request_http;
mod request_websocket;
mod response_http;
mod response_websocket;

use sansocket::Role;

use super::Right;
use crate::heads::Head;

/// A change to a valid head.
pub struct Row {
    /// The changed head, in words.
    pub with: &'static str,
    /// The part that is changed. Two changes of one part are not combined.
    pub of: &'static str,
    pub change: fn(&mut Head),
    /// The result of this crate, and the peers with another one.
    pub ours: Verdict,
    pub otherwise: &'static [&'static str],
    /// Whom the RFC supports.
    pub right: Right,
    pub clause: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Opens,
    Refuses,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.with)
    }
}

/// A change that all peers treat as this crate does.
const fn agreed(with: &'static str, of: &'static str, ours: Verdict, change: fn(&mut Head)) -> Row {
    Row { with, of, change, ours, otherwise: &[], right: Right::Either, clause: "" }
}

impl Row {
    const fn but(mut self, otherwise: &'static [&'static str], right: Right, clause: &'static str) -> Self {
        self.otherwise = otherwise;
        self.right = right;
        self.clause = clause;
        self
    }

    /// The result of that peer.
    pub fn theirs(&self, peer: &str) -> Verdict {
        match (self.ours, self.otherwise.contains(&peer)) {
            (Verdict::Opens, true) | (Verdict::Refuses, false) => Verdict::Refuses,
            _ => Verdict::Opens,
        }
    }
}

/// The changes to a head that is sent to an endpoint of that role.
pub fn rows(to: Role) -> impl Iterator<Item = &'static Row> {
    let [http, websocket] = match to {
        Role::Server => [request_http::ROWS, request_websocket::ROWS],
        Role::Client => [response_http::ROWS, response_websocket::ROWS],
    };
    websocket.iter().chain(http)
}

fn many(head: &mut Head, count: usize) {
    while head.headers.len() < count {
        head.add("A", "b");
    }
}
