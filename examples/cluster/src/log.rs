//! The messages of a room, in their one order. The newest are kept, for new members and for those who come back.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use sansocket::Prepared;

use crate::wire::Key;

/// The most messages that a log keeps.
pub(crate) const MAX_LEN: usize = 4096;

/// The most bytes of messages that a log keeps.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// The ID of a message in its room, as Redis makes it: a time in milliseconds, and a number within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryId {
    pub(crate) time: u64,
    pub(crate) number: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time, self.number)
    }
}

impl FromStr for EntryId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (time, number) = text.split_once('-').unwrap_or((text, "0"));
        Ok(Self { time: time.parse()?, number: number.parse()? })
    }
}

pub(crate) struct Entry {
    pub(crate) id: EntryId,
    /// The key that its author gave it, where the log itself must find it again.
    pub(crate) key: Option<Key>,
    pub(crate) message: Prepared,
}

impl Entry {
    fn len(&self) -> usize {
        self.message.frame_len()
    }
}

/// A position is the number of messages before it, from the first message that this log ever had.
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The position of the oldest message.
    start: u64,
    /// The ID of the message before the oldest one, or 0-0 if there was none. `None`: there was one, and its ID is not known.
    before: Option<EntryId>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, start: 0, before: Some(EntryId::default()) }
    }

    /// There were older messages, which are not in this log.
    pub(crate) fn is_not_the_beginning(&mut self) {
        self.before = None;
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.len();
        self.entries.push_back(entry);
        while self.entries.len() > MAX_LEN || self.bytes > MAX_BYTES {
            let Some(forgotten) = self.entries.pop_front() else { break };
            self.bytes -= forgotten.len();
            self.start += 1;
            self.before = Some(forgotten.id);
        }
    }

    /// The position behind the newest message.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    /// The position of the newest `count` messages.
    pub(crate) fn newest(&self, count: usize) -> u64 {
        self.start + self.entries.len().saturating_sub(count) as u64
    }

    /// The position behind the message with this ID. `None`: it is not known what came since.
    pub(crate) fn behind(&self, id: EntryId) -> Option<u64> {
        if self.before == Some(id) {
            return Some(self.start);
        }
        let index = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        Some(self.start + index as u64 + 1)
    }

    /// The position of the first message that is newer than this ID, or of the newest `count` messages if that is before.
    pub(crate) fn newer(&self, id: EntryId, count: usize) -> u64 {
        let index = self.entries.partition_point(|entry| entry.id <= id);
        (self.start + index as u64).min(self.newest(count))
    }

    /// The ID of the message before a position.
    pub(crate) fn id_before(&self, position: u64) -> Option<EntryId> {
        match self.index(position)? {
            0 => self.before,
            index => self.entries.get(index - 1).map(|entry| entry.id),
        }
    }

    /// The messages behind a position. `None`: some of them are forgotten.
    pub(crate) fn since(&self, position: u64) -> Option<impl Iterator<Item = &Prepared>> {
        let index = self.index(position)?;
        Some(self.entries.range(index.min(self.entries.len())..).map(|entry| &entry.message))
    }

    pub(crate) fn last(&self) -> Option<&Entry> {
        self.entries.back()
    }

    /// The message to which its author gave this key.
    pub(crate) fn with_key(&self, key: &Key) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key.as_ref() == Some(key))
    }

    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.start)?).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "this is how a test fails")]
mod tests {
    use super::*;

    fn id(number: u64) -> EntryId {
        EntryId { time: 7, number }
    }

    fn log(ids: std::ops::Range<u64>) -> Log {
        let mut log = Log::new();
        ids.for_each(|number| log.push(Entry { id: id(number), key: None, message: "x".into() }));
        log
    }

    #[test]
    fn position_behind_an_id_has_what_came_since() {
        let log = log(1..11);
        assert_eq!(log.behind(EntryId::default()), Some(0), "nothing was seen, and nothing is forgotten");
        assert_eq!(log.behind(id(3)), Some(3));
        assert_eq!(log.since(3).unwrap().count(), 7);
        assert_eq!(log.since(10).unwrap().count(), 0);
        assert_eq!(log.behind(id(11)), None, "of another life of the room");
        assert_eq!((log.newer(id(11), 4), log.newer(id(7), 4), log.newer(id(2), 4)), (6, 6, 2));
        assert_eq!((log.newest(4), log.id_before(6)), (6, Some(id(6))));
        assert_eq!(log.id_before(0), Some(EntryId::default()));
    }

    #[test]
    fn log_is_bounded_and_says_what_is_forgotten() {
        let mut log = log(1..MAX_LEN as u64 + 11);
        assert_eq!((log.start, log.end()), (10, MAX_LEN as u64 + 10));
        assert!(log.since(9).is_none() && log.since(10).is_some());
        assert_eq!((log.behind(id(9)), log.behind(id(10))), (None, Some(10)));
        assert_eq!(log.behind(EntryId::default()), None);
        let long = "x".repeat(MAX_BYTES / 4);
        (0..9).for_each(|number| {
            log.push(Entry { id: EntryId { time: 8, number }, key: None, message: (&*long).into() })
        });
        assert!(log.bytes <= MAX_BYTES && log.entries.len() == 3);
    }

    #[test]
    fn ids_are_those_of_redis() {
        assert_eq!("1700000000000-3".parse(), Ok(EntryId { time: 1_700_000_000_000, number: 3 }));
        assert_eq!(id(3).to_string().parse(), Ok(id(3)));
        for text in ["", "-", "a-1", "1-", "1-2-3", "-1-2"] {
            assert!(text.parse::<EntryId>().is_err(), "{text}");
        }
    }
}
