//! tokio-websockets: tokio streams, messages that own their data.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream as _;
use futures_sink::Sink as _;
use sansocket::{Bytes, Role};
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder, WebSocketStream};

use crate::library::{self, Job, Library, Sink, Work};
use crate::transport::{Transport, now};
use crate::wire::{REQUEST, Stream};

pub struct TokioWebsockets;

impl Library for TokioWebsockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn includes(&self) -> &'static str {
        "`Stream::poll_next` over an `AsyncRead`, an owned `Message` each; `Sink::start_send` and `poll_flush`, \
         keys of fastrand (predictable); `ServerBuilder::accept`"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decode(ServerBuilder::new().serve(Transport::reading(stream)))))
    }

    fn encode(&self, message: &library::Message) -> Option<Box<dyn Job>> {
        // One frame a message, as everybody else sends it.
        let config = Config::default().frame_size(usize::MAX);
        let socket = match message.role {
            Role::Server => ServerBuilder::new().config(config).serve(Transport::writing()),
            Role::Client => ClientBuilder::new().config(config).take_over(Transport::writing()),
        };
        Some(Box::new(Encode { socket, data: message.data.clone() }))
    }

    fn accept(&self, _: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept(ServerBuilder::new())))
    }
}

struct Decode(WebSocketStream<Transport>);

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let context = &mut Context::from_waker(Waker::noop());
        let mut left = messages;
        while left > 0 {
            let Poll::Ready(Some(message)) = Pin::new(&mut self.0).poll_next(context) else {
                panic!("the stream is always ready and never ends");
            };
            let message = message.expect("the stream is valid");
            if message.is_binary() || message.is_text() {
                to.take(message.as_payload());
                left -= 1;
            }
        }
    }
}

struct Encode {
    socket: WebSocketStream<Transport>,
    data: Bytes,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.socket.get_mut().keep_for(to);
        let context = &mut Context::from_waker(Waker::noop());
        for _ in 0..messages {
            let message = Message::binary(self.data.clone());
            let mut socket = Pin::new(&mut self.socket);
            socket.as_mut().start_send(message).expect("it takes everything");
            assert!(socket.poll_flush(context).is_ready());
        }
        self.socket.get_mut().pass_on(to);
    }
}

struct Accept(ServerBuilder);

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let mut stream = Transport::request(REQUEST);
            stream.keep_for(to);
            let (_, mut socket) = now(self.0.accept(stream)).expect("a valid request");
            socket.get_mut().pass_on(to);
        }
    }
}
