//! The ways to receive, mixed at random, compared with the model.
//!
//! The model follows all positions that the calls allow. A chunk that is given out begins a message, and a call for whole
//! messages gives a begun message up once more of it has arrived. Whether it has depends on the reads.

use sansocket::{Chunk, Config, Connection, Limits, ProtocolError, Role, State, Storage};

use super::answers::answers;
use super::event::Got;
use super::paths::{check_end, check_error, connection, fill, written};
use super::receiver::{Verdict, judge};

/// A call of a random program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    HasEvent,
    NextEvent,
    HasChunk,
    NextChunk,
    NextMessage,
    /// The next read, by `receive`.
    Receive,
    /// The next read, by `unfilled` and `filled`.
    Fill,
    /// Memory goes to storage that other connections use, and comes back.
    Reclaim,
}

pub(crate) const CALLS: [Call; 8] = [
    Call::HasEvent,
    Call::NextEvent,
    Call::HasChunk,
    Call::NextChunk,
    Call::NextMessage,
    Call::Receive,
    Call::Fill,
    Call::Reclaim,
];

/// How much of what the peer sent has been given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    /// The next event of the model's list.
    at: usize,
    message: Progress,
}

/// The progress of the next message of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Untouched,
    /// Chunks of it, this many bytes, have been given out.
    Begun(usize),
    /// Its rest is dropped.
    GivenUp,
}

/// All positions that are possible, and what the peer sent.
pub(crate) struct Model {
    /// The events, then the message under way.
    sent: Vec<Got>,
    /// How many of `sent` are whole.
    whole: usize,
    possible: Vec<Position>,
}

impl Model {
    fn new(verdict: &Verdict) -> Self {
        let unfinished = verdict.unfinished.iter().map(|(is_text, data)| match is_text {
            // Part of a character may be at its end.
            true => Got::Text(String::from_utf8_lossy(data).into()),
            false => Got::Binary(data.clone()),
        });
        let sent = verdict.events.iter().cloned().chain(unfinished).collect();
        let start = Position { at: 0, message: Progress::Untouched };
        Self { sent, whole: verdict.events.len(), possible: vec![start] }
    }

    /// The index of the first message that is not behind `at`.
    fn message(&self, at: usize) -> usize {
        (at..self.sent.len()).find(|&i| data(&self.sent[i]).is_some()).unwrap_or(self.sent.len())
    }

    /// Replaces each position by those that follow. At least one must follow.
    fn step(&mut self, what: &str, follow: impl Fn(&Self, Position) -> Vec<Position>) {
        let mut possible = Vec::new();
        for position in &self.possible {
            for next in follow(self, *position) {
                if !possible.contains(&next) {
                    possible.push(next);
                }
            }
        }
        assert!(!possible.is_empty(), "{what} at {:?} of {:02x?}", self.possible, self.sent);
        self.possible = possible;
    }

    /// A call for whole messages: a begun message may be given up. If control frames are dealt with, its end may have been
    /// passed.
    fn looked_for_message(&mut self, passes_controls: bool) {
        self.step("a look", |model, position| {
            let mut follow = model.past_controls(position, passes_controls);
            if position.message != Progress::Untouched {
                let given_up = Position { message: Progress::GivenUp, ..position };
                follow.extend(model.past_controls(given_up, passes_controls));
                if passes_controls {
                    follow.extend(model.past_controls(model.behind_message(position), true));
                }
            }
            follow
        });
    }

    fn behind_message(&self, position: Position) -> Position {
        Position { at: self.message(position.at) + 1, message: Progress::Untouched }
    }

    fn looked_for_chunk(&mut self) {
        self.step("a look for a chunk", |model, position| {
            let mut follow = model.past_controls(position, true);
            if position.message == Progress::GivenUp {
                follow.extend(model.past_controls(model.behind_message(position), true));
            }
            follow
        });
    }

    /// The position, and those behind control frames that come before the next message.
    fn past_controls(&self, position: Position, passes_controls: bool) -> Vec<Position> {
        let last = if passes_controls { self.message(position.at) } else { position.at };
        (position.at..=last.max(position.at)).map(|at| Position { at, ..position }).collect()
    }

    /// An event, or an owned message.
    fn gave(&mut self, got: &Got) {
        self.step(&format!("{got:02x?}"), |model, position| {
            let message = model.message(position.at);
            let mut follow = Vec::new();
            let mut is_at = |at: usize, progress: Progress| {
                if at < model.whole && model.sent[at] == *got {
                    let is_message = data(got).is_some();
                    let message = if is_message { Progress::Untouched } else { progress };
                    follow.push(Position { at: at + 1, message });
                }
            };
            if message != position.at || position.message == Progress::Untouched {
                is_at(position.at, position.message);
            }
            if position.message != Progress::Untouched && message == position.at {
                // The begun message comes to its end without an event.
                is_at(position.at + 1, Progress::Untouched);
            }
            follow
        });
    }

    fn gave_chunk(&mut self, chunk: Chunk<'_>) {
        let is_text = matches!(chunk, Chunk::Text { .. });
        let (bytes, fin) = (chunk.as_bytes(), chunk.fin());
        assert!(fin || !bytes.is_empty(), "an empty chunk that ends nothing");
        self.step(&format!("{chunk:02x?}"), |model, position| {
            let message = model.message(position.at);
            let given = match position.message {
                Progress::Untouched => 0,
                Progress::Begun(given) => given,
                Progress::GivenUp => return vec![],
            };
            let Some((sent_text, sent)) = model.sent.get(message).and_then(data) else { return vec![] };
            let rest = sent.get(given..).unwrap_or_default();
            let is_next = sent_text == is_text && rest.starts_with(bytes);
            let end = given + bytes.len();
            match (is_next, fin) {
                (false, _) => vec![],
                (true, true) if message < model.whole && end == sent.len() => {
                    vec![Position { at: message + 1, message: Progress::Untouched }]
                }
                (true, true) => vec![],
                (true, false) => {
                    model.past_controls(Position { message: Progress::Begun(end), ..position }, true)
                }
            }
        });
    }

    /// Everything that is whole has been given out or given up.
    fn is_at_end(&self) -> bool {
        self.possible.iter().any(|position| {
            let given_up =
                position.message != Progress::Untouched && self.message(position.at) == position.at;
            position.at + usize::from(given_up) >= self.whole
        })
    }
}

/// Whether this is text, and its data, if it is a message.
fn data(event: &Got) -> Option<(bool, &[u8])> {
    match event {
        Got::Text(text) => Some((true, text.as_bytes())),
        Got::Binary(data) => Some((false, data)),
        Got::Ping(_) | Got::Pong(_) | Got::Close(_) => None,
    }
}

/// A connection that is called at random.
pub(crate) struct Mixed {
    end: Connection,
    verdict: Verdict,
    model: Model,
    error: Option<ProtocolError>,
    output: Vec<u8>,
    /// What the last look for an event said, until the next call that takes something.
    has_event: Option<bool>,
}

impl Mixed {
    /// `bytes` are all that will arrive.
    pub(crate) fn new(role: Role, limits: Limits, bytes: &[u8]) -> Self {
        let verdict = judge(role, &limits, bytes);
        Self::of(connection(role, &Config::default().limits(limits)), verdict)
    }

    /// With the verdict on all bytes that will arrive.
    pub(crate) fn of(end: Connection, verdict: Verdict) -> Self {
        Self { end, model: Model::new(&verdict), verdict, error: None, output: Vec::new(), has_event: None }
    }

    /// Calls once. `reads` loses its first read if that arrives.
    pub(crate) fn call(&mut self, call: Call, reads: &mut &[&[u8]], storage: &mut Storage) {
        match call {
            Call::Receive | Call::Fill => {
                let Some((read, rest)) = reads.split_first() else { return };
                *reads = rest;
                let mut read = *read;
                if call == Call::Receive {
                    self.end.receive(core::mem::take(&mut read));
                }
                while !read.is_empty() {
                    read = fill(&mut self.end, read);
                }
                self.has_event = self.has_event.filter(|found| *found);
            }
            Call::Reclaim => {
                self.end.reclaim(storage);
                self.end.reuse(storage);
            }
            _ if self.error.is_some() => self.stays_failed(call),
            _ => self.error = self.look(call).err(),
        }
        self.output.extend(written(self.end.output()));
    }

    /// [`call`](Self::call) with memory from storage that other connections use, too.
    pub(crate) fn turn(&mut self, call: Call, reads: &mut &[&[u8]], storage: &mut Storage) {
        self.end.reuse(storage);
        self.call(call, reads, storage);
        self.end.reclaim(storage);
    }

    fn look(&mut self, call: Call) -> Result<(), ProtocolError> {
        let before = self.has_event.take();
        match call {
            Call::HasEvent => {
                let found = self.end.has_event()?;
                let amount = self.end.buffered_amount();
                assert_eq!((self.end.has_event(), self.end.buffered_amount()), (Ok(found), amount), "twice");
                assert!(before != Some(true) || found, "an event that was found is gone");
                self.model.looked_for_message(false);
                self.has_event = Some(found);
            }
            Call::NextEvent => {
                let event = self.end.next_event()?.map(Got::from);
                assert!(before.is_none_or(|found| found == event.is_some()), "has_event said {before:?}");
                self.model.looked_for_message(false);
                event.iter().for_each(|event| self.model.gave(event));
            }
            Call::NextMessage => {
                let message = self.end.next_message();
                self.model.looked_for_message(true);
                message?.map(Got::from).iter().for_each(|message| self.model.gave(message));
            }
            Call::HasChunk => {
                let found = self.end.has_chunk();
                self.model.looked_for_chunk();
                let found = found?;
                let amount = self.end.buffered_amount();
                assert_eq!((self.end.has_chunk(), self.end.buffered_amount()), (Ok(found), amount), "twice");
            }
            Call::NextChunk => {
                let chunk = self.end.next_chunk();
                self.model.looked_for_chunk();
                chunk?.into_iter().for_each(|chunk| self.model.gave_chunk(chunk));
            }
            Call::Receive | Call::Fill | Call::Reclaim => {}
        }
        Ok(())
    }

    /// After an error, each call gives the same error.
    fn stays_failed(&mut self, call: Call) {
        let end = &mut self.end;
        let error = match call {
            Call::HasEvent => end.has_event().err(),
            Call::HasChunk => end.has_chunk().err(),
            Call::NextChunk => end.next_chunk().err(),
            Call::NextMessage => end.next_message().err(),
            _ => end.next_event().err(),
        };
        assert_eq!(error, self.error);
    }

    /// Lets the remaining reads arrive, takes all events, and checks the end. Gives the error.
    pub(crate) fn finish(mut self, mut reads: &[&[u8]], storage: &mut Storage) -> Option<ProtocolError> {
        loop {
            let at_last_read = reads.is_empty();
            loop {
                let before = (self.model.possible.clone(), self.end.unread().len());
                self.call(Call::NextEvent, &mut reads, storage);
                if self.error.is_some() || before == (self.model.possible.clone(), self.end.unread().len()) {
                    break;
                }
            }
            if at_last_read {
                break;
            }
            self.call(Call::Fill, &mut reads, storage);
        }
        check_error(&self.verdict, self.error);
        assert!(self.model.is_at_end(), "{:?} of {:02x?}", self.model.possible, self.model.sent);
        assert_eq!(self.output, answers(self.end.role(), &self.verdict.events, self.error));
        if self.error.is_none() && !self.verdict.is_closed() {
            assert_eq!(self.end.state(), State::Open);
        }
        check_end(self.end, &self.verdict, self.error);
        self.error
    }
}
