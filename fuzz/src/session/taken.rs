//! What an application has taken, and whether that is what was on the wire.

use std::collections::VecDeque;

use super::operation::By;
use crate::model::event::Got;

/// What the application asked for and what it got, in order.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A call. `By::Chunk` and `By::Message` pass over control frames; all but the calls for chunks drop the rest of a
    /// message of which chunks were given.
    Asked(By),
    Whole(Got),
    Chunk {
        is_text: bool,
        data: Vec<u8>,
        fin: bool,
    },
}

impl Taken {
    pub(super) fn ask(&mut self, by: By) {
        let step = Step::Asked(by);
        if self.0.last() != Some(&step) {
            self.0.push(step);
        }
    }

    pub(super) fn whole(&mut self, event: Got) {
        self.0.push(Step::Whole(event));
    }

    pub(super) fn chunk(&mut self, is_text: bool, data: &[u8], fin: bool) {
        self.0.push(Step::Chunk { is_text, data: data.into(), fin });
    }

    /// What was taken is what the wire had, in its order. `unfinished` is the message that the sender has begun.
    /// `is_complete`: everything was delivered and taken.
    pub(super) fn check(&self, wire: &[Got], unfinished: Option<&(bool, Vec<u8>)>, is_complete: bool) {
        let mut walk = Walk { rest: wire, ..Walk::default() };
        self.0.iter().for_each(|step| walk.step(step));
        if is_complete {
            walk.finish(unfinished);
        }
    }
}

/// A walk over the wire beside what was taken.
#[derive(Debug, Default)]
struct Walk<'a> {
    rest: &'a [Got],
    /// The chunks given of the message that is arriving.
    given: Option<(bool, Vec<u8>)>,
    /// The chunks given of each message whose rest was dropped.
    dropped: VecDeque<(bool, Vec<u8>)>,
    /// Control frames at this point may have been passed over.
    passes_control: bool,
}

impl Walk<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Asked(by) => self.ask(*by),
            Step::Whole(event) => self.expect(event),
            Step::Chunk { is_text, data, fin } => {
                let (kind, given) = self.given.get_or_insert((*is_text, Vec::new()));
                assert_eq!(kind, is_text, "chunks of both types in one message");
                given.extend(data);
                if *fin {
                    let (is_text, data) = self.given.take().expect("it was given");
                    self.expect(&message(is_text, data));
                }
            }
        }
    }

    fn ask(&mut self, by: By) {
        let is_for_chunks = matches!(by, By::Chunk | By::FoundChunk | By::LookForChunk);
        self.passes_control |= is_for_chunks || by == By::Message;
        if !is_for_chunks {
            self.dropped.extend(self.given.take());
        }
    }

    fn expect(&mut self, event: &Got) {
        loop {
            let next = self.rest.first();
            if next == Some(event) && (is_control(event) || self.dropped.is_empty()) {
                break;
            }
            assert!(self.pass(), "{event:?} was given, {next:?} was on the wire, {self:?}");
        }
        self.rest = &self.rest[1..];
        self.passes_control &= !is_control(event);
    }

    /// Passes over what need not have been given. False if there is nothing such.
    fn pass(&mut self) -> bool {
        let Some((next, rest)) = self.rest.split_first() else { return false };
        if is_control(next) {
            if !self.passes_control {
                return false;
            }
        } else if let Some((is_text, given)) = self.dropped.pop_front() {
            let (Got::Text(_) | Got::Binary(_)) = next else { return false };
            let data = match next {
                Got::Text(text) if is_text => text.as_bytes(),
                Got::Binary(data) if !is_text => data,
                _ => panic!("chunks of a message of the other type: {next:?}"),
            };
            assert!(data.starts_with(&given), "chunks of what was not sent");
        } else {
            return false;
        }
        self.rest = rest;
        true
    }

    fn finish(mut self, unfinished: Option<&(bool, Vec<u8>)>) {
        while let Some(next) = self.rest.first() {
            assert!(self.pass(), "{next:?} was on the wire and was not given, {self:?}");
        }
        self.dropped.extend(self.given);
        assert!(self.dropped.len() <= 1, "chunks of messages that were not sent");
        if let Some((is_text, given)) = self.dropped.pop_front() {
            let (kind, sent) = unfinished.expect("a message that has begun");
            assert!(*kind == is_text && sent.starts_with(&given), "chunks of what was not sent");
        }
    }
}

pub(super) fn message(is_text: bool, data: Vec<u8>) -> Got {
    if is_text { Got::Text(String::from_utf8(data).expect("ASCII")) } else { Got::Binary(data) }
}

fn is_control(event: &Got) -> bool {
    !matches!(event, Got::Text(_) | Got::Binary(_))
}
