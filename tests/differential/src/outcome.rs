//! The result of the bytes that an endpoint receives, in terms that fit every library.

use std::fmt;

use sansocket::Role;
use sansocket::frame::{FrameHeader, Opcode, apply_mask};

/// Everything that can be observed from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub received: Vec<Received>,
    pub end: End,
    /// The payloads of the Pongs that were written.
    pub pongs: Vec<Vec<u8>>,
    /// The Close frame that was written, and the code in it.
    pub close: Option<Option<u16>>,
    /// The rule that the written bytes break.
    pub breaks: Option<&'static str>,
}

/// What a library gives to its caller.
#[derive(Clone, PartialEq, Eq)]
pub enum Received {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// How a library reports the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A Close frame was received.
    Closed(Option<(u16, String)>),
    /// The peer broke a rule.
    Failed(Fault),
    /// The stream ended.
    Lost,
}

/// The faults that close codes distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Protocol,
    InvalidUtf8,
    TooBig,
}

/// The aspects in which two outcomes can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    Received,
    End,
    Pongs,
    Close,
    Breaks,
}

/// Which received control frames a library gives to its caller, besides Close.
#[derive(Clone, Copy, Debug)]
pub struct Shows {
    pub pings: bool,
    pub pongs: bool,
}

impl Outcome {
    /// `written` are the bytes that the endpoint of that role has written.
    pub fn new(role: Role, received: Vec<Received>, end: End, mut written: Vec<u8>) -> Self {
        let mut outcome = Self { received, end, pongs: Vec::new(), close: None, breaks: None };
        outcome.breaks = outcome.write(role, &mut written).err();
        outcome
    }

    fn write(&mut self, role: Role, mut rest: &mut [u8]) -> Result<(), &'static str> {
        while !rest.is_empty() {
            let decoded = FrameHeader::decode(rest).map_err(|error| error.as_str())?;
            let (header, len) = decoded.expect("a whole header");
            if header.mask.is_some() != (role == Role::Client) {
                return Err("a client masks, and nobody else");
            }
            let (frame, behind) = rest.split_at_mut(len + header.payload_len as usize);
            let payload = &mut frame[len..];
            header.mask.inspect(|key| apply_mask(payload, *key, 0));
            match header.opcode {
                _ if self.close.is_some() => return Err("nothing follows a Close frame"),
                Opcode::Pong => self.pongs.push(payload.to_vec()),
                Opcode::Close => {
                    self.close = Some(payload.first_chunk().map(|code| u16::from_be_bytes(*code)));
                }
                _ => return Err("nobody asked for that"),
            }
            rest = behind;
        }
        Ok(())
    }

    /// Without what a library does not show.
    #[must_use]
    pub fn as_shown(mut self, shows: Shows) -> Self {
        self.received.retain(|received| match received {
            Received::Ping(_) => shows.pings,
            Received::Pong(_) => shows.pongs,
            _ => true,
        });
        self
    }

    pub fn differs_in(&self, other: &Self) -> Vec<Aspect> {
        let aspects = [
            (self.received == other.received, Aspect::Received),
            (self.end == other.end, Aspect::End),
            (self.pongs == other.pongs, Aspect::Pongs),
            (self.close == other.close, Aspect::Close),
            (self.breaks == other.breaks, Aspect::Breaks),
        ];
        aspects.into_iter().filter(|(same, _)| !same).map(|(_, aspect)| aspect).collect()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, data) = match self {
            Self::Text(data) => ("Text", data),
            Self::Binary(data) => ("Binary", data),
            Self::Ping(data) => ("Ping", data),
            Self::Pong(data) => ("Pong", data),
        };
        write!(f, "{name}({})", data.escape_ascii())
    }
}
