//! Compressed messages (RFC 7692 section 7.2) through this crate and through others that have permessage-deflate.
//!
//! | file | content |
//! |---|---|
//! | `mod` | what was agreed on, what comes of bytes, and this crate |
//! | `peers` | the crates, each used as in its documentation |
//! | `messages` | valid messages, compressed by one end and read by the other |
//! | `faults` | messages whose compressed data has a fault or is unusual, and what becomes of them |
//! | `lines` | the same for the programs in `compressed/`, line by line |

pub mod faults;
pub mod lines;
pub mod messages;
#[path = "../../../opened/mod.rs"]
mod opened;
pub mod peers;

use std::fmt;

use sansocket::handshake::client::{Handshake, Request};
use sansocket::{Config, Connection, Deflate, Limits, Message, Outgoing, Role};

use crate::wire::LARGE;

/// What was agreed on, the same for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub takeover: bool,
    /// 9 to 15.
    pub window_bits: u8,
}

impl Agreed {
    /// All that compressors can do.
    pub fn all() -> impl Iterator<Item = Self> {
        [false, true]
            .into_iter()
            .flat_map(|takeover| (9..=15).map(move |window_bits| Self { takeover, window_bits }))
    }

    /// The extension in the response of a server.
    pub fn extension(self) -> String {
        let Self { takeover, window_bits } = self;
        let flags = if takeover { "" } else { "; server_no_context_takeover; client_no_context_takeover" };
        format!(
            "permessage-deflate{flags}; server_max_window_bits={window_bits}; client_max_window_bits={window_bits}"
        )
    }
}

/// What comes of bytes that an endpoint receives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub messages: Vec<Vec<u8>>,
    /// The endpoint fails the connection. The code is that of its Close frame, if it has one.
    pub fails: Option<Option<u16>>,
}

/// As in the table, and as the scripts in `compressed/` print it.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.messages.iter().map(|message| shown(message)).collect();
        match self.fails {
            Some(Some(code)) => parts.push(format!("fails, {code}")),
            Some(None) => parts.push("fails".into()),
            None if parts.is_empty() => parts.push("nothing".into()),
            None => {}
        }
        f.write_str(&parts.join(", then "))
    }
}

/// A short message itself; the length and a hash (FNV-1a) of a longer one.
fn shown(message: &[u8]) -> String {
    match std::str::from_utf8(message) {
        Ok(text) if text.len() <= 20 => format!("\"{text}\""),
        _ => {
            let hash = message
                .iter()
                .fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
            format!("{} bytes {hash:08x}", message.len())
        }
    }
}

/// This crate, in that role.
pub struct Ours(Connection);

impl Ours {
    pub fn new(role: Role, agreed: Agreed, limit: usize) -> Self {
        let Agreed { takeover, window_bits } = agreed;
        let settings = Deflate::default().min_len(0).takeover(takeover).peer_takeover(takeover);
        let limits = Limits::default().max_frame_len(LARGE as u64).max_message_len(limit as u64);
        let config = Config::default()
            .deflate(Some(settings.window_bits(window_bits).peer_window_bits(window_bits)))
            .limits(limits);
        let request = Request::new("ws://example.com/").expect("a URL");
        let opening = Handshake::new(&request, config.clone()).expect("a request");
        let (client, server) = opened::pair(opening, config);
        Self(if role == Role::Client { client } else { server })
    }

    /// What comes of `wire`, in reads that end at `cuts`.
    pub fn receive(&mut self, wire: &[u8], cuts: &[usize]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut ends = [cuts, &[0, wire.len()]].concat();
        ends.sort_unstable();
        for read in ends.windows(2) {
            self.0.receive(&wire[read[0]..read[1]]);
            loop {
                match self.0.next_message() {
                    Ok(Some(message)) => verdict.messages.push(message.as_bytes().to_vec()),
                    Ok(None) => break,
                    Err(_) => {
                        verdict.fails = Some(self.0.close_info().and_then(|info| info.sent).map(u16::from));
                        return verdict;
                    }
                }
            }
        }
        verdict
    }

    /// The frames of a message in fragments that end at `cuts`.
    pub fn send(&mut self, message: &Message, cuts: &[usize], wire: &mut Vec<u8>) {
        let data = message.as_bytes();
        let mut start = 0;
        for (at, end) in cuts.iter().chain([&data.len()]).enumerate() {
            let (part, fin) = (&data[start..*end], at == cuts.len());
            let sent = match message.as_text() {
                _ if cuts.is_empty() => self.0.send(message),
                Some(text) => self.0.send(Outgoing::text_fragment(&text[start..*end], fin)),
                None => self.0.send(Outgoing::binary_fragment(part, fin)),
            };
            sent.expect("there is room");
            wire.extend(opened::written(&mut self.0));
            start = *end;
        }
    }
}
