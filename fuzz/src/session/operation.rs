//! What happens in a session.

use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};

#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// An action of one end, repeated, so that answers pile up.
    By {
        server: bool,
        action: Action,
        times: u8,
    },
    /// One read of at most `len` bytes at the other end. `takes`: the application then takes all events.
    Carry {
        by_server: bool,
        len: u16,
        reading: Reading,
        takes: bool,
    },
    /// The application takes what has arrived.
    Take {
        server: bool,
        by: By,
    },
    /// A turn of one end with the shared storage begins or is over.
    Reuse {
        server: bool,
    },
    Reclaim {
        server: bool,
    },
    EndOfStream {
        server: bool,
    },
    Wait {
        seconds: u8,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// A whole text or binary message, in one of the types that can be sent.
    Send {
        is_text: bool,
        way: Way,
        data: Vec<u8>,
    },
    Fragment {
        is_text: bool,
        is_last: bool,
        /// Sent as a `Chunk`, as a relay sends it.
        is_chunk: bool,
        data: Vec<u8>,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close {
        code: u16,
        reason: String,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// `&str`, `&[u8]`.
    Borrowed,
    /// `&String`, `&Vec<u8>`.
    Owned,
    /// `&ByteString`, `&Bytes`.
    Shared,
    Message,
    Prepared,
    /// `send_and_write`, borrowed or shared, to a stream with room for this many bytes.
    Written {
        is_shared: bool,
        room: usize,
    },
}

/// How bytes get into a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    Receive,
    Filled,
    ReadFrom,
}

/// How the application takes what has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// `next_event`, until it gives none.
    Event,
    /// `has_event` and `next_event`, until there is none.
    FoundEvent,
    Message,
    Chunk,
    /// `has_chunk` and `next_chunk`.
    FoundChunk,
    /// `next_event` once.
    OneEvent,
    /// `has_event` alone.
    LookForEvent,
    /// `has_chunk` alone.
    LookForChunk,
}

/// A byte for the kind, whose lowest bit is the end, then what the kind needs. Seeds can be written by hand.
impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut times = 1;
        let kind = u.arbitrary::<u8>()?;
        let server = kind & 1 != 0;
        let (is_text, variant) = (kind & 0x20 != 0, kind >> 5);
        let reading = [Reading::Receive, Reading::Filled, Reading::ReadFrom][usize::from(variant) % 3];
        let carry = |len, takes| Self::Carry { by_server: server, len, reading, takes };
        let action = match kind >> 1 & 0x0F {
            0 => {
                let written = Way::Written { is_shared: false, room: 1000 };
                let way = [Way::Borrowed, Way::Message, Way::Prepared, written][usize::from(kind >> 6)];
                Action::Send { is_text, way, data: data(u, server)? }
            }
            1 => {
                let written = |room| Way::Written { is_shared: true, room };
                let way = [Way::Owned, Way::Shared, written(0), written(100_000)][usize::from(kind >> 6)];
                Action::Send { is_text, way, data: data(u, server)? }
            }
            2 => {
                use By::{
                    Chunk, Event, FoundChunk, FoundEvent, LookForChunk, LookForEvent, Message, OneEvent,
                };
                let ways =
                    [Event, FoundEvent, Message, Chunk, FoundChunk, OneEvent, LookForEvent, LookForChunk];
                return Ok(Self::Take { server, by: ways[usize::from(variant)] });
            }
            3 | 4 => {
                let (is_last, is_chunk) = (kind & 0x40 != 0, kind & 0x80 != 0);
                Action::Fragment { is_text, is_last, is_chunk, data: data(u, server)? }
            }
            5 => return Ok(carry(u.arbitrary::<u8>()?.into(), false)),
            6 => Action::Ping(data(u, server)?),
            7 => Action::Pong(data(u, server)?),
            8 => {
                let code = *u.choose(&[1000, 1001, 1005, 1011, 3000, 4999, 5000])?;
                Action::Close { code, reason: "€".repeat(usize::from(u.arbitrary::<u8>()? % 45)) }
            }
            9 if is_text => return Ok(Self::Reuse { server }),
            9 => return Ok(Self::Reclaim { server }),
            10 => return Ok(Self::Wait { seconds: u.arbitrary::<u8>()? % 64 }),
            11 => return Ok(carry(u16::MAX, true)),
            12 => return Ok(carry(u16::MAX, variant < 4)),
            13 => {
                times = u.arbitrary::<u8>()? % 64;
                Action::Ping(data(u, server)?)
            }
            14 if variant == 7 => return Ok(Self::EndOfStream { server }),
            _ => return Ok(carry(u.arbitrary::<u8>()?.into(), true)),
        };
        Ok(Self::By { server, action, times })
    }
}

/// ASCII, of one of the lengths where something changes. A client sends small letters and a server capitals, so that the
/// bytes show whose they are.
fn data(u: &mut Unstructured<'_>, server: bool) -> Result<Vec<u8>> {
    let len = match u.arbitrary::<u8>()? {
        len @ 0..=199 => usize::from(len),
        long => [126, 127, 128, 1000, 4095, 4096, 4097, 65_535, 65_536, 150_000][usize::from(long) % 10],
    };
    let first = if server { b'A' } else { b'a' };
    Ok((0..len).map(|i| first + u8::try_from(i % 23).unwrap_or_default()).collect())
}
