//! What an application has taken, and whether that is what was on the wire.

use std::collections::VecDeque;

use super::operation::By;
use crate::model::event::Got;

/// What the application asked for and what it got, in order.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A call. `By::Chunk` and `By::Message` pass over control frames; all but the calls for chunks may drop the rest of a
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
        let mut walks = vec![Walk { rest: wire, ..Walk::default() }];
        for step in &self.0 {
            let before = walks.clone();
            walks = Vec::new();
            for next in before.iter().flat_map(|walk| walk.clone().step(step)) {
                if !walks.contains(&next) {
                    walks.push(next);
                }
            }
            assert!(!walks.is_empty(), "{step:?} is not what was on the wire, {before:?}");
        }
        if is_complete {
            let finishes = walks.iter().any(|walk| walk.clone().finish(unfinished));
            assert!(finishes, "not all on the wire was given, {unfinished:?} has begun, {walks:?}");
        }
    }
}

/// A walk over the wire beside what was taken. Frames can be equal, so it may not be known which of them was passed over,
/// nor whether a message was dropped: there is a walk for each possibility.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Every way to go on. None: the step does not fit.
    fn step(mut self, step: &Step) -> Vec<Self> {
        match step {
            Step::Asked(by) => return self.ask(*by),
            Step::Whole(event) => return self.expect(event),
            Step::Chunk { is_text, data, fin } => {
                let (kind, given) = self.given.get_or_insert((*is_text, Vec::new()));
                if kind != is_text {
                    return Vec::new();
                }
                given.extend(data);
                if *fin {
                    let (is_text, data) = self.given.take().expect("it was given");
                    return self.expect(&message(is_text, data));
                }
            }
        }
        vec![self]
    }

    /// A call that is not for chunks drops the rest of a message only if it finds some of it. That depends on the reads.
    fn ask(mut self, by: By) -> Vec<Self> {
        let is_for_chunks = matches!(by, By::Chunk | By::FoundChunk | By::LookForChunk);
        self.passes_control |= is_for_chunks || by == By::Message;
        if is_for_chunks || self.given.is_none() {
            return vec![self];
        }
        let mut drops = self.clone();
        drops.dropped.extend(drops.given.take());
        vec![self, drops]
    }

    fn expect(mut self, event: &Got) -> Vec<Self> {
        let mut found = Vec::new();
        loop {
            if self.rest.first() == Some(event) && (is_control(event) || self.dropped.is_empty()) {
                let passes_control = self.passes_control && !is_control(event);
                found.push(Self { rest: &self.rest[1..], passes_control, ..self.clone() });
            }
            if !self.pass() {
                return found;
            }
        }
    }

    /// Passes over what need not have been given. False if there is nothing such.
    fn pass(&mut self) -> bool {
        let Some((next, rest)) = self.rest.split_first() else { return false };
        let passes = match (next, self.dropped.front()) {
            (Got::Text(text), Some((true, given))) => text.as_bytes().starts_with(given),
            (Got::Binary(data), Some((false, given))) => data.starts_with(given),
            (Got::Text(_) | Got::Binary(_), _) => false,
            _ => self.passes_control,
        };
        if passes {
            self.rest = rest;
            if !is_control(next) {
                self.dropped.pop_front();
            }
        }
        passes
    }

    /// Whether the rest of the wire need not have been given.
    fn finish(mut self, unfinished: Option<&(bool, Vec<u8>)>) -> bool {
        while self.pass() {}
        self.dropped.extend(self.given.take());
        let Some((is_text, given)) = self.dropped.pop_front() else { return self.rest.is_empty() };
        let begins = unfinished.is_some_and(|(kind, sent)| *kind == is_text && sent.starts_with(&given));
        begins && self.rest.is_empty() && self.dropped.is_empty()
    }
}

pub(super) fn message(is_text: bool, data: Vec<u8>) -> Got {
    if is_text { Got::Text(String::from_utf8(data).expect("ASCII")) } else { Got::Binary(data) }
}

fn is_control(event: &Got) -> bool {
    !matches!(event, Got::Text(_) | Got::Binary(_))
}
