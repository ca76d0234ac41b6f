//! Connections that receive frames of the model, and pairs of them with a wire between.

use sansocket::{Config, Connection, ProtocolError, Role};

pub(crate) use crate::model::event::{Got, text};
pub(crate) use crate::model::paths::{connection, is_idle, written};
pub(crate) use crate::model::wire::*;
use crate::seeds;

/// What some input leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Got>,
    pub(crate) error: Option<ProtocolError>,
    pub(crate) output: Vec<u8>,
}

/// Gives a connection the reads in turn, and takes all events and the output. It goes on after an error: each later call
/// must give the same error.
pub(crate) fn feed<'a>(connection: &mut Connection, reads: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut outcome = Outcome::default();
    for read in reads {
        connection.receive(read);
        loop {
            match connection.next_event() {
                Ok(None) => break,
                Ok(Some(event)) => {
                    assert_eq!(outcome.error, None, "an event after an error: {event:?}");
                    outcome.events.push(event.into());
                }
                Err(error) => {
                    assert_eq!(*outcome.error.get_or_insert(error), error, "another error after an error");
                    assert_eq!(connection.next_event(), Err(error));
                    break;
                }
            }
        }
    }
    outcome.output = written(connection.output());
    outcome
}

/// Where bytes are cut in two: everywhere; if there are many, near the ends and at 40 places between.
pub(crate) fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (1..len).filter(move |at| len < 1000 || *at < 20 || len - at < 20 || at % (len / 40) == 0)
}

/// The outcome of `wire` at a connection that `make` makes. It must be the same for the whole, for single bytes and for
/// every cut in two.
pub(crate) fn at_every_split(make: impl Fn() -> Connection, wire: &[u8]) -> Outcome {
    seeds::keep_wire(make().role(), wire);
    let whole = feed(&mut make(), [wire]);
    let bytewise = feed(&mut make(), wire.chunks(1));
    assert_eq!(bytewise, whole, "byte by byte");
    for at in cuts(wire.len()) {
        let (front, back) = wire.split_at(at);
        let split = feed(&mut make(), [front, back]);
        assert_eq!(split, whole, "cut at {at}");
    }
    whole
}

/// One row of a table: these frames, at either end and at every split, give these events, this error and these answering
/// frames.
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
    pub(crate) events: Vec<Got>,
    pub(crate) error: Option<ProtocolError>,
}

impl Side {
    fn new(role: Role, config: &Config) -> Self {
        let connection = connection(role, config);
        Self { connection, events: Vec::new(), error: None }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        let Outcome { events, error, .. } = self.take(bytes);
        self.events.extend(events);
        self.error = self.error.or(error);
    }

    /// As [`feed`], but the output stays.
    fn take(&mut self, bytes: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        self.connection.receive(bytes);
        loop {
            match self.connection.next_event() {
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
    /// The most bytes of one read.
    pub(crate) read_len: usize,
}

impl Pair {
    pub(crate) fn new(config: &Config) -> Self {
        let (client, server) = (Side::new(Role::Client, config), Side::new(Role::Server, config));
        Self { client, server, read_len: usize::MAX }
    }

    /// Carries bytes until the output of both sides is empty.
    pub(crate) fn pump(&mut self) {
        while carry(&mut self.client, &mut self.server, self.read_len)
            | carry(&mut self.server, &mut self.client, self.read_len)
        {}
    }
}

/// Carries the output of one side to the other. Gives whether there was any.
fn carry(from: &mut Side, to: &mut Side, read_len: usize) -> bool {
    let bytes = written(from.connection.output());
    bytes.chunks(read_len).for_each(|read| to.receive(read));
    !bytes.is_empty()
}
