//! Every known difference, once.

mod closing;
mod frames;
pub mod heads;

use sansocket::{ProtocolError, Role};

use crate::heads::HeadCase;
use crate::ours;
use crate::outcome::{Aspect, End, Fault, Outcome};
use crate::peers::Peer;
use crate::stream::Stream;
use crate::table::heads::Verdict;
use crate::wire::{Arrived, Case};

/// The rule of [`ProtocolError::MessageTooLong`], for [`Seen::broke`], which compares neither length nor limit.
const MESSAGE_TOO_LONG: ProtocolError = ProtocolError::MessageTooLong { len: 0, limit: 0 };

/// The aspects that may differ if one end goes on.
const ALL_ASPECTS: &[Aspect] = &[Aspect::Received, Aspect::End, Aspect::Pongs, Aspect::Close, Aspect::Breaks];

/// A difference between peers and this crate in receiving.
pub struct Entry {
    pub peers: &'static [&'static str],
    pub does: &'static str,
    pub ours: &'static str,
    pub clause: &'static str,
    pub right: Right,
    /// The aspects that differ.
    pub aspects: &'static [Aspect],
    /// Whether a case shows this difference.
    pub is: fn(&Seen) -> bool,
    /// A case that shows it.
    pub example: fn() -> Case,
}

/// Whom the RFC supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    Ours,
    Theirs,
    Either,
}

/// The results of one case, of this crate and of a peer.
pub struct Seen<'a> {
    pub case: &'a Case,
    pub ours: Outcome,
    pub theirs: Outcome,
    /// The rule that the faulty frame breaks.
    pub rule: Option<ProtocolError>,
}

/// The differences in frames and in closing.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    frames::ENTRIES.iter().chain(closing::ENTRIES)
}

/// Gives a peer the same bytes as this crate.
pub fn compare<'a>(peer: &dyn Peer, case: &'a Case) -> Seen<'a> {
    let stream = Stream::new(&case.bytes, &case.cuts);
    let (received, end, rule) = ours::receive(case.role, case.limit, stream.clone());
    let ours = Outcome::new(case.role, received, end, stream.written()).as_shown(peer.shows());
    let stream = Stream::new(&case.bytes, &case.cuts);
    let (received, end) = peer.receive(case.role, case.limit, stream.clone());
    let theirs = Outcome::new(case.role, received, end, stream.written());
    Seen { case, ours, theirs, rule }
}

impl Seen<'_> {
    /// The aspects that differ and are in no entry.
    pub fn unknown(&self, peer: &dyn Peer) -> Vec<Aspect> {
        self.unknown_but_for(peer, entries())
    }

    /// The aspects that differ and are in none of these entries.
    pub fn unknown_but_for<'e>(
        &self,
        peer: &dyn Peer,
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Vec<Aspect> {
        let mut differs = self.ours.differs_in(&self.theirs);
        for entry in entries.filter(|entry| entry.peers.contains(&peer.name())) {
            if differs.iter().any(|aspect| entry.aspects.contains(aspect)) && (entry.is)(self) {
                differs.retain(|aspect| !entry.aspects.contains(aspect));
            }
        }
        differs
    }

    fn broke(&self, rules: &[ProtocolError]) -> bool {
        self.rule.is_some_and(|rule| rules.iter().any(|of| of.as_str() == rule.as_str()))
    }

    /// Whether one of these rules was broken and the peer went on.
    fn overlooks(&self, rules: &[ProtocolError]) -> bool {
        self.broke(rules) && self.theirs.received.starts_with(&self.ours.received)
    }

    /// The frames up to the one that ended the connection of this crate.
    fn taken(&self) -> Vec<Arrived> {
        let mut frames = self.case.arrived();
        let ends: Vec<_> = frames.iter().map(|frame| frame.end).collect();
        let stream = Stream::new(&self.case.bytes, &ends);
        ours::receive(self.case.role, self.case.limit, stream.clone());
        let read = self.case.bytes.len() - stream.left();
        frames.truncate(1 + ends.iter().position(|end| *end >= read).expect("an end"));
        frames
    }

    /// The last of them.
    fn last(&self) -> Arrived {
        self.taken().pop().expect("something was received")
    }

    /// Whether a Pong came between two fragments.
    fn pong_between_fragments(&self) -> bool {
        let mut frames = self.taken().into_iter().skip_while(|frame| frame.fin || frame.opcode >= 8);
        let mut in_message = false;
        frames.any(|frame| {
            if frame.opcode < 8 {
                in_message = !frame.fin;
            }
            in_message && frame.opcode == 10
        })
    }

    /// Whether the faulty frame also has this fault, and the peer reports it.
    fn names_another(&self, fault: Fault) -> bool {
        let (End::Failed(ours), End::Failed(theirs)) = (&self.ours.end, &self.theirs.end) else {
            return false;
        };
        ours != theirs && *theirs == fault && self.deserves(fault)
    }

    fn deserves(&self, fault: Fault) -> bool {
        let (mut before, last) = (self.taken(), self.last());
        before.pop();
        let whole = before.iter().rposition(|frame| frame.opcode < 8 && frame.fin);
        let message = before.iter().skip(whole.map_or(0, |at| at + 1)).filter(|frame| frame.opcode < 8);
        let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        match fault {
            Fault::TooBig => {
                let sum = message.fold(last.len, |sum, frame| sum.saturating_add(frame.len));
                sum > self.case.limit as u64
            }
            Fault::InvalidUtf8 if last.opcode == 8 => !last.payload.get(2..).is_some_and(is_text),
            Fault::InvalidUtf8 => {
                let text: Vec<_> = message.chain([&last]).flat_map(|frame| frame.payload.clone()).collect();
                !is_text(&text) || !is_text(&last.payload)
            }
            Fault::Protocol => false,
        }
    }

    fn is(&self, role: Role) -> bool {
        self.case.role == role
    }
}

/// The result of a head, of this crate and of a peer.
pub fn verdicts(peer: &dyn Peer, case: &HeadCase) -> (Verdict, Verdict) {
    let bytes = case.head.bytes();
    let stream = || match case.role {
        Role::Server => Stream::new(&bytes, &case.cuts),
        Role::Client => Stream::answering(&bytes, &case.cuts),
    };
    let opened = |opens: bool| if opens { Verdict::Opens } else { Verdict::Refuses };
    let (ours, theirs) = (stream(), stream());
    match case.role {
        Role::Client => {
            (opened(ours::connect(case.head.offers, ours)), opened(peer.connect(case.head.offers, theirs)))
        }
        Role::Server => {
            ours::accept(ours.clone());
            peer.accept(theirs.clone());
            let opened = |stream: &Stream| opened(case.head.is_accepted(&stream.written()));
            (opened(&ours), opened(&theirs))
        }
    }
}
