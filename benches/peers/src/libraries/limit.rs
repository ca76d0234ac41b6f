//! The least possible work, in safe Rust and by hand: headers, masking, validation of text, and no other check. It does
//! not close, answer or keep rules, so it is a measure and not a library.

mod masking;

use std::io::Read;
use std::sync::Arc;

use sansocket::Role;
use sansocket::frame::FrameHeader;

use self::masking::{copy_masked, mask};

use crate::library::{Job, Library, Mask, Masking, Message, Sink, Work};
use crate::transport::Transport;
use crate::wire::Stream;

pub struct Limit;

impl Library for Limit {
    fn name(&self) -> &'static str {
        super::LIMIT
    }

    fn includes(&self) -> &'static str {
        "reads of 20 KiB, masking in place or into the message under way, validation of text by simdutf8; no rule is checked. Keys of a \
         multiplication (predictable). httparse, sha1, base64"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decode {
            socket: Transport::reading(stream),
            storage: vec![0; READ_LEN],
            begin: 0,
            end: 0,
            assembly: vec![0; stream.payload.len()],
            assembled: 0,
            text: false,
        }))
    }

    fn encode(&self, message: &Message) -> Option<Box<dyn Job>> {
        Some(Box::new(Encode {
            message: message.clone(),
            output: vec![0; (FrameHeader::MAX_LEN + message.data.len()) * message.a_write as usize],
            end: 0,
            key: 1,
        }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, mask)
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept { request, received: vec![0; 4 << 10], output: Vec::new() }))
    }
}

/// The length of a read in bytes. It fits into a first-level cache.
const READ_LEN: usize = 20 << 10;

/// Shorter fragments are copied and unmasked in one pass. For longer ones, `memcpy` and a second pass are faster.
const SHORT_LEN: usize = 128;

struct Decode {
    socket: Transport,
    storage: Vec<u8>,
    begin: usize,
    end: usize,
    /// The part that has arrived of a message in fragments, or of one that is too long for the storage.
    assembly: Vec<u8>,
    assembled: usize,
    text: bool,
}

struct Header {
    first: u8,
    key: [u8; 4],
    len: usize,
    payload_len: usize,
}

impl Decode {
    #[inline]
    fn header(&self) -> Option<Header> {
        let bytes = &self.storage[self.begin..self.end];
        let &[first, second, ..] = bytes else { return None };
        let (len, payload_len) = match second & 0x7F {
            126 => (8, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
            127 => (14, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
            len => (6, usize::from(len)),
        };
        Some(Header { first, key: *bytes.get(len - 4..)?.first_chunk()?, len, payload_len })
    }

    #[cold]
    fn read(&mut self) {
        self.storage.copy_within(self.begin..self.end, 0);
        (self.begin, self.end) = (0, self.end - self.begin);
        self.end += self.socket.read(&mut self.storage[self.end..]).expect("it never ends");
    }

    /// Reads the payload of a frame that does not fit into the storage directly to its final place, and unmasks it there.
    #[cold]
    fn assemble(&mut self, header: &Header) {
        let begin = self.assembled;
        let end = begin + header.payload_len;
        let here = &self.storage[self.begin + header.len..self.end];
        copy_masked(&mut self.assembly[begin..begin + here.len()], here, header.key);
        let mut at = begin + here.len();
        while at < end {
            let most = end.min(at + READ_LEN);
            let n = self.socket.read(&mut self.assembly[at..most]).expect("it never ends");
            let mut key = header.key;
            key.rotate_left((at - begin) % 4);
            mask(&mut self.assembly[at..at + n], key);
            at += n;
        }
        (self.begin, self.end, self.assembled) = (0, 0, end);
    }

    /// Gives out the assembled message.
    fn take(&mut self, to: &mut impl Sink) {
        let message = &self.assembly[..self.assembled];
        if self.text {
            simdutf8::basic::from_utf8(message).expect("valid text");
        }
        to.take(message);
        self.assembled = 0;
    }
}

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            let Some(header) = self.header() else {
                self.read();
                continue;
            };
            let whole = header.first & 0x80 > 0;
            let frame_len = header.len + header.payload_len;
            if frame_len > self.end - self.begin {
                if frame_len <= self.storage.len() {
                    self.read();
                    continue;
                }
                self.text = header.first & 0x0F == 1;
                self.assemble(&header);
                if whole {
                    self.take(to);
                    left -= 1;
                }
                continue;
            }
            let frame = &mut self.storage[self.begin..self.begin + frame_len];
            self.begin += frame_len;
            let payload = &mut frame[header.len..];
            match header.first {
                0x82 => {
                    mask(payload, header.key);
                    to.take(payload);
                    left -= 1;
                }
                0x81 => {
                    mask(payload, header.key);
                    to.take(simdutf8::basic::from_utf8(payload).expect("valid text").as_bytes());
                    left -= 1;
                }
                first @ (0x00..=0x02 | 0x80) => {
                    if first & 0x0F != 0 {
                        self.text = first == 0x01;
                    }
                    let begin = self.assembled;
                    self.assembled += payload.len();
                    let message = &mut self.assembly[begin..self.assembled];
                    if payload.len() < SHORT_LEN {
                        copy_masked(message, payload, header.key);
                    } else {
                        mask(payload, header.key);
                        message.copy_from_slice(payload);
                    }
                    if whole {
                        self.take(to);
                        left -= 1;
                    }
                }
                _ => {}
            }
        }
    }
}

struct Encode {
    message: Message,
    output: Vec<u8>,
    /// The end of the frames that wait in the output.
    end: usize,
    key: u32,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let data = &self.message.data[..];
        let masks = self.message.role == Role::Client;
        for sent in 1..=messages {
            let key = masks.then(|| {
                self.key = self.key.wrapping_mul(0x915F_77F5).wrapping_add(1);
                self.key.to_ne_bytes()
            });
            let room = &mut self.output[self.end..];
            match short_frame(room, data, key) {
                Some(frame_len) => self.end += frame_len,
                None if key.is_none() && self.message.a_write == 1 => {
                    let header_len = header(room, data, key);
                    to.take(&room[..header_len]);
                    to.take(data);
                    continue;
                }
                None => self.end += long_frame(room, data, key),
            }
            if self.message.ends_write(sent) {
                to.take(&self.output[..self.end]);
                self.end = 0;
            }
        }
    }
}

/// A frame with a payload of 16 to 32 bytes: two copies of 16 bytes, which overlap if the payload is shorter than 32.
#[inline(always)]
fn short_frame(output: &mut [u8], data: &[u8], key: Option<[u8; 4]>) -> Option<usize> {
    let (first, last) = (data.first_chunk::<16>()?, data.last_chunk::<16>()?);
    if data.len() > 32 || !data.len().is_multiple_of(4) {
        return None;
    }
    let masked = if key.is_some() { 0x80 } else { 0 };
    let (header, rest) = output.split_first_chunk_mut::<2>()?;
    *header = [0x82, data.len() as u8 | masked];
    let payload = match key {
        Some(key) => {
            let (of_frame, payload) = rest.split_first_chunk_mut::<4>()?;
            *of_frame = key;
            payload
        }
        None => rest,
    };
    let wide: [u8; 16] = std::array::from_fn(|at| key.map_or(0, |key| key[at % 4]));
    let unmasked = payload.get_mut(..data.len())?;
    *unmasked.first_chunk_mut::<16>()? = std::array::from_fn(|at| first[at] ^ wide[at]);
    *unmasked.last_chunk_mut::<16>()? = std::array::from_fn(|at| last[at] ^ wide[at]);
    Some(if key.is_some() { 6 } else { 2 } + data.len())
}

fn long_frame(output: &mut [u8], data: &[u8], key: Option<[u8; 4]>) -> usize {
    let header_len = header(output, data, key);
    let payload = &mut output[header_len..][..data.len()];
    match key {
        Some(key) => copy_masked(payload, data, key),
        None => payload.copy_from_slice(data),
    }
    header_len + data.len()
}

fn header(output: &mut [u8], data: &[u8], key: Option<[u8; 4]>) -> usize {
    let (header_len, short_len) = match data.len() {
        len @ ..126 => (2, len as u8),
        ..0x1_0000 => (4, 126),
        _ => (10, 127),
    };
    let masked = if key.is_some() { 0x80 } else { 0 };
    let long_len = (data.len() as u64).to_be_bytes();
    output[..2].copy_from_slice(&[0x82, short_len | masked]);
    output[2..header_len].copy_from_slice(&long_len[10 - header_len..]);
    let Some(key) = key else { return header_len };
    output[header_len..header_len + 4].copy_from_slice(&key);
    header_len + 4
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
