//! tungstenite: blocking, messages that own their data.

use std::sync::Arc;

use sansocket::{Bytes, Role};
use tungstenite::protocol::{Role as TheirRole, WebSocket};
use tungstenite::{Message, accept};

use crate::library::{self, Job, Library, Sink, Work};
use crate::transport::Transport;
use crate::wire::{REQUEST, Stream};

pub struct Tungstenite;

impl Library for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn includes(&self) -> &'static str {
        "`WebSocket::read` from a stream that is `Read`, an owned `Message` each; `WebSocket::send`, keys of \
         rand's ChaCha12; `accept`"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        let stream = Transport::reading(stream);
        Some(Box::new(Decode(WebSocket::from_raw_socket(stream, TheirRole::Server, None))))
    }

    fn encode(&self, message: &library::Message) -> Option<Box<dyn Job>> {
        let role = match message.role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        let socket = WebSocket::from_raw_socket(Transport::writing(), role, None);
        Some(Box::new(Encode { socket, data: message.data.clone() }))
    }

    fn accept(&self, _: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept))
    }
}

struct Decode(WebSocket<Transport>);

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            match self.0.read().expect("the stream is valid") {
                Message::Binary(data) => to.take(&data),
                Message::Text(text) => to.take(text.as_str().as_bytes()),
                _ => continue,
            }
            left -= 1;
        }
    }
}

struct Encode {
    socket: WebSocket<Transport>,
    data: Bytes,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.socket.get_mut().keep_for(to);
        for _ in 0..messages {
            self.socket.send(Message::Binary(self.data.clone())).expect("it takes everything");
        }
        self.socket.get_mut().pass_on(to);
    }
}

struct Accept;

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let mut stream = Transport::request(REQUEST);
            stream.keep_for(to);
            let mut socket = accept(stream).expect("a valid request");
            socket.get_mut().pass_on(to);
        }
    }
}
