//! tungstenite: blocking, messages that own their data.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use sansocket::Role;
use tungstenite::protocol::{Role as TheirRole, WebSocket};
use tungstenite::{Message, accept};

use crate::library::{self, Job, Library, Sink, Work};
use crate::transport::{Transport, Written};
use crate::wire::Stream;

pub struct Tungstenite;

impl Library for Tungstenite {
    fn name(&self) -> &'static str {
        "tungstenite"
    }

    fn includes(&self) -> &'static str {
        "`WebSocket::read` from a stream that is `Read`, an owned `Message` each; `WebSocket::write` and `flush`, keys of \
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
        let written = Rc::default();
        let socket = WebSocket::from_raw_socket(Transport::writing(&written), role, None);
        Some(Box::new(Encode { socket, written, message: message.clone() }))
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept(request)))
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
    written: Rc<Written>,
    message: library::Message,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.written.keep_for(to);
        for sent in 1..=messages {
            self.socket.write(Message::Binary(self.message.data.clone())).expect("it takes everything");
            if self.message.ends_write(sent) {
                self.socket.flush().expect("it takes everything");
            }
        }
        self.written.pass_on(to);
    }
}

struct Accept(&'static [u8]);

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let written = Rc::<Written>::default();
        written.keep_for(to);
        for _ in 0..messages {
            black_box(accept(Transport::request(self.0, &written)).expect("a valid request"));
        }
        written.pass_on(to);
    }
}
