//! The calls of the async shell as the programs of a world make them, whole or split.

use sansocket::asynchronous::{Reader, WebSocket, Writer};
use sansocket::{CloseInfo, Error, Event, Message, Outgoing};

use crate::transport::End;
use crate::world::How;

/// What a read gave.
pub(crate) enum Arrival {
    Message(Message),
    /// A control frame, or a part of a message that has not ended.
    Other,
    End,
}

/// The parts of a message that is read in chunks.
#[derive(Default)]
pub(crate) struct Parts(Vec<u8>);

pub(crate) trait Reads {
    async fn read_some(&mut self, how: How, parts: &mut Parts) -> Result<Arrival, Error>;
    fn info(&self) -> Option<CloseInfo>;
}

macro_rules! reads {
    ($type:ty) => {
        impl Reads for $type {
            async fn read_some(&mut self, how: How, parts: &mut Parts) -> Result<Arrival, Error> {
                let arrival = match how {
                    How::Messages => self.read().await?.map(Arrival::Message),
                    How::Events => self.read_event().await?.map(|event| match event {
                        Event::Text(text) => Arrival::Message(text.into()),
                        Event::Binary(data) => Arrival::Message(data.into()),
                        _ => Arrival::Other,
                    }),
                    How::Chunks => match self.read_chunk().await? {
                        None => None,
                        Some(chunk) => {
                            let is_text = matches!(chunk, sansocket::Chunk::Text { .. });
                            parts.0.extend_from_slice(chunk.as_bytes());
                            Some(if chunk.fin() { parts.take(is_text) } else { Arrival::Other })
                        }
                    },
                };
                Ok(arrival.unwrap_or(Arrival::End))
            }

            fn info(&self) -> Option<CloseInfo> {
                self.close_info()
            }
        }
    };
}

reads!(WebSocket<End>);
reads!(Reader<End>);

impl Parts {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, is_text: bool) -> Arrival {
        let bytes = std::mem::take(&mut self.0);
        Arrival::Message(if is_text {
            Message::from(String::from_utf8(bytes).unwrap())
        } else {
            Message::from(bytes)
        })
    }
}

pub(crate) trait Sends {
    async fn send_now(&mut self, message: Outgoing<'_>) -> Result<(), Error>;
    async fn feed(&mut self, message: Outgoing<'_>) -> Result<(), Error>;
    async fn flush(&mut self) -> Result<(), Error>;
    async fn ping(&mut self, payload: &[u8]) -> Result<(), Error>;
    async fn pong(&mut self, payload: &[u8]) -> Result<(), Error>;
    fn queued(&self) -> usize;
}

macro_rules! sends {
    ($type:ident) => {
        impl Sends for $type<End> {
            async fn send_now(&mut self, message: Outgoing<'_>) -> Result<(), Error> {
                $type::send(self, message).await
            }

            async fn feed(&mut self, message: Outgoing<'_>) -> Result<(), Error> {
                $type::feed(self, message).await
            }

            async fn flush(&mut self) -> Result<(), Error> {
                $type::flush(self).await
            }

            async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
                $type::ping(self, payload).await
            }

            async fn pong(&mut self, payload: &[u8]) -> Result<(), Error> {
                $type::pong(self, payload).await
            }

            fn queued(&self) -> usize {
                self.buffered_amount()
            }
        }
    };
}

sends!(WebSocket);
sends!(Writer);
