//! This crate.

use std::sync::Arc;

use sansocket::frame::{MaskKey, apply_mask};
use sansocket::handshake::server;
use sansocket::{ByteString, Config, Connection, Event, Message, Role, Storage};

use crate::compressed::{Trades, connections};
use crate::library::{self, Job, Library, Mask, Masking, Sink, Work};
use crate::transport::{Into, Transport};
use crate::wire::Stream;

pub struct Sansocket;

impl Library for Sansocket {
    fn name(&self) -> &'static str {
        super::OURS
    }

    fn includes(&self) -> &'static str {
        "`Connection::read_from` and `Connection::next_event`, all checks, messages lent; `Connection::send` and \
         `Output::write_to`, keys of ChaCha12; `server::Handshake`. Compression: the same calls, framing and validation of text included"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        let connection = Connection::server(Config::default());
        Some(Box::new(Decode { connection, socket: Transport::reading(stream) }))
    }

    fn encode(&self, message: &library::Message) -> Option<Box<dyn Job>> {
        let connection = match message.role {
            Role::Client => Connection::client(Config::default()),
            Role::Server => Connection::server(Config::default()),
        };
        let binary = Message::Binary(message.data.clone());
        Some(Box::new(Encode { connection, message: message.clone(), binary }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, |payload, key| apply_mask(payload, MaskKey(key), 0))
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept { config: Arc::default(), storage: Storage::new(), request }))
    }

    fn compress(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        let (_, connection) = connections(trades.takeover);
        let texts = trades.plain.iter().map(|plain| ByteString::try_from(plain.clone()).expect("text"));
        Some(Box::new(Compress { connection, messages: texts.map(Message::Text).collect(), next: 0 }))
    }

    fn inflate(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        let (connection, _) = connections(trades.takeover);
        Some(Box::new(Decode { connection, socket: Transport::inflating(trades) }))
    }
}

struct Decode {
    connection: Connection,
    socket: Transport,
}

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            match self.connection.next_event().expect("the stream is valid") {
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
                    self.connection.read_from(&mut self.socket).expect("it never ends");
                }
            }
        }
    }
}

struct Encode {
    connection: Connection,
    message: library::Message,
    binary: Message,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for sent in 1..=messages {
            self.connection.send(&self.binary).expect("there is room");
            if self.message.ends_write(sent) {
                self.connection.output().write_to(&mut Into(to)).expect("it takes everything");
            }
        }
    }
}

struct Accept {
    config: Arc<Config>,
    storage: Storage,
    request: &'static [u8],
}

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let mut handshake = server::Handshake::new(Arc::clone(&self.config));
            handshake.reuse(&mut self.storage);
            handshake.read_from(&mut &self.request[..]).expect("a slice has no errors");
            let exchange = handshake.next_request().expect("a valid request").expect("a whole request");
            let server::Incoming::Upgrade(request) = exchange.incoming() else {
                panic!("a request for WebSocket")
            };
            let response = request.accept();
            let Ok(server::Answer::Open(mut connection)) = exchange.respond(response) else {
                panic!("a connection")
            };
            connection.output().chunks().for_each(|chunk| to.take(chunk));
            let waiting = connection.buffered_amount();
            connection.output().advance(waiting);
            connection.reclaim(&mut self.storage);
        }
    }
}

struct Compress {
    connection: Connection,
    messages: Vec<Message>,
    next: usize,
}

impl Work for Compress {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            self.connection.send(&self.messages[self.next]).expect("there is room");
            let output = self.connection.output();
            output.chunks().for_each(|chunk| to.take(chunk));
            output.advance(output.len());
            self.next = (self.next + 1) % self.messages.len();
        }
    }
}
