//! Whoever is compared with us. To add a peer, add a file and a line here; `cargo run --release -- survey` then shows
//! what the table does not know of it yet.

mod fastwebsockets;
mod soketto;
mod tokio_websockets;
mod tungstenite;

use sansocket::Role;

use crate::outcome::{End, Received, Shows};
use crate::stream::Stream;

/// A library, driven as its documentation does it.
pub trait Peer: Sync {
    /// Its name on crates.io.
    fn name(&self) -> &'static str;

    fn shows(&self) -> Shows;

    /// Receives until the end of the connection, with `limit` as the longest frame and the longest message. What it
    /// answers goes to the stream.
    fn receive(&self, role: Role, limit: usize, stream: Stream) -> (Vec<Received>, End);

    /// Answers one request for a WebSocket connection. What it thinks of it is what it writes.
    fn accept(&self, stream: Stream);

    /// Asks for a WebSocket connection to `ws://example.com/`, with the subprotocol `chat` if it `offers` one. Whether
    /// there is one then.
    fn connect(&self, offers: bool, stream: Stream) -> bool;
}

pub static ALL: [&dyn Peer; 4] = [
    &tungstenite::Tungstenite,
    &fastwebsockets::Fastwebsockets,
    &tokio_websockets::TokioWebsockets,
    &soketto::Soketto,
];
