//! Requirements, exceptions and tags put together.

use std::collections::BTreeSet;
use std::fmt;

use crate::checklist::{Checklist, Exception, Requirement};
use crate::tags::Tag;

/// One line for each contradiction between the three.
pub(crate) fn faults(checklist: &Checklist, exceptions: &[Exception], tags: &[Tag]) -> Vec<String> {
    let mut faults = Vec::new();
    for tag in tags {
        for id in tag.ids.iter().filter(|id| !checklist.has(id)) {
            faults.push(format!("{}: there is no requirement {id}", tag.place));
        }
    }
    for Exception { what } in exceptions {
        if !checklist.has(what) && !checklist.has_section(what) {
            faults.push(format!("there is no requirement {what} to except"));
        }
    }
    for requirement in &checklist.0 {
        let Requirement { id, level, .. } = requirement;
        let proof = tags.iter().find(|tag| tag.ids.contains(id));
        let excepted = exceptions.iter().any(|exception| exception.covers(requirement));
        match (proof, excepted) {
            (Some(tag), true) => faults.push(format!("{id} is excepted, and tested at {}", tag.place)),
            (None, false) if requirement.is_rule() => {
                faults.push(format!("{id} ({level}) has neither a test nor an exception"));
            }
            _ => {}
        }
    }
    faults
}

/// The number of requirements, of those with a test, and of those excepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) all: usize,
    pub(crate) tested: usize,
    pub(crate) excepted: usize,
}

/// The requirements that bind an endpoint.
pub(crate) struct Coverage<'a> {
    requirements: Vec<(&'a Requirement, Count)>,
}

impl<'a> Coverage<'a> {
    pub(crate) fn new(checklist: &'a Checklist, exceptions: &[Exception], tags: &[Tag]) -> Self {
        let tested: BTreeSet<_> = tags.iter().flat_map(|tag| &tag.ids).collect();
        let count = |requirement: &'a Requirement| {
            let tested = usize::from(tested.contains(&requirement.id));
            let excepted = usize::from(exceptions.iter().any(|exception| exception.covers(requirement)));
            (requirement, Count { all: 1, tested, excepted })
        };
        let binding = checklist.0.iter().filter(|requirement| requirement.binds_endpoint());
        Self { requirements: binding.map(count).collect() }
    }

    /// All MUST and MUST NOT of an RFC.
    pub(crate) fn rules(&self, rfc: &str) -> Count {
        self.sum(|requirement| requirement.id.split('-').next() == Some(rfc) && requirement.is_rule())
    }

    fn sum(&self, counts: impl Fn(&Requirement) -> bool) -> Count {
        let counted = self.requirements.iter().filter(|(requirement, _)| counts(requirement));
        counted.fold(Count::default(), |sum, (_, one)| Count {
            all: sum.all + one.all,
            tested: sum.tested + one.tested,
            excepted: sum.excepted + one.excepted,
        })
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { all: 0, .. } => f.pad(""),
            Self { all, tested, excepted: 0 } => f.pad(&format!("{tested:>3} of {all:>3}")),
            Self { all, tested, excepted } => {
                f.pad(&format!("{tested:>3} of {all:>3}, {excepted:>2} excepted"))
            }
        }
    }
}

impl fmt::Display for Coverage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sections: Vec<&str> = self.requirements.iter().map(|(one, _)| one.section()).collect();
        sections.dedup();
        let mut rfcs: Vec<_> = sections.iter().filter_map(|section| section.split('-').next()).collect();
        rfcs.dedup();
        writeln!(f, "{:<14} {:<24} {:<24} MAY", "tested", "MUST, MUST NOT", "SHOULD, SHOULD NOT")?;
        let mut line = |name: &str, within: &dyn Fn(&Requirement) -> bool| {
            let level = |level: &str| self.sum(|one| within(one) && one.level.starts_with(level));
            let line = format!("{name:<14} {:<24} {:<24} {}", level("MUST"), level("SHOULD"), level("MAY"));
            writeln!(f, "{}", line.trim_end())
        };
        for section in sections {
            line(section, &|one| one.section() == section)?;
        }
        for rfc in rfcs {
            line(&format!("RFC {rfc}"), &|one| one.id.split('-').next() == Some(rfc))?;
        }
        let open = self
            .requirements
            .iter()
            .filter(|(one, count)| one.level.starts_with("SHOULD") && count.tested + count.excepted == 0);
        let open: Vec<_> = open.map(|(one, _)| &one.id[..]).collect();
        writeln!(f, "\nSHOULD and SHOULD NOT without a test: {}", open.join(", "))
    }
}

#[cfg(test)]
const ROWS: &str = "| 1-1-a | MUST | both | Do |\n| 1-1-b | MUST NOT | client | Not |\n\
    | 1-1-c | MUST | intermediary | Do |\n| 1-2-a | SHOULD | server | Should |\n| 1-3-a | MUST | both | Do |\n";

/// The faults of these exceptions and these tags.
#[cfg(test)]
fn check(exceptions: &[&str], ids: &[&str]) -> Vec<String> {
    let exceptions: Vec<_> = exceptions.iter().map(|what| Exception { what: (*what).into() }).collect();
    let ids = ids.iter().map(|id| (*id).into()).collect();
    faults(&ROWS.parse().unwrap(), &exceptions, &[Tag { place: "x.rs:1".into(), ids }])
}

#[test]
fn requirement_with_a_test_or_an_exception_has_no_fault() {
    assert_eq!(check(&[], &["1-1-a", "1-1-b", "1-3-a"]), [""; 0]);
    assert_eq!(check(&["1-1-b", "1-3"], &["1-1-a", "1-2-a"]), [""; 0]);
}

#[test]
fn contradictions_are_reported() {
    let missing = "1-1-b (MUST NOT) has neither a test nor an exception";
    assert_eq!(check(&[], &["1-1-a", "1-3-a"]), [missing]);
    assert_eq!(check(&["1-3"], &["1-1-a"]), [missing]);
    assert_eq!(check(&["1-1"], &["1-3-a", "1-4-a"]), ["x.rs:1: there is no requirement 1-4-a"]);
    assert_eq!(check(&["1-1", "1-4"], &["1-3-a"]), ["there is no requirement 1-4 to except"]);
    let twice = "1-1-a is excepted, and tested at x.rs:1";
    assert_eq!(check(&["1-1"], &["1-1-a", "1-3-a"]), [twice]);
    assert_eq!(check(&["1-1-a", "1-1-b"], &["1-1-a", "1-3-a"]), [twice]);
}

#[test]
fn rules_are_counted() {
    let exceptions = [Exception { what: "1-3".into() }];
    let tags = [Tag { place: "x.rs:1".into(), ids: vec!["1-1-a".into(), "1-2-a".into()] }];
    let checklist = ROWS.parse().unwrap();
    let coverage = Coverage::new(&checklist, &exceptions, &tags);
    assert_eq!(coverage.rules("1"), Count { all: 3, tested: 1, excepted: 1 });
    assert_eq!(coverage.rules("2"), Count::default());
    let lines = coverage.to_string();
    let line = |start: &str| lines.lines().find(|line| line.starts_with(start)).unwrap();
    assert_eq!(line("1-1"), "1-1              1 of   2");
    assert_eq!(line("1-2"), format!("{:<42}1 of   1", "1-2"));
    assert_eq!(line("RFC 1"), "RFC 1            1 of   3,  1 excepted    1 of   1");
}
