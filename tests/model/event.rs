//! Events as owned data.

use sansocket::{Event, Message};

/// An event that owns its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for Got {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.into()),
            Event::Binary(data) => Self::Binary(data.into()),
            Event::Ping(payload) => Self::Ping(payload.into()),
            Event::Pong(payload) => Self::Pong(payload.into()),
            Event::Close(frame) => Self::Close(frame.map(|frame| (frame.code.0, frame.reason.into()))),
            event => panic!("an event unknown to these tests: {event:?}"),
        }
    }
}

impl From<Message> for Got {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_string()),
            Message::Binary(data) => Self::Binary(data.to_vec()),
        }
    }
}

pub(crate) fn text(text: &str) -> Got {
    Got::Text(text.into())
}
