//! tungstenite: blocking.

use sansocket::Role;
use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::{Role as TheirRole, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

use super::Peer;
use crate::outcome::{End, Fault, Received, Shows};
use crate::stream::Stream;

pub struct Tungstenite;

impl Peer for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn shows(&self) -> Shows {
        Shows { pings: true, pongs: true }
    }

    fn receive(&self, role: Role, limit: usize, stream: Stream) -> (Vec<Received>, End) {
        let role = match role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
        let mut socket = WebSocket::from_raw_socket(stream, role, Some(config));
        let (mut received, mut closed) = (Vec::new(), None);
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => received.push(Received::Text(text.as_str().into())),
                Ok(Message::Binary(data)) => received.push(Received::Binary(data.into())),
                Ok(Message::Ping(data)) => received.push(Received::Ping(data.into())),
                Ok(Message::Pong(data)) => received.push(Received::Pong(data.into())),
                Ok(Message::Close(frame)) => {
                    closed = Some(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                Ok(Message::Frame(_)) => unreachable!("it is not read"),
                Err(error) => return (received, end(error, closed)),
            }
        }
    }

    fn accept(&self, stream: Stream) {
        _ = tungstenite::accept(stream);
    }

    fn connect(&self, offers: bool, stream: Stream) -> bool {
        let mut request = "ws://example.com/".into_client_request().expect("a URL");
        if offers {
            request.headers_mut().insert("Sec-WebSocket-Protocol", "chat".parse().expect("a value"));
        }
        tungstenite::client(request, stream).is_ok()
    }
}

fn end(error: Error, closed: Option<Option<(u16, String)>>) -> End {
    match error {
        Error::ConnectionClosed => End::Closed(closed.expect("a Close frame was received")),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Lost,
        Error::Protocol(_) => End::Failed(Fault::Protocol),
        Error::Utf8(_) => End::Failed(Fault::InvalidUtf8),
        Error::Capacity(_) => End::Failed(Fault::TooBig),
        other => panic!("{other}"),
    }
}
