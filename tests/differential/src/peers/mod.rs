//! The libraries that this crate is compared with. To add one, add a file and a line here. `cargo run --release -- survey`
//! then shows the differences that the table does not contain.

mod fastwebsockets;
mod soketto;
mod tokio_websockets;
mod tungstenite;

use sansocket::Role;

use crate::outcome::{End, Received, Shows};
use crate::stream::Stream;

/// A library, used as in its documentation.
pub trait Peer: Sync {
    /// Its name on crates.io.
    fn name(&self) -> &'static str;

    fn shows(&self) -> Shows;

    /// Receives until the end of the connection. `limit` is the longest frame and the longest message, in bytes. The
    /// answers go to the stream.
    fn receive(&self, role: Role, limit: usize, stream: Stream) -> (Vec<Received>, End);

    /// Answers one request for a WebSocket connection. The response shows whether it accepts.
    fn accept(&self, stream: Stream);

    /// Asks for a WebSocket connection to `ws://example.com/`, with the subprotocol `chat` if it `offers` one. Returns
    /// whether the connection opened.
    fn connect(&self, offers: bool, stream: Stream) -> bool;
}

pub static ALL: [&dyn Peer; 4] = [
    &tungstenite::Tungstenite,
    &fastwebsockets::Fastwebsockets,
    &tokio_websockets::TokioWebsockets,
    &soketto::Soketto,
];
