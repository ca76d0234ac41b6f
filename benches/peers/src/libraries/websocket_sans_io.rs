//! websocket-sans-io: frames, in chunks, out of the caller's buffer.

use std::io::Read;
use std::sync::Arc;

use sansocket::Role;
use websocket_sans_io::{
    FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent, apply_mask,
};

use crate::library::{Job, Library, Mask, Masking, Message, Sink, Work};
use crate::transport::Transport;
use crate::wire::Stream;

pub struct WebsocketSansIo;

/// The length of a read in bytes.
const READ_LEN: usize = 20 << 10;

impl Library for WebsocketSansIo {
    fn name(&self) -> &'static str {
        "websocket-sans-io"
    }

    fn includes(&self) -> &'static str {
        "`WebsocketFrameDecoder::add_data` over reads of 20 KiB, chunks appended to a `Vec` by the caller, as its \
         example does, who also validates text (simdutf8); no rule is checked, no Ping answered; \
         `WebsocketFrameEncoder`, keys of fastrand (predictable), which the caller chooses"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        Some(Box::new(Decode {
            socket: Transport::reading(stream),
            decoder: WebsocketFrameDecoder::new(),
            storage: vec![0; READ_LEN],
            begin: 0,
            end: 0,
            message: Vec::new(),
        }))
    }

    fn encode(&self, message: &Message) -> Option<Box<dyn Job>> {
        let (encoder, message) = (WebsocketFrameEncoder::new(), message.clone());
        Some(Box::new(Encode { encoder, message, output: Vec::new() }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        Mask::job(masking, |payload, key| apply_mask(key, payload, 0))
    }
}

struct Decode {
    socket: Transport,
    decoder: WebsocketFrameDecoder,
    storage: Vec<u8>,
    begin: usize,
    end: usize,
    message: Vec<u8>,
}

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let mut left = messages;
        while left > 0 {
            let unprocessed = &mut self.storage[self.begin..self.end];
            let added = self.decoder.add_data(unprocessed).expect("it has no errors");
            self.begin += added.consumed_bytes;
            match added.event {
                Some(WebsocketFrameEvent::PayloadChunk {
                    original_opcode: Opcode::Text | Opcode::Binary,
                }) => {
                    self.message.extend_from_slice(&unprocessed[..added.consumed_bytes]);
                }
                Some(WebsocketFrameEvent::End {
                    frame_info: FrameInfo { fin: true, .. },
                    original_opcode,
                }) => {
                    match original_opcode {
                        Opcode::Binary => to.take(&self.message),
                        Opcode::Text => {
                            let text = simdutf8::basic::from_utf8(&self.message);
                            to.take(text.expect("valid text").as_bytes());
                        }
                        _ => continue,
                    }
                    self.message.clear();
                    left -= 1;
                }
                None if added.consumed_bytes == 0 => {
                    self.begin = 0;
                    self.end = self.socket.read(&mut self.storage).expect("it never ends");
                }
                _ => {}
            }
        }
    }
}

struct Encode {
    encoder: WebsocketFrameEncoder,
    message: Message,
    output: Vec<u8>,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let Message { role, data, a_write } = &self.message;
        let masks = *role == Role::Client;
        for sent in 1..=messages {
            let header = self.encoder.start_frame(&FrameInfo {
                opcode: Opcode::Binary,
                payload_length: data.len() as u64,
                mask: masks.then(|| fastrand::u32(..).to_ne_bytes()),
                fin: true,
                reserved: 0,
            });
            if !masks && *a_write == 1 {
                to.take(&header);
                to.take(data);
                continue;
            }
            self.output.extend_from_slice(&header);
            let begin = self.output.len();
            self.output.extend_from_slice(data);
            self.encoder.transform_frame_payload(&mut self.output[begin..]);
            if self.message.ends_write(sent) {
                to.take(&self.output);
                self.output.clear();
            }
        }
    }
}
