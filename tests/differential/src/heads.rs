//! The heads of opening handshakes, with a few changes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use sansocket::Role;
use sansocket::handshake::accept_key;

use crate::stream::ACCEPT;
use crate::table::heads::{Row, rows};

/// The head of a request or a response, line by line.
#[derive(Clone, Debug)]
pub struct Head {
    pub first: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The line ending.
    pub newline: &'static str,
    /// The bytes before the head, and those behind it.
    pub before: Vec<u8>,
    pub after: Vec<u8>,
    /// Whether the client offered the subprotocol `chat`.
    pub offers: bool,
}

impl Head {
    /// A valid head, sent to an endpoint of that role.
    pub fn to(role: Role) -> Self {
        let (first, own): (_, [(&str, &str); 3]) = match role {
            Role::Server => (
                "GET /chat?room=1 HTTP/1.1",
                [
                    ("Host", "example.com"),
                    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                    ("Sec-WebSocket-Version", "13"),
                ],
            ),
            Role::Client => (
                "HTTP/1.1 101 Switching Protocols",
                [
                    ("Sec-WebSocket-Accept", ACCEPT),
                    ("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
                    ("Server", "x"),
                ],
            ),
        };
        let mut head = Self {
            first: first.into(),
            headers: Vec::new(),
            newline: "\r\n",
            before: Vec::new(),
            after: Vec::new(),
            offers: false,
        };
        head.add("Upgrade", "websocket");
        head.add("Connection", "Upgrade");
        own.into_iter().for_each(|(name, value)| head.add(name, value));
        head
    }

    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.headers.push((name.into(), value.as_ref().into()));
    }

    pub fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| known != name.as_bytes());
    }

    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.remove(name);
        self.add(name, value);
    }

    /// Repeats a header.
    pub fn repeat(&mut self, name: &str) {
        let header = self.headers.iter().find(|(known, _)| known == name.as_bytes());
        self.headers.extend(header.cloned());
    }

    pub fn bytes(&self) -> Vec<u8> {
        let newline = self.newline.as_bytes();
        let mut bytes = [&self.before, &self.first, newline].concat();
        for (name, value) in &self.headers {
            bytes.extend([name, &b": "[..], value, newline].concat());
        }
        [&bytes, newline, &self.after].concat()
    }

    /// Whether the response of a server opens the connection that this request asks for.
    pub fn is_accepted(&self, written: &[u8]) -> bool {
        let keys = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"Sec-WebSocket-Key"));
        let accepts = keys.map(|(_, key)| accept_key(key));
        let holds = |part: &[u8]| written.windows(part.len()).any(|window| window == part);
        written.starts_with(b"HTTP/1.1 101 ") && accepts.into_iter().any(|accept| holds(&accept))
    }
}

/// A head with changes, and where its reads end.
#[derive(Clone, Debug)]
pub struct HeadCase {
    pub role: Role,
    pub head: Head,
    pub changes: Vec<&'static Row>,
    pub cuts: Vec<usize>,
}

impl HeadCase {
    pub fn new(role: Role, changes: Vec<&'static Row>) -> Self {
        let mut head = Head::to(role);
        changes.iter().for_each(|row| (row.change)(&mut head));
        Self { role, head, changes, cuts: Vec::new() }
    }
}

/// Heads with up to three independent changes. The headers have any order and case.
pub fn heads(role: Role) -> impl Strategy<Value = HeadCase> {
    let all: Vec<_> = rows(role).collect();
    let changes = subsequence(all, 0..=3).prop_map(|mut rows| {
        let mut seen = BTreeSet::new();
        rows.retain(|row| seen.insert(row.of));
        rows
    });
    let cuts = prop::collection::vec(any::<Index>(), 0..5);
    (changes, any::<[u8; 8]>(), cuts).prop_map(move |(changes, noise, cuts)| {
        let mut case = HeadCase::new(role, changes);
        for (i, (name, _)) in case.head.headers.iter_mut().enumerate() {
            match noise[i % 4] % 4 {
                0 => name.make_ascii_lowercase(),
                1 => name.make_ascii_uppercase(),
                _ => {}
            }
        }
        // Headers of one name keep their order.
        case.head.headers.sort_by_key(|(name, _)| noise[4 + name.len() % 4]);
        // Bytes behind a head arrive with it. Otherwise only some libraries would see them.
        if case.head.after.is_empty() {
            let len = case.head.bytes().len();
            case.cuts = cuts.iter().map(|cut| cut.index(len + 1)).collect();
        }
        case
    })
}
