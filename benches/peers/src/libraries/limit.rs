//! The least that has to be done, in safe Rust and by hand: headers, masking, validation of text, and no check beside
//! it. It closes nothing, answers nothing and keeps no rule, so it is a measure and not a library.

use std::io::Read;
use std::sync::Arc;

use sansocket::Role;

use crate::library::{Job, Library, Mask, Masking, Message, Sink, Work};
use crate::transport::Transport;
use crate::wire::Stream;

pub struct Limit;

impl Library for Limit {
    fn name(&self) -> &'static str {
        super::LIMIT
    }

    fn includes(&self) -> &'static str {
        "reads of 64 KiB, masking in place, validation of text by simdutf8; no rule is checked. Keys of a \
         multiplication (predictable). httparse, sha1, base64"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decode {
            socket: Transport::reading(stream),
            storage: vec![0; READ_LEN],
            begin: 0,
            end: 0,
            assembly: Vec::new(),
            text: false,
        }))
    }

    fn encode(&self, message: &Message) -> Option<Box<dyn Job>> {
        Some(Box::new(Encode { message: message.clone(), output: vec![0; 14 + message.data.len()], key: 1 }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, mask)
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept { request, received: vec![0; 4 << 10], output: Vec::new() }))
    }
}

const READ_LEN: usize = 64 << 10;

/// How many bytes are masked at a time.
const LANE: usize = 32;

fn lane(key: [u8; 4]) -> [u8; LANE] {
    std::array::from_fn(|at| key[at % 4])
}

fn mask(payload: &mut [u8], key: [u8; 4]) {
    let wide = lane(key);
    let mut chunks = payload.chunks_exact_mut(LANE);
    for chunk in &mut chunks {
        for (byte, key) in chunk.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(wide) {
        *byte ^= key;
    }
}

struct Decode {
    socket: Transport,
    storage: Vec<u8>,
    begin: usize,
    end: usize,
    /// The fragments so far.
    assembly: Vec<u8>,
    text: bool,
}

impl Decode {
    #[cold]
    fn read(&mut self, frame_len: usize) {
        self.storage.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        if self.storage.len() < frame_len {
            self.storage.resize(frame_len, 0);
        }
        while self.end < frame_len {
            self.end += self.socket.read(&mut self.storage[self.end..]).expect("it never ends");
        }
    }

    /// The first byte of the next frame, how long its header is, and how long it is with its payload.
    #[inline]
    fn header(&self) -> Option<(u8, usize, usize)> {
        let bytes = &self.storage[self.begin..self.end];
        let &[first, second, ..] = bytes else { return None };
        let (header_len, payload_len) = match second & 0x7F {
            126 => (8, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
            127 => (14, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
            len => (6, usize::from(len)),
        };
        Some((first, header_len, header_len + payload_len))
    }
}

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            let (first, header_len, frame_len) = match self.header() {
                Some(header) if header.2 <= self.end - self.begin => header,
                Some((.., frame_len)) => {
                    self.read(frame_len);
                    continue;
                }
                None => {
                    self.read(14);
                    continue;
                }
            };
            let frame = &mut self.storage[self.begin..self.begin + frame_len];
            self.begin += frame_len;
            let (header, payload) = frame.split_at_mut(header_len);
            let key = *header.last_chunk().expect("a header ends with the key");
            mask(payload, key);
            match first {
                0x82 => to.take(payload),
                0x81 => to.take(simdutf8::basic::from_utf8(payload).expect("valid text").as_bytes()),
                0x80 => {
                    self.assembly.extend_from_slice(payload);
                    if self.text {
                        simdutf8::basic::from_utf8(&self.assembly).expect("valid text");
                    }
                    to.take(&self.assembly);
                    self.assembly.clear();
                }
                0x00 => {
                    self.assembly.extend_from_slice(payload);
                    continue;
                }
                0x01 | 0x02 => {
                    self.text = first == 0x01;
                    self.assembly.extend_from_slice(payload);
                    continue;
                }
                _ => continue,
            }
            left -= 1;
        }
    }
}

struct Encode {
    message: Message,
    output: Vec<u8>,
    key: u32,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let data = &self.message.data[..];
        let masked = self.message.role == Role::Client;
        for _ in 0..messages {
            let (mut header_len, short_len) = match data.len() {
                len @ ..126 => (2, len as u8),
                ..0x1_0000 => (4, 126),
                _ => (10, 127),
            };
            let long_len = (data.len() as u64).to_be_bytes();
            self.output[..2].copy_from_slice(&[0x82, short_len | u8::from(masked) << 7]);
            self.output[2..header_len].copy_from_slice(&long_len[10 - header_len..]);
            if masked {
                self.key = self.key.wrapping_mul(0x915F_77F5).wrapping_add(1);
                let key = self.key.to_ne_bytes();
                self.output[header_len..header_len + 4].copy_from_slice(&key);
                header_len += 4;
                let payload = &mut self.output[header_len..header_len + data.len()];
                payload.copy_from_slice(data);
                mask(payload, key);
                to.take(&self.output[..header_len + data.len()]);
            } else if data.len() < 4 << 10 {
                self.output[header_len..header_len + data.len()].copy_from_slice(data);
                to.take(&self.output[..header_len + data.len()]);
            } else {
                to.take(&self.output[..header_len]);
                to.take(data);
            }
        }
    }
}

struct Accept {
    request: &'static [u8],
    received: Vec<u8>,
    output: Vec<u8>,
}

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        for _ in 0..messages {
            let n = (&self.request[..]).read(&mut self.received).expect("a slice has no errors");
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut request = httparse::Request::new(&mut headers);
            request.parse(&self.received[..n]).expect("a valid request");
            let mut headers = request.headers.iter();
            let key = headers.find(|header| header.name.eq_ignore_ascii_case("sec-websocket-key"));
            self.output.clear();
            self.output.extend_from_slice(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: ",
            );
            self.output.extend(sansocket::handshake::accept_key(key.expect("a key").value));
            self.output.extend_from_slice(b"\r\n\r\n");
            to.take(&self.output);
        }
    }
}
