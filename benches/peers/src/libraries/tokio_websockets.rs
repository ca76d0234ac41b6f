//! tokio-websockets: tokio streams, messages that own their data.

use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream as _;
use futures_sink::Sink as _;
use sansocket::Role;
use tokio_websockets::{ClientBuilder, Config, Message, ServerBuilder, WebSocketStream};

use crate::library::{self, Job, Library, Sink, Work};
use crate::transport::{Transport, Written, now};
use crate::wire::Stream;

pub struct TokioWebsockets;

impl Library for TokioWebsockets {
    fn name(&self) -> &'static str {
        "tokio-websockets"
    }

    fn includes(&self) -> &'static str {
        "`Stream::poll_next` over an `AsyncRead`, an owned `Message` each; `Sink::start_send` and `poll_flush`, \
         keys of fastrand (predictable); `ServerBuilder::accept` with sha1_smol"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decode(ServerBuilder::new().serve(Transport::reading(stream)))))
    }

    fn encode(&self, message: &library::Message) -> Option<Box<dyn Job>> {
        let written = Rc::default();
        // One frame per message, as all other libraries send it.
        let config = Config::default().frame_size(usize::MAX);
        let socket = match message.role {
            Role::Server => ServerBuilder::new().config(config).serve(Transport::writing(&written)),
            Role::Client => ClientBuilder::new().config(config).take_over(Transport::writing(&written)),
        };
        Some(Box::new(Encode { socket, written, message: message.clone() }))
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept { builder: ServerBuilder::new(), request }))
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
    written: Rc<Written>,
    message: library::Message,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.written.keep_for(to);
        let context = &mut Context::from_waker(Waker::noop());
        for sent in 1..=messages {
            let message = Message::binary(self.message.data.clone());
            let mut socket = Pin::new(&mut self.socket);
            socket.as_mut().start_send(message).expect("it takes everything");
            if self.message.ends_write(sent) {
                assert!(socket.poll_flush(context).is_ready());
            }
        }
        self.written.pass_on(to);
    }
}

struct Accept {
    builder: ServerBuilder,
    request: &'static [u8],
}

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let written = Rc::<Written>::default();
        written.keep_for(to);
        for _ in 0..messages {
            let stream = Transport::request(self.request, &written);
            black_box(now(self.builder.accept(stream)).expect("a valid request"));
        }
        written.pass_on(to);
    }
}
