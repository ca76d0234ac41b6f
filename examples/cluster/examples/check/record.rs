//! What the records of all windows of a room say together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use crate::window::{MessageId, Record, Told};

/// Counts over all rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) confirmed: usize,
    pub(crate) refused: usize,
    pub(crate) resumed: usize,
    /// Of a confirmed message and a window that did not show it.
    pub(crate) lost: usize,
    /// Of a message that a window showed twice, or that has two IDs.
    pub(crate) doubled: usize,
    /// Of a message that a window showed behind a newer one, or that its author typed before the one in front of it.
    pub(crate) reordered: usize,
    /// Of a message that was refused and shown.
    pub(crate) leaked: usize,
    /// Of a message whose author was told nothing.
    pub(crate) open: usize,
    /// Of windows that could not resume.
    pub(crate) gaps: usize,
}

impl Verdict {
    /// Whether the messages are as they should be.
    pub(crate) fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.reordered + self.leaked + self.open == 0
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.confirmed += other.confirmed;
        self.refused += other.refused;
        self.resumed += other.resumed;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.leaked += other.leaked;
        self.open += other.open;
        self.gaps += other.gaps;
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { confirmed, refused, resumed, lost, doubled, reordered, leaked, open, gaps } = self;
        write!(
            f,
            "{confirmed:9} | {lost:4} | {doubled:7} | {reordered:9} | {refused:7} | {leaked:6} | {open:4} | {gaps:4} | {resumed:7}"
        )
    }
}

pub(crate) const HEADING: &str =
    "confirmed | lost | doubled | reordered | refused | leaked | open | gaps | resumed";

/// Judges the records of all windows of one room, which were there before its first message.
pub(crate) fn judge(records: &[Record]) -> Verdict {
    let mut verdict = Verdict::default();
    // The one order: by ID, what anybody was shown or was told.
    let mut order: BTreeMap<MessageId, &str> = BTreeMap::new();
    let mut ids: HashMap<&str, HashSet<MessageId>> = HashMap::new();
    for record in records {
        let told = record.told.iter().filter_map(|(key, told)| match told {
            Told::Said(id) => Some((id, key)),
            Told::Refused => None,
        });
        for (id, key) in record.shown.iter().map(|(id, key)| (id, key)).chain(told) {
            order.insert(*id, key);
            ids.entry(key).or_default().insert(*id);
        }
        verdict.open += record.waiting.len();
        verdict.gaps += record.gaps;
        verdict.resumed += record.connections.saturating_sub(1);
    }
    verdict.doubled += ids.values().map(|ids| ids.len() - 1).sum::<usize>();

    // Keys are the name of the author and a number.
    let mut newest: HashMap<&str, &str> = HashMap::new();
    for key in order.values() {
        let (author, number) = key.rsplit_once('-').unwrap();
        let before = newest.insert(author, number);
        verdict.reordered += usize::from(before.is_some_and(|before| before >= number));
    }
    let confirmed: Vec<&str> = records.iter().flat_map(|record| &record.told).filter_map(said).collect();
    verdict.confirmed = confirmed.len();
    for record in records {
        let shown: HashSet<&str> = record.shown.iter().map(|(_, key)| key.as_str()).collect();
        verdict.lost += confirmed.iter().filter(|key| !shown.contains(**key)).count();
        verdict.doubled += record.shown.len() - shown.len();
        verdict.reordered += record.shown.windows(2).filter(|pair| pair[0].0 > pair[1].0).count();
        let refused = record.told.iter().filter(|(_, told)| **told == Told::Refused);
        let refused: Vec<&String> = refused.map(|(key, _)| key).collect();
        verdict.refused += refused.len();
        verdict.leaked += refused.iter().filter(|key| ids.contains_key(key.as_str())).count();
    }
    verdict
}

fn said<'a>((key, told): (&'a String, &Told)) -> Option<&'a str> {
    matches!(told, Told::Said(_)).then_some(key)
}

/// Proves that [`judge`] finds what it looks for: the records of a run without faults, with one bug each.
pub(crate) fn plant(records: &[Record]) {
    let clean = judge(records);
    assert!(clean.is_clean(), "{clean:?}");
    let busy = records.iter().position(|record| record.shown.len() > 20).expect("a window with messages");
    let bugs: [(&str, fn(&mut Record), Verdict); 5] = [
        (
            "doubles",
            |record| record.shown.insert(9, record.shown[8].clone()),
            Verdict { doubled: 1, ..clean },
        ),
        ("loses", |record| drop(record.shown.remove(9)), Verdict { lost: 1, ..clean }),
        ("reorders", |record| record.shown.swap(8, 9), Verdict { reordered: 1, ..clean }),
        (
            "says again under a new ID",
            |record| {
                let ((time, number), key) = record.shown.last().unwrap().clone();
                record.shown.push(((time, number + 1_000_000), key));
            },
            // The window shows it twice, it has two IDs, and its author did not type it twice.
            Verdict { doubled: 2, reordered: 1, ..clean },
        ),
        (
            "shows what is refused",
            |record| {
                let key = record.shown[9].1.clone();
                record.told.insert(key, Told::Refused);
            },
            Verdict { refused: clean.refused + 1, leaked: 1, ..clean },
        ),
    ];
    for (name, bug, expected) in bugs {
        let mut records = records.to_vec();
        bug(&mut records[busy]);
        let verdict = judge(&records);
        // The author of the message that is refused may be this window.
        let is_same = Verdict { confirmed: clean.confirmed, ..verdict } == expected;
        assert!(is_same && !verdict.is_clean(), "a bug that {name}: {verdict:?}, not {expected:?}");
        println!(
            "planted: a bug that {name}: {:?}",
            (verdict.lost, verdict.doubled, verdict.reordered, verdict.leaked)
        );
    }
}
