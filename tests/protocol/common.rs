//! Connections that are fed with frames of the model, and two of them joined.

use sansocket::{Buffer, Config, Connection, ProtocolError, Role};

pub(crate) use crate::model::event::{Got, text};
pub(crate) use crate::model::paths::{connection, written};
pub(crate) use crate::model::wire::*;
use crate::seeds;

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

/// Where bytes are cut in two: everywhere, or in long ones near the ends and every now and then between.
pub(crate) fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (1..len).filter(move |at| len < 1000 || *at < 20 || len - at < 20 || at % (len / 40) == 0)
}

/// What becomes of `wire` at a connection that `make` makes: the same whole, byte by byte and at every cut.
pub(crate) fn at_every_split(make: impl Fn() -> Connection, wire: &[u8]) -> Outcome {
    seeds::keep_wire(make().role(), wire);
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
    seeds::keep_frames(frames);
    for (_, body) in frames.iter().filter(|(first, _)| *first == CLOSE) {
        seeds::keep("close", body);
    }
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
