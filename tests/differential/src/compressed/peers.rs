//! The crates that have permessage-deflate.

use bytes::BytesMut;
use futures::{FutureExt, SinkExt};
use sansocket::{Message, Role};

use super::{Agreed, Verdict};
use crate::stream::Stream;
use crate::wire::{Arrived, LARGE};

/// A crate, used as in its documentation.
pub trait Peer: Sync {
    /// Its name on crates.io.
    fn name(&self) -> &'static str;

    /// What comes of `wire`, with messages of at most `limit` bytes.
    fn receive(&self, role: Role, agreed: Agreed, limit: usize, wire: &[u8]) -> Verdict;

    /// Whether it can send a message behind others.
    fn sends(&self, _message: &Message) -> bool {
        true
    }

    /// The frames of these messages, compressed.
    fn send(&self, role: Role, agreed: Agreed, messages: &[Message]) -> Vec<u8>;
}

/// In the order of the columns.
pub static ALL: [&dyn Peer; 2] = [&SockudoWs, &Yawc];

pub struct SockudoWs;

impl SockudoWs {
    fn protocol(role: Role, agreed: Agreed, limit: usize) -> sockudo_ws::protocol::CompressedProtocol {
        use sockudo_ws::deflate::DeflateWindowBits as Bits;
        use sockudo_ws::protocol::CompressedProtocol;

        let bits = match agreed.window_bits {
            9 => Bits::Bits9,
            10 => Bits::Bits10,
            11 => Bits::Bits11,
            12 => Bits::Bits12,
            13 => Bits::Bits13,
            14 => Bits::Bits14,
            _ => Bits::Bits15,
        };
        let config = sockudo_ws::DeflateConfig {
            server_max_window_bits: bits,
            client_max_window_bits: bits,
            server_no_context_takeover: !agreed.takeover,
            client_no_context_takeover: !agreed.takeover,
            compression_threshold: 0,
            ..sockudo_ws::DeflateConfig::default()
        };
        match role {
            Role::Client => CompressedProtocol::client(LARGE, limit, config),
            Role::Server => CompressedProtocol::server(LARGE, limit, config),
        }
    }
}

impl Peer for SockudoWs {
    fn name(&self) -> &'static str {
        "sockudo-ws"
    }

    fn receive(&self, role: Role, agreed: Agreed, limit: usize, wire: &[u8]) -> Verdict {
        let mut messages = Vec::new();
        let mut protocol = Self::protocol(role, agreed, limit);
        let result = protocol.process_into(&mut BytesMut::from(wire), &mut messages);
        let data = messages.into_iter().filter(|message| message.is_text() || message.is_binary());
        let messages = data.map(|message| message.into_bytes().to_vec()).collect();
        // Its protocol writes no Close frame after an error.
        Verdict { messages, fails: result.err().map(|_| None) }
    }

    fn send(&self, role: Role, agreed: Agreed, messages: &[Message]) -> Vec<u8> {
        use sockudo_ws::protocol::Message as Theirs;

        let mut protocol = Self::protocol(role, agreed, LARGE);
        let mut wire = BytesMut::new();
        for message in messages {
            let message = match message {
                Message::Text(text) => Theirs::text(text.to_string()),
                Message::Binary(data) => Theirs::binary(data.clone()),
            };
            protocol.encode_message(&message, &mut wire).expect("it takes everything");
        }
        wire.to_vec()
    }
}

pub struct Yawc;

impl Yawc {
    fn socket(role: Role, agreed: Agreed, limit: usize, stream: Stream) -> yawc::WebSocket<Stream> {
        let role = match role {
            Role::Client => yawc::Role::Client,
            Role::Server => yawc::Role::Server,
        };
        let options = yawc::Options::default().with_balanced_compression().with_limits(limit, 2 * limit);
        let extension = agreed.extension();
        yawc::WebSocket::from_stream_with_extensions(stream, role, Some(&extension), options.with_utf8())
            .expect("it has compression")
    }
}

impl Peer for Yawc {
    fn name(&self) -> &'static str {
        "yawc"
    }

    /// With takeover it does not return from an empty message: it waits until a second flush in a row gives bytes.
    fn sends(&self, message: &Message) -> bool {
        !message.as_bytes().is_empty()
    }

    fn receive(&self, role: Role, agreed: Agreed, limit: usize, wire: &[u8]) -> Verdict {
        use yawc::frame::OpCode;

        let stream = Stream::new(wire, &[]);
        let mut socket = Self::socket(role, agreed, limit, stream.clone());
        let mut verdict = Verdict::default();
        loop {
            match socket.next_frame().now_or_never().expect("the stream is ready") {
                Ok(frame) if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) => {
                    verdict.messages.push(frame.payload().to_vec());
                }
                Ok(_) => {}
                // So the end of the stream is reported, too.
                Err(yawc::WebSocketError::ConnectionClosed) => return verdict,
                Err(_) => {
                    // Writes its Close frame.
                    _ = socket.next_frame().now_or_never();
                    let written = Arrived::all(&stream.written());
                    let close = written.iter().find(|frame| frame.opcode == 8);
                    let code = close.and_then(|frame| frame.payload.first_chunk());
                    verdict.fails = Some(code.map(|code| u16::from_be_bytes(*code)));
                    return verdict;
                }
            }
        }
    }

    fn send(&self, role: Role, agreed: Agreed, messages: &[Message]) -> Vec<u8> {
        use yawc::frame::Frame;

        let stream = Stream::default();
        let mut socket = Self::socket(role, agreed, LARGE, stream.clone());
        for message in messages {
            let frame = match message {
                Message::Text(text) => Frame::text(text.to_string()),
                Message::Binary(data) => Frame::binary(data.clone()),
            };
            socket.send(frame).now_or_never().expect("the stream is ready").expect("it takes everything");
        }
        stream.written()
    }
}
