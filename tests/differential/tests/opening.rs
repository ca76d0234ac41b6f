//! Opening handshakes: whether a head opens a connection. The table lists the peers that differ.

use proptest::prelude::*;
use sansocket::Role;
use sansocket_differential::heads::{HeadCase, heads};
use sansocket_differential::peers::ALL;
use sansocket_differential::table::heads::{Row, Verdict, rows};
use sansocket_differential::table::verdicts;

#[test]
fn every_change_alone_is_seen_as_the_table_says() {
    for role in [Role::Server, Role::Client] {
        for row in rows(role) {
            let case = HeadCase::new(role, vec![row]);
            for peer in ALL {
                let (ours, theirs) = verdicts(peer, &case);
                assert_eq!(ours, row.ours, "to a {role:?}: {row:?}");
                let otherwise = row.otherwise.contains(&peer.name());
                assert_eq!(theirs != ours, otherwise, "{}, to a {role:?}: {row:?}", peer.name());
            }
        }
    }
}

/// `PROPTEST_CASES` sets the number of cases.
fn config() -> ProptestConfig {
    let cases =
        if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 2_000 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A head with several changes is refused for one of them, or accepted.
fn check(case: &HeadCase) -> Result<(), TestCaseError> {
    let refuses = |verdict: fn(&Row, &str) -> Verdict, name: &str| {
        let refused = case.changes.iter().any(|row| verdict(row, name) == Verdict::Refuses);
        if refused { Verdict::Refuses } else { Verdict::Opens }
    };
    for peer in ALL {
        let (ours, theirs) = verdicts(peer, case);
        let head = case.head.bytes();
        let head = head.escape_ascii();
        prop_assert_eq!(ours, refuses(|row, _| row.ours, ""), "{:?} {:?} {}", case.role, case.changes, head);
        let expected = refuses(Row::theirs, peer.name());
        prop_assert_eq!(theirs, expected, "{}: {:?} {:?} {}", peer.name(), case.role, case.changes, head);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn changes_to_requests_do_not_depend_on_each_other(case in heads(Role::Server)) {
        check(&case)?;
    }

    #[test]
    fn changes_to_responses_do_not_depend_on_each_other(case in heads(Role::Client)) {
        check(&case)?;
    }
}
