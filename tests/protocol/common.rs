//! Frames by the letter of section 5.2, connections that are fed with them, and two of them joined.

use sansocket::frame::{MaskKey, MaskKeys};
use sansocket::{Buffer, Config, Connection, Event, Output, ProtocolError, Role};

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The key of the examples in section 5.7; in these tests, that of every masked frame in either direction.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The first byte of a frame: FIN, the reserved bits and the opcode.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;
/// The same without FIN, for a message's fragments.
pub(crate) const TEXT_BEGINS: u8 = 0x01;
pub(crate) const BINARY_BEGINS: u8 = 0x02;
pub(crate) const GOES_ON: u8 = 0x00;
pub(crate) const ENDS: u8 = 0x80;

/// The first byte of a frame and its payload.
pub(crate) type Frame<'a> = (u8, &'a [u8]);

/// A frame as a server sends it.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(len as u8),
        len @ 126..=0xFFFF => {
            bytes.push(126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = unmasked(first, payload);
    let header_len = bytes.len() - payload.len();
    bytes[1] |= 0x80;
    for (i, byte) in bytes[header_len..].iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
    bytes.splice(header_len..header_len, key);
    bytes
}

/// The bytes of `frames` on their way to the end with that role.
pub(crate) fn wire(to: Role, frames: &[Frame<'_>]) -> Vec<u8> {
    let bytes = frames.iter().flat_map(|&(first, payload)| match to {
        Role::Client => unmasked(first, payload),
        Role::Server => masked(first, KEY, payload),
    });
    bytes.collect()
}

/// The payload of a Close frame.
pub(crate) fn close_body(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

pub(crate) fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// Masks every frame with [`KEY`].
pub(crate) struct SameKey;

impl MaskKeys for SameKey {
    fn next_key(&mut self) -> MaskKey {
        MaskKey(KEY)
    }
}

pub(crate) fn connection(role: Role, config: &Config) -> Connection {
    match role {
        Role::Client => Connection::client(config.clone(), SameKey),
        Role::Server => Connection::server(config.clone()),
    }
}

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

/// What became of some input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Got>,
    pub(crate) error: Option<ProtocolError>,
    pub(crate) output: Vec<u8>,
}

/// Gives a connection what each read brought, and takes what comes of it. After an error it goes on, to see that
/// nothing but the same error ever comes again.
pub(crate) fn feed<'a>(
    connection: &mut Connection,
    input: &mut Buffer,
    reads: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for read in reads {
        input.extend_from_slice(read);
        loop {
            match connection.next_event(input) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    assert_eq!(outcome.error, None, "an event after an error: {event:?}");
                    outcome.events.push(event.into());
                }
                Err(error) => {
                    assert_eq!(*outcome.error.get_or_insert(error), error, "another error after an error");
                    assert_eq!(connection.next_event(input), Err(error));
                    break;
                }
            }
        }
    }
    outcome.output = written(connection.output());
    outcome
}

/// Takes everything out of an output.
pub(crate) fn written(output: &mut Output) -> Vec<u8> {
    let bytes = output.chunks().collect::<Vec<_>>().concat();
    assert_eq!(bytes.len(), output.len());
    output.advance(bytes.len());
    assert!(output.is_empty());
    bytes
}

/// Where bytes are cut in two: everywhere, or in long ones near the ends and every now and then between.
pub(crate) fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (1..len).filter(move |at| len < 1000 || *at < 20 || len - at < 20 || at % (len / 40) == 0)
}

/// What becomes of `wire` at a connection that `make` makes: the same whole, byte by byte and at every cut.
pub(crate) fn at_every_split(make: impl Fn() -> Connection, wire: &[u8]) -> Outcome {
    let whole = feed(&mut make(), &mut Buffer::new(), [wire]);
    let bytewise = feed(&mut make(), &mut Buffer::new(), wire.chunks(1));
    assert_eq!(bytewise, whole, "byte by byte");
    for at in cuts(wire.len()) {
        let (front, back) = wire.split_at(at);
        let split = feed(&mut make(), &mut Buffer::new(), [front, back]);
        assert_eq!(split, whole, "cut at {at}");
    }
    whole
}

/// One row of a table: these frames, at either end and at every split, come to these events, this error and these
/// frames in answer.
pub(crate) fn receives(
    config: &Config,
    frames: &[Frame<'_>],
    events: &[Got],
    error: Option<ProtocolError>,
    answers: &[Frame<'_>],
) {
    for role in ROLES {
        let output = wire(other(role), answers);
        let expected = Outcome { events: events.into(), error, output };
        let outcome = at_every_split(|| connection(role, config), &wire(role, frames));
        assert_eq!(outcome, expected, "{role:?} {frames:02x?}");
    }
}

/// One end of a [`Pair`].
pub(crate) struct Side {
    pub(crate) connection: Connection,
    pub(crate) input: Buffer,
    pub(crate) events: Vec<Got>,
    pub(crate) error: Option<ProtocolError>,
}

impl Side {
    fn new(role: Role, config: &Config) -> Self {
        let connection = connection(role, config);
        Self { connection, input: Buffer::new(), events: Vec::new(), error: None }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let Outcome { events, error, .. } = self.take(bytes);
        self.events.extend(events);
        self.error = self.error.or(error);
    }

    /// As `feed`, but the output stays.
    fn take(&mut self, bytes: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        self.input.extend_from_slice(bytes);
        loop {
            match self.connection.next_event(&mut self.input) {
                Ok(Some(event)) => outcome.events.push(event.into()),
                Ok(None) => return outcome,
                Err(error) => return Outcome { error: Some(error), ..outcome },
            }
        }
    }
}

/// A client and a server with a wire between them.
pub(crate) struct Pair {
    pub(crate) client: Side,
    pub(crate) server: Side,
    /// How many bytes a read brings at most.
    pub(crate) read_len: usize,
}

impl Pair {
    pub(crate) fn new(config: &Config) -> Self {
        let (client, server) = (Side::new(Role::Client, config), Side::new(Role::Server, config));
        Self { client, server, read_len: usize::MAX }
    }

    /// Carries bytes until neither side has any left to say.
    pub(crate) fn pump(&mut self) {
        while carry(&mut self.client, &mut self.server, self.read_len)
            | carry(&mut self.server, &mut self.client, self.read_len)
        {}
    }
}

/// Carries what waits at one side to the other. Whether there was anything.
fn carry(from: &mut Side, to: &mut Side, read_len: usize) -> bool {
    let bytes = written(from.connection.output());
    bytes.chunks(read_len).for_each(|read| to.receive(read));
    !bytes.is_empty()
}
