//! fastwebsockets: tokio streams, frames.

use std::rc::Rc;
use std::sync::Arc;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role as TheirRole, WebSocket, unmask};
use sansocket::{Bytes, Role};

use crate::library::{Job, Library, Mask, Masking, Message, Sink, Work};
use crate::transport::{Transport, Written, now};
use crate::wire::Stream;

pub struct Fastwebsockets;

impl Library for Fastwebsockets {
    fn name(&self) -> &'static str {
        "fastwebsockets"
    }

    fn includes(&self) -> &'static str {
        "`FragmentCollector::read_frame` from an `AsyncRead`, an owned `Frame` each; `WebSocket::write_frame` of \
         borrowed data, a copy of it for a client, keys of rand's ChaCha12. It writes each frame at once. Its handshake needs hyper"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        let socket = WebSocket::after_handshake(Transport::reading(stream), TheirRole::Server);
        Some(Box::new(Decode(FragmentCollector::new(socket))))
    }

    fn encode(&self, message: &Message) -> Option<Box<dyn Job>> {
        if message.a_write > 1 {
            return None;
        }
        let role = match message.role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        let written = Rc::default();
        let socket = WebSocket::after_handshake(Transport::writing(&written), role);
        Some(Box::new(Encode { socket, written, data: message.data.clone() }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, unmask)
    }
}

struct Decode(FragmentCollector<Transport>);

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        now(async {
            let mut left = messages;
            while left > 0 {
                let frame = self.0.read_frame().await.expect("the stream is valid");
                if matches!(frame.opcode, OpCode::Binary | OpCode::Text) {
                    to.take(&frame.payload);
                    left -= 1;
                }
            }
        });
    }
}

struct Encode {
    socket: WebSocket<Transport>,
    written: Rc<Written>,
    data: Bytes,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.written.keep_for(to);
        now(async {
            for _ in 0..messages {
                let frame = Frame::binary(Payload::Borrowed(&self.data));
                self.socket.write_frame(frame).await.expect("it takes everything");
            }
        });
        self.written.pass_on(to);
    }
}
