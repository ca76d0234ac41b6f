//! yawc: tokio streams, messages as frames that own their data.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use futures_sink::Sink as _;
use sansocket::Role;
use yawc::frame::{Frame, OpCode};
use yawc::mask::apply_mask;
use yawc::{CompressionLevel, DeflateOptions, Options, Role as TheirRole, WebSocket};

use crate::compressed::{LEVEL, Trades};
use crate::library::{Job, Library, Mask, Masking, Message, Sink, Work};
use crate::transport::{Transport, Written, now};
use crate::wire::Stream;

pub struct Yawc;

impl Library for Yawc {
    fn name(&self) -> &'static str {
        "yawc"
    }

    fn includes(&self) -> &'static str {
        "`WebSocket::next_frame` from an `AsyncRead`, an owned `Frame` each, its default buffers, validation of text switched on; \
         `Sink::start_send` and `poll_flush`, keys of rand's ChaCha12. Its handshake needs hyper. \
         Compression: the same calls, over zlib-rs by flate2"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decode(socket(Transport::reading(stream), TheirRole::Server))))
    }

    fn encode(&self, message: &Message) -> Option<Box<dyn Job>> {
        let role = match message.role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        let written = Rc::default();
        let socket = socket(Transport::writing(&written), role);
        Some(Box::new(Encode { socket, written, message: message.clone() }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, apply_mask)
    }

    fn compress(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        let written = Rc::default();
        let socket = compressing(Transport::writing(&written), TheirRole::Server, trades.takeover);
        Some(Box::new(Compress { socket, written, trades: Arc::clone(trades), next: 0 }))
    }

    fn inflate(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        let socket = compressing(Transport::inflating(trades), TheirRole::Client, trades.takeover);
        Some(Box::new(Decode(socket)))
    }
}

/// A connection that has agreed on compression. flate2 sets the memory level: 8.
fn compressing(transport: Transport, role: TheirRole, takeover: bool) -> WebSocket<Transport> {
    let agreed = if takeover {
        "permessage-deflate"
    } else {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    };
    let deflate = DeflateOptions { level: CompressionLevel::new(LEVEL.into()), ..DeflateOptions::default() };
    let options = Options { compression: Some(deflate), ..Options::default().with_utf8() };
    WebSocket::from_stream_with_extensions(transport, role, Some(agreed), options).expect("valid parameters")
}

fn socket(transport: Transport, role: TheirRole) -> WebSocket<Transport> {
    // Its defaults refuse a message of 1 MiB.
    let options = Options::default().with_limits(16 << 20, 32 << 20).with_utf8();
    WebSocket::from_stream(transport, role, options).expect("no extension is asked for")
}

struct Decode(WebSocket<Transport>);

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        now(async {
            let mut left = messages;
            while left > 0 {
                let frame = self.0.next_frame().await.expect("the stream is valid");
                if matches!(frame.opcode(), OpCode::Binary | OpCode::Text) {
                    to.take(frame.payload());
                    left -= 1;
                }
            }
        });
    }
}

struct Encode {
    socket: WebSocket<Transport>,
    written: Rc<Written>,
    message: Message,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.written.keep_for(to);
        let context = &mut Context::from_waker(Waker::noop());
        for sent in 1..=messages {
            let frame = Frame::binary(self.message.data.clone());
            let mut socket = Pin::new(&mut self.socket);
            socket.as_mut().start_send(frame).expect("it takes everything");
            if self.message.ends_write(sent) {
                assert!(socket.poll_flush(context).is_ready());
            }
        }
        self.written.pass_on(to);
    }
}

struct Compress {
    socket: WebSocket<Transport>,
    written: Rc<Written>,
    trades: Arc<Trades>,
    next: usize,
}

impl Work for Compress {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.written.keep_for(to);
        let context = &mut Context::from_waker(Waker::noop());
        for _ in 0..messages {
            let mut socket = Pin::new(&mut self.socket);
            let text = Frame::text(self.trades.plain[self.next].clone());
            socket.as_mut().start_send(text).expect("it takes everything");
            assert!(socket.poll_flush(context).is_ready());
            self.next = (self.next + 1) % self.trades.plain.len();
        }
        self.written.pass_on(to);
    }
}
