//! The libraries that are compared. To add a library, add a file and a line here.

mod fastwebsockets;
mod limit;
mod miniz_oxide;
mod sansocket;
mod sockudo_ws;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod websocket_sans_io;
mod yawc;
mod zlib_rs;

use crate::library::Library;

/// This crate, whose numbers are compared with all others.
pub const OURS: &str = "sansocket";

/// The least possible work, without a library.
pub const LIMIT: &str = "limit";

/// Compression alone, without WebSocket.
pub const CODEC: &str = "zlib-rs";

pub fn all() -> Vec<Box<dyn Library>> {
    vec![
        Box::new(sansocket::Sansocket),
        Box::new(limit::Limit),
        Box::new(tungstenite::Tungstenite),
        Box::new(fastwebsockets::Fastwebsockets),
        Box::new(tokio_websockets::TokioWebsockets),
        Box::new(soketto::Soketto),
        Box::new(yawc::Yawc),
        Box::new(sockudo_ws::SockudoWs),
        Box::new(websocket_sans_io::WebsocketSansIo),
        Box::new(zlib_rs::ZlibRs),
        Box::new(miniz_oxide::MinizOxide),
    ]
}
