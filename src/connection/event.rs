//! What the receiver gives out.

use crate::frame::CloseFrame;
use crate::message::{Message, Outgoing};

/// What has arrived. Lent by the [`Receiver`](crate::Receiver) until its next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A Ping. Its Pong is in the output, or follows there if 16 Pongs wait already and no newer Ping comes.
    Ping(&'a [u8]),
    /// A Pong, in answer to a Ping or unsolicited.
    Pong(&'a [u8]),
    /// The peer's Close frame, the last event. Unless this end had sent a Close frame before, its answer is in the output
    /// already.
    Close(Option<CloseFrame<'a>>),
}

/// The message in an event, copied. A control frame comes back as the error.
impl<'a> TryFrom<Event<'a>> for Message {
    type Error = Event<'a>;

    fn try_from(event: Event<'a>) -> Result<Self, Event<'a>> {
        match event {
            Event::Text(text) => Ok(text.into()),
            Event::Binary(data) => Ok(data.into()),
            control => Err(control),
        }
    }
}

/// Part of a message: for messages that are too large to hold in memory. Text comes in whole characters. A message comes
/// in any number of chunks; only the last one may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk<'a> {
    /// The next part of a text message.
    Text {
        /// The part.
        text: &'a str,
        /// Whether the message ends with this part.
        fin: bool,
    },
    /// The next part of a binary message.
    Binary {
        /// The part.
        data: &'a [u8],
        /// Whether the message ends with this part.
        fin: bool,
    },
}

impl<'a> Chunk<'a> {
    /// The part, of either type.
    pub fn as_bytes(&self) -> &'a [u8] {
        match *self {
            Self::Text { text, .. } => text.as_bytes(),
            Self::Binary { data, .. } => data,
        }
    }

    /// Whether the message ends with this part.
    pub fn fin(&self) -> bool {
        match *self {
            Self::Text { fin, .. } | Self::Binary { fin, .. } => fin,
        }
    }
}

impl<'a> From<Chunk<'a>> for Outgoing<'a> {
    fn from(chunk: Chunk<'a>) -> Self {
        match chunk {
            Chunk::Text { text, fin } => Self::text_fragment(text, fin),
            Chunk::Binary { data, fin } => Self::binary_fragment(data, fin),
        }
    }
}
