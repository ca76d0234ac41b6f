//! What has arrived, as owned data.

use sansocket::Event;

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
            event => panic!("an event that these tests do not know: {event:?}"),
        }
    }
}

pub(crate) fn text(text: &str) -> Got {
    Got::Text(text.into())
}
