//! Compressed messages are the same at the other end, and the verdicts on faulty ones are those in the table.

use sansocket::{Message, Role};
use sansocket_differential::compressed::{Agreed, Ours, faults, messages, peers};
use sansocket_differential::wire::LARGE;

/// The receiver and the sender.
const ROLES: [(Role, Role); 2] = [(Role::Client, Role::Server), (Role::Server, Role::Client)];

#[test]
fn others_read_what_this_crate_compresses() {
    for agreed in Agreed::all() {
        for (to, from) in ROLES {
            let (wire, sent) = messages::by_ours(from, agreed);
            for peer in peers::ALL {
                let verdict = peer.receive(to, agreed, LARGE, &wire);
                assert!(
                    verdict == messages::expected(&sent),
                    "{}, {agreed:?}, {to:?}: {verdict}",
                    peer.name()
                );
            }
        }
    }
}

/// In one frame and in many, in reads of many lengths.
#[test]
fn this_crate_reads_what_others_compress() {
    for peer in peers::ALL {
        let sent: Vec<Message> = messages::all().into_iter().filter(|message| peer.sends(message)).collect();
        let expected = messages::expected(&sent);
        for agreed in Agreed::all() {
            for (to, from) in ROLES {
                let wire = peer.send(from, agreed, &sent);
                for len in [usize::MAX / 2, 20_000, 1000] {
                    let wire = messages::refragmented(&wire, to, len);
                    let cuts: Vec<usize> =
                        (1..).map(|n| n * n * 7).take_while(|at| *at < wire.len()).collect();
                    let verdict = Ours::new(to, agreed, LARGE).receive(&wire, &cuts);
                    assert!(verdict == expected, "{}, {agreed:?}, {to:?}, {len}: {verdict}", peer.name());
                }
            }
        }
    }
}

#[test]
fn verdicts_on_faults_are_those_in_the_table() {
    for row in faults::ROWS {
        for (role, _) in ROLES {
            assert_eq!(row.verdict(role).to_string(), row.ours, "{}, {role:?}", row.with);
            for (peer, verdict) in peers::ALL.iter().zip(row.others()) {
                let theirs = peer.receive(role, row.agreed, row.limit, &row.wire(role));
                assert_eq!(theirs.to_string(), verdict, "{}: {}, {role:?}", peer.name(), row.with);
            }
        }
    }
}

/// This crate comes to the same verdict for reads of any length.
#[test]
fn verdicts_of_this_crate_do_not_depend_on_reads() {
    for row in faults::ROWS {
        for (role, _) in ROLES {
            let wire = row.wire(role);
            for at in 1..wire.len() {
                let verdict = Ours::new(role, row.agreed, row.limit).receive(&wire, &[at]);
                assert_eq!(verdict.to_string(), row.ours, "{}, {role:?}, cut at {at}", row.with);
            }
        }
    }
}
