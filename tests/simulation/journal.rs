//! What was sent in one direction, and what of it has arrived.

use std::cell::RefCell;
use std::rc::Rc;

use sansocket::Message;

use crate::random::{Random, mix};

#[derive(Clone)]
pub(crate) struct Journal(Rc<RefCell<Lines>>);

struct Lines {
    /// What the messages are made of.
    salt: u64,
    longest: usize,
    /// The messages of each writer, in order.
    lanes: [Vec<Line>; 2],
    /// The reader has thrown messages away.
    has_gaps: bool,
}

#[derive(Clone, Copy, Default)]
struct Line {
    /// The call that sent it has said so. Otherwise it may arrive and need not.
    is_sent: bool,
    has_arrived: bool,
}

impl Journal {
    pub(crate) fn new(salt: u64, longest: usize) -> Self {
        Self(Rc::new(RefCell::new(Lines { salt, longest, lanes: Default::default(), has_gaps: false })))
    }

    /// A message that may be sent now.
    pub(crate) fn begin(&self, lane: usize) -> (usize, Message) {
        let mut lines = self.0.borrow_mut();
        lines.lanes[lane].push(Line::default());
        let number = lines.lanes[lane].len() - 1;
        (number, lines.message(lane, number))
    }

    pub(crate) fn sent(&self, lane: usize, number: usize) {
        let lines = &mut *self.0.borrow_mut();
        lines.lanes[lane][number].is_sent = true;
        let is_passed = lines.lanes[lane][number..].iter().skip(1).any(|line| line.has_arrived);
        assert!(lines.has_gaps || !is_passed || lines.lanes[lane][number].has_arrived, "a message was lost");
    }

    /// A message has arrived: it is one that was sent, unaltered, and later in its lane than all that arrived before. All that
    /// were sent before it in its lane have arrived.
    pub(crate) fn arrive(&self, message: &Message) {
        let lines = &mut *self.0.borrow_mut();
        let (lane, number) = parse(message.as_bytes()).expect("a message that nobody has sent");
        assert!(number < lines.lanes[lane].len(), "a message that nobody has sent");
        assert!(*message == lines.message(lane, number), "an altered message");
        let (before, from) = lines.lanes[lane].split_at_mut(number);
        assert!(from.iter().all(|line| !line.has_arrived), "a message came twice or out of order");
        let is_missing = before.iter().any(|line| line.is_sent && !line.has_arrived);
        assert!(lines.has_gaps || !is_missing, "a message was lost");
        from[0].has_arrived = true;
    }

    /// The reader throws away what arrives from now on.
    pub(crate) fn may_have_gaps(&self) {
        self.0.borrow_mut().has_gaps = true;
    }

    pub(crate) fn assert_complete(&self) {
        let lines = self.0.borrow();
        let is_missing = lines.lanes.iter().flatten().any(|line| line.is_sent && !line.has_arrived);
        assert!(
            lines.has_gaps || !is_missing,
            "a message has not arrived, and the connection was closed cleanly"
        );
    }

    /// How many messages have arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.0.borrow().lanes.iter().flatten().filter(|line| line.has_arrived).count()
    }
}

impl Lines {
    fn message(&self, lane: usize, number: usize) -> Message {
        let random = Random::new(self.salt ^ mix((lane << 32 | number) as u64));
        let len = random.magnitude(1..=self.longest);
        let mut text = format!("{lane}:{number}:");
        let is_text = random.percent(50);
        // Few words, so that compression has something to do.
        let words = ["frame", " ", "fragment", "näher", "漢字", "\u{1f600}", "0123456789"];
        while text.len() < len {
            text.push_str(random.pick(&words));
        }
        if is_text {
            return Message::from(text);
        }
        let head = text.rfind(':').unwrap_or_default();
        let mut bytes = text.into_bytes();
        if random.percent(50) {
            bytes.iter_mut().skip(head + 1).for_each(|byte| *byte = random.number() as u8);
        }
        Message::from(bytes)
    }
}

/// The longest message is longer than `longest` by less than this.
pub(crate) const EXCESS: usize = 32;

fn parse(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut parts = bytes.splitn(3, |byte| *byte == b':').map(std::str::from_utf8);
    let lane = parts.next()?.ok()?.parse().ok()?;
    let number = parts.next()?.ok()?.parse().ok()?;
    Some((lane, number)).filter(|_| lane < 2)
}
