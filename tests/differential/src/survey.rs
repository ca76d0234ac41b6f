//! Differences that the table does not contain, one line per kind. For adding a peer.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sansocket::ProtocolError;

use crate::conversation::cases;
use crate::peers::ALL;
use crate::table::compare;
use crate::wire::LARGE;

/// The shortest case of each kind, out of this many cases.
pub fn print(count: usize) {
    let mut kinds = BTreeMap::<String, (usize, usize, String)>::new();
    let mut runner = TestRunner::deterministic();
    for limit in [LARGE, 256] {
        let strategy = cases(limit);
        for _ in 0..count {
            let case = strategy.new_tree(&mut runner).expect("a case").current();
            for peer in ALL {
                let seen = compare(peer, &case);
                let unknown = seen.unknown(peer);
                if unknown.is_empty() {
                    continue;
                }
                let end = format!("{:?}", seen.theirs.end);
                let end = end.split("(Some((").next().unwrap_or_default();
                let kind = format!(
                    "{}: {:?}, they {end}: {unknown:?}",
                    peer.name(),
                    seen.rule.map(ProtocolError::as_str)
                );
                let shown = format!(
                    "{:?} {limit} {:02x?}\n    ours   {:?}\n    theirs {:?}",
                    case.role, case.bytes, seen.ours, seen.theirs
                );
                let entry = kinds.entry(kind).or_insert_with(|| (0, usize::MAX, String::new()));
                entry.0 += 1;
                if case.bytes.len() < entry.1 {
                    (entry.1, entry.2) = (case.bytes.len(), shown);
                }
            }
        }
    }
    for (kind, (times, _, shown)) in kinds {
        println!("{kind}, {times} times\n    {}", shown.chars().take(900).collect::<String>());
    }
}
