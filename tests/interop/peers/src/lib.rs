//! The scenario protocol of `../README.md`, for the peers written in Rust.

pub mod ours;
pub mod tls;

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::net::TcpListener;

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub const PING: &str = "interop";
pub const SUBPROTOCOL: &str = "echo";
pub const CLOSE_CODE: u16 = 4001;
pub const CLOSE_REASON: &str = "bis später";

/// A message: text or binary, and its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Data {
    pub is_text: bool,
    pub bytes: Vec<u8>,
}

impl Data {
    /// The message for `text LEN` or `binary LEN`.
    pub fn parse(words: &str) -> Result<Self> {
        let (kind, len) = words.split_once(' ').ok_or("KIND LEN expected")?;
        let (is_text, len) = (kind == "text", len.parse()?);
        let bytes = if is_text {
            let mut text = "aé世🌍".repeat(len / 10);
            text.extend(std::iter::repeat_n('x', len % 10));
            text.into_bytes()
        } else {
            (0..=250).cycle().take(len).collect()
        };
        Ok(Self { is_text, bytes })
    }

    /// For what carries text only.
    pub fn text(&self) -> Result<&str> {
        if self.is_text { Ok(std::str::from_utf8(&self.bytes)?) } else { Err("n/a".into()) }
    }

    /// Three parts of about the same length. Parts of a text may end inside a character.
    pub fn thirds(&self) -> [(&[u8], bool); 3] {
        let third = self.bytes.len() / 3;
        let (first, rest) = self.bytes.split_at(third);
        let (second, last) = rest.split_at(third);
        [(first, false), (second, false), (last, true)]
    }

    /// Fails unless it is the expected message.
    pub fn expect(&self, expected: &Self) -> Result<()> {
        if self == expected {
            return Ok(());
        }
        let name = |data: &Self| {
            let kind = if data.is_text { "text" } else { "binary" };
            format!("{kind} of {} bytes", data.bytes.len())
        };
        Err(format!("{}, not the {} that was sent", name(self), name(expected)).into())
    }
}

/// The first of the client's offers that the server knows.
pub fn choose<'a>(offers: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    offers.into_iter().map(str::trim).find(|name| *name == SUBPROTOCOL)
}

/// Runs as `client`, which answers each line with a line, or as `server`.
pub fn run(
    mut client: impl FnMut(&str, &str, &str) -> Result<String>,
    server: impl FnOnce(TcpListener) -> Result<()>,
) -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => {
            for line in io::stdin().lock().lines() {
                let line = line?;
                let mut words = line.splitn(3, ' ');
                let mut word = || words.next().unwrap_or_default();
                let answer = match client(word(), word(), word()) {
                    Ok(detail) => format!("ok {detail}"),
                    Err(error) => format!("failed {error}").replace('\n', " "),
                };
                say(answer.trim_end());
            }
            Ok(())
        }
        Some("server") => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let scheme = if tls::directory().is_some() { "wss" } else { "ws" };
            say(&format!("listening: {scheme}://{}/", listener.local_addr()?));
            server(listener)
        }
        _ => Err("usage: PEER client | PEER server".into()),
    }
}

/// Prints how a connection of a server ended. 1006 means "without a Close frame".
pub fn ended(code: u16, reason: &str) {
    say(&format!("ended: code {code}, reason {reason:?}"));
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
}
