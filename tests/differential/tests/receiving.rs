//! Receiving: every difference is in the table, and every entry of the table is a difference.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sansocket_differential::conversation::cases;
use sansocket_differential::peers::ALL;
use sansocket_differential::table::{compare, entries};
use sansocket_differential::wire::{Case, LARGE};

/// `PROPTEST_CASES` sets the number of cases.
fn config() -> ProptestConfig {
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 20_000 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    for peer in ALL {
        let seen = compare(peer, case);
        let unknown = seen.unknown(peer);
        prop_assert!(
            unknown.is_empty(),
            "{}, {:?}: {unknown:?}\n{:02x?}\nours   {:?}, {:?}\ntheirs {:?}",
            peer.name(),
            case.role,
            case.bytes,
            seen.ours,
            seen.rule,
            seen.theirs
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn all_differences_are_known(case in cases(LARGE)) {
        check(&case)?;
    }

    #[test]
    fn all_differences_where_lengths_are_limited_are_known(case in cases(256)) {
        check(&case)?;
    }
}

#[test]
fn every_entry_makes_the_difference_that_it_speaks_of() {
    for entry in entries() {
        let case = (entry.example)();
        for name in entry.peers {
            let peer = *ALL.iter().find(|peer| peer.name() == *name).expect("a peer");
            let seen = compare(peer, &case);
            let others = entries().filter(|other| !std::ptr::eq(*other, entry));
            let missing = seen.unknown_but_for(peer, others);
            assert!(!missing.is_empty(), "{name} {}\n{:?}\n{:?}", entry.does, seen.ours, seen.theirs);
            assert_eq!(seen.unknown(peer), [], "{name} {}\n{:?}\n{:?}", entry.does, seen.ours, seen.theirs);
        }
    }
}

/// A peer that is not in an entry does not show its difference.
#[test]
fn no_entry_leaves_anybody_out() {
    for entry in entries() {
        let case = (entry.example)();
        for peer in ALL.iter().filter(|peer| !entry.peers.contains(&peer.name())) {
            let seen = compare(*peer, &case);
            assert_eq!(
                seen.unknown(*peer),
                [],
                "{} {}\n{:?}\n{:?}",
                peer.name(),
                entry.does,
                seen.ours,
                seen.theirs
            );
        }
    }
}

/// The random conversations reach every fault.
#[test]
fn every_rule_is_broken_by_some_conversation() {
    let mut broken = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    for limit in [LARGE, 256] {
        for _ in 0..5_000 {
            let case = cases(limit).new_tree(&mut runner).expect("a case").current();
            broken.extend(compare(ALL[0], &case).rule.map(|rule| rule.as_str()));
        }
    }
    // All but the limit on fragments, which no peer has, and the end of the stream.
    assert_eq!(broken.len(), 15, "{broken:?}");
}
