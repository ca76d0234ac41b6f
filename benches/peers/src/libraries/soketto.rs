//! soketto: futures-io streams, messages appended to the caller's `Vec`.

use std::rc::Rc;
use std::sync::Arc;

use sansocket::Role;
use soketto::base::{Codec, Header, OpCode};
use soketto::connection::{Builder, Mode};
use soketto::handshake::Server;
use soketto::handshake::server::Response;
use soketto::{Data, Receiver, Sender};

use crate::library::{Job, Library, Mask, Masking, Message, Sink, Work};
use crate::transport::{Transport, Written, now};
use crate::wire::Stream;

pub struct Soketto;

impl Library for Soketto {
    fn name(&self) -> &'static str {
        "soketto"
    }

    fn includes(&self) -> &'static str {
        "`Receiver::receive_data` into one `Vec`, from a stream that is split by a lock; text validated by the \
         caller with `std`, as its documentation does; `Sender::send_binary` and `flush`, keys of rand's ChaCha12; \
         `Server::receive_request` and `send_response`"
    }

    fn decode(&self, stream: &Arc<Stream>) -> Option<Box<dyn Job>> {
        let (_, receiver) = Builder::new(Transport::reading(stream), Mode::Server).finish();
        Some(Box::new(Decode { receiver, message: Vec::new() }))
    }

    fn encode(&self, message: &Message) -> Option<Box<dyn Job>> {
        let mode = match message.role {
            Role::Server => Mode::Server,
            Role::Client => Mode::Client,
        };
        let written = Rc::default();
        let (sender, _) = Builder::new(Transport::writing(&written), mode).finish();
        Some(Box::new(Encode { sender, written, message: message.clone() }))
    }

    fn mask(&self, masking: &Masking) -> Option<Box<dyn Job>> {
        let mut header = Header::new(OpCode::Binary);
        header.set_masked(true);
        Mask::job(masking, move |payload, key| {
            let mut header = header.clone();
            header.set_mask(u32::from_be_bytes(key));
            Codec::apply_mask(&header, payload);
        })
    }

    fn accept(&self, request: &'static [u8]) -> Option<Box<dyn Job>> {
        Some(Box::new(Accept(request)))
    }
}

struct Decode {
    receiver: Receiver<Transport>,
    message: Vec<u8>,
}

impl Work for Decode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        now(async {
            for _ in 0..messages {
                self.message.clear();
                match self.receiver.receive_data(&mut self.message).await.expect("the stream is valid") {
                    Data::Binary(_) => to.take(&self.message),
                    Data::Text(_) => {
                        to.take(std::str::from_utf8(&self.message).expect("valid text").as_bytes());
                    }
                }
            }
        });
    }
}

struct Encode {
    sender: Sender<Transport>,
    written: Rc<Written>,
    message: Message,
}

impl Work for Encode {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        self.written.keep_for(to);
        now(async {
            for sent in 1..=messages {
                self.sender.send_binary(&self.message.data).await.expect("it takes everything");
                if self.message.ends_write(sent) {
                    self.sender.flush().await.expect("it takes everything");
                }
            }
        });
        self.written.pass_on(to);
    }
}

struct Accept(&'static [u8]);

impl Work for Accept {
    fn run(&mut self, messages: u64, to: &mut impl Sink) {
        let written = Rc::<Written>::default();
        written.keep_for(to);
        for _ in 0..messages {
            let mut server = Server::new(Transport::request(self.0, &written));
            now(async {
                let key = server.receive_request().await.expect("a valid request").key();
                let response = Response::Accept { key, protocol: None };
                server.send_response(&response).await.expect("it takes everything");
            });
        }
        written.pass_on(to);
    }
}
