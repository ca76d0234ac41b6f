//! sockudo-ws: its protocol without its streams, which need the timers of tokio.

use std::hint::black_box;
use std::sync::Arc;

use bytes::BytesMut;
use sansocket::Role;
use sockudo_ws::DeflateConfig;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::protocol::{CompressedProtocol, Message, Protocol, Role as TheirRole};
use sockudo_ws::simd::apply_mask;

use crate::compressed::{LEVEL, Trades};
use crate::library::{self, Job, Library, Mask, Masking, Sink, Work};
use crate::transport::Transport;
use crate::wire::Stream;

pub struct SockudoWs;

const MAX_LEN: usize = 16 << 20;

/// The length of a read in bytes. The 64 KiB of its own benchmark are slower.
const READ_LEN: usize = 20 << 10;

impl Library for SockudoWs {
    fn name(&self) -> &'static str {
        "sockudo-ws"
    }

    fn includes(&self) -> &'static str {
        "`Protocol::process_into` over reads of 20 KiB into a `BytesMut`, an owned `Message` each; \
         `Protocol::encode_message`, keys of fastrand (predictable); `parse_request`, `generate_accept_key` and \
         `build_response`. Compression: `CompressedProtocol`, the same calls, over zlib-rs"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decode {
            socket: Transport::reading(stream),
            protocol: Protocol::new(TheirRole::Server, MAX_LEN, MAX_LEN),
            input: BytesMut::new(),
            output: BytesMut::new(),
            arrived: Vec::new(),
            next: 0,
        }))
    }

    fn encode(&self, message: &library::Message) -> Option<Box<dyn Job>> {
        let role = match message.role {
            Role::Server => TheirRole::Server,
            Role::Client => TheirRole::Client,
        };
        Some(Box::new(Encode {
            protocol: Protocol::new(role, MAX_LEN, MAX_LEN),
            binary: Message::Binary(message.data.clone()),
            message: message.clone(),
            output: BytesMut::new(),
        }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, apply_mask)
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept { input: BytesMut::new(), request }))
    }

    fn compress(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        Some(Box::new(Compress {
            protocol: CompressedProtocol::server(MAX_LEN, MAX_LEN, config(trades)),
            messages: trades.plain.iter().map(|plain| Message::Text(plain.clone())).collect(),
            next: 0,
            output: BytesMut::new(),
        }))
    }

    fn inflate(&self, trades: &Arc<Trades>) -> Option<Box<dyn Job>> {
        Some(Box::new(Inflate {
            socket: Transport::inflating(trades),
            protocol: CompressedProtocol::client(MAX_LEN, MAX_LEN, config(trades)),
            input: BytesMut::new(),
            arrived: Vec::new(),
            next: 0,
        }))
    }
}

/// Windows of 15 bits are its default. flate2 sets the memory level: 8.
fn config(trades: &Trades) -> DeflateConfig {
    DeflateConfig {
        server_no_context_takeover: !trades.takeover,
        client_no_context_takeover: !trades.takeover,
        compression_level: LEVEL.into(),
        compression_threshold: 0,
        ..DeflateConfig::default()
    }
}

struct Compress {
    protocol: CompressedProtocol,
    messages: Vec<Message>,
    next: usize,
    output: BytesMut,
}

impl Work for Compress {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let message = &self.messages[self.next];
            self.protocol.encode_message(message, &mut self.output).expect("it takes everything");
            to.take(&self.output);
            self.output.clear();
            self.next = (self.next + 1) % self.messages.len();
        }
    }
}

struct Inflate {
    socket: Transport,
    protocol: CompressedProtocol,
    input: BytesMut,
    /// The messages of the last read, and the next one of them.
    arrived: Vec<Message>,
    next: usize,
}

impl Work for Inflate {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            if let Some(Message::Text(data)) = self.arrived.get(self.next) {
                to.take(data);
                self.next += 1;
                left -= 1;
                continue;
            }
            self.arrived.clear();
            self.next = 0;
            self.input.reserve(READ_LEN);
            self.socket.read_buf(&mut self.input);
            self.protocol.process_into(&mut self.input, &mut self.arrived).expect("the stream is valid");
        }
    }
}

struct Decode {
    socket: Transport,
    protocol: Protocol,
    input: BytesMut,
    output: BytesMut,
    /// The bytes of the last read, and the next message in them.
    arrived: Vec<Message>,
    next: usize,
}

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            match self.arrived.get(self.next) {
                Some(Message::Binary(data) | Message::Text(data)) => {
                    to.take(data);
                    left -= 1;
                }
                Some(Message::Ping(data)) => self.protocol.encode_pong(data, &mut self.output),
                Some(_) => {}
                None => {
                    black_box(&self.output[..]);
                    self.output.clear();
                    self.arrived.clear();
                    self.input.reserve(READ_LEN);
                    self.socket.read_buf(&mut self.input);
                    let processed = self.protocol.process_into(&mut self.input, &mut self.arrived);
                    processed.expect("the stream is valid");
                    self.next = 0;
                    continue;
                }
            }
            self.next += 1;
        }
    }
}

struct Encode {
    protocol: Protocol,
    message: library::Message,
    binary: Message,
    output: BytesMut,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for sent in 1..=messages {
            self.protocol.encode_message(&self.binary, &mut self.output).expect("it takes everything");
            if self.message.ends_write(sent) {
                to.take(&self.output);
                self.output.clear();
            }
        }
    }
}

struct Accept {
    input: BytesMut,
    request: &'static [u8],
}

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            self.input.clear();
            self.input.extend_from_slice(self.request);
            let (request, _) = parse_request(&self.input).expect("a valid request").expect("a whole request");
            to.take(&build_response(&generate_accept_key(request.key), None, None));
        }
    }
}
