//! This crate.

use std::sync::Arc;

use sansocket::frame::{MaskKey, apply_mask};
use sansocket::handshake::server;
use sansocket::{Buffer, Config, Connection, Event, Message};

use crate::library::{self, Job, Library, Mask, Masking, Sink, Work};
use crate::transport::Transport;
use crate::wire::Stream;

pub struct Sansocket;

impl Library for Sansocket {
    fn name(&self) -> &'static str {
        super::OURS
    }

    fn includes(&self) -> &'static str {
        "`Buffer::read_from` and `Connection::next_event`, all checks, messages lent; `Connection::send` and \
         `Output::chunks`, keys of ChaCha12; `server::Handshake`"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        let connection = Connection::server(Config::default());
        Some(Box::new(Decode { connection, input: Buffer::new(), socket: Transport::reading(stream) }))
    }

    fn encode(&self, message: &library::Message) -> Option<Box<dyn Job>> {
        let connection = Connection::new(message.role, Config::default());
        Some(Box::new(Encode { connection, message: Message::Binary(message.data.clone()) }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, |payload, key| apply_mask(payload, MaskKey(key), 0))
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept { config: Arc::default(), input: Buffer::new(), request }))
    }
}

struct Decode {
    connection: Connection,
    input: Buffer,
    socket: Transport,
}

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            match self.connection.next_event(&mut self.input).expect("the stream is valid") {
                Some(Event::Binary(data)) => {
                    to.take(data);
                    left -= 1;
                }
                Some(Event::Text(text)) => {
                    to.take(text.as_bytes());
                    left -= 1;
                }
                Some(_) => {}
                None => {
                    self.connection.output().write_all_to(&mut self.socket).expect("it takes everything");
                    self.input.read_from(&mut self.socket).expect("it never ends");
                }
            }
        }
    }
}

struct Encode {
    connection: Connection,
    message: Message,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            self.connection.send(&self.message).expect("there is room");
            let output = self.connection.output();
            output.chunks().for_each(|chunk| to.take(chunk));
            output.advance(output.len());
        }
    }
}

struct Accept {
    config: Arc<Config>,
    input: Buffer,
    request: &'static [u8],
}

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let mut handshake = server::Handshake::new(Arc::clone(&self.config));
            self.input.read_from(&mut &self.request[..]).expect("a slice has no errors");
            let incoming = handshake.receive(&mut self.input).expect("a valid request");
            let Some(server::Incoming::Upgrade(request)) = incoming else {
                panic!("a request for WebSocket")
            };
            let response = handshake.respond(request.accept()).expect("a valid response");
            let mut connection = response.expect("a connection");
            connection.output().chunks().for_each(|chunk| to.take(chunk));
        }
    }
}
