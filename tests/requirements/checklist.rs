//! Reads the checklists and the exceptions from the tables in their documents.

use std::collections::BTreeSet;
use std::str::FromStr;

const LEVELS: [&str; 5] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"];
/// Why a requirement has no test.
const KINDS: [&str; 5] =
    ["another library's", "browser only", "cannot occur", "the user's obligation", "transport below us"];
const WHO: [&str; 5] = ["client", "server", "both", "intermediary", "spec"];

/// A requirement of an RFC, and whom it binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// `6455-5.5.1-b`: the RFC, the section, a letter or two.
    pub(crate) id: String,
    /// Without the `(i)`.
    pub(crate) level: String,
    pub(crate) who: String,
}

impl Requirement {
    /// `6455-5.5.1`.
    pub(crate) fn section(&self) -> &str {
        self.id.rsplit_once('-').map_or("", |(section, _)| section)
    }

    /// Whether it is a MUST or MUST NOT for a client or a server.
    pub(crate) fn is_rule(&self) -> bool {
        self.level.starts_with("MUST") && self.binds_endpoint()
    }

    pub(crate) fn binds_endpoint(&self) -> bool {
        matches!(&self.who[..], "client" | "server" | "both")
    }
}

#[derive(Debug)]
pub(crate) struct Checklist(pub(crate) Vec<Requirement>);

impl Checklist {
    pub(crate) fn has(&self, id: &str) -> bool {
        self.0.iter().any(|requirement| requirement.id == id)
    }

    pub(crate) fn has_section(&self, section: &str) -> bool {
        self.0.iter().any(|requirement| requirement.section() == section)
    }
}

impl FromStr for Checklist {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut ids = BTreeSet::new();
        let mut requirements = Vec::new();
        for cells in rows(text) {
            let [id, level, who, what] = cells[..] else { return Err(format!("not four cells: {cells:?}")) };
            let keyword = level.strip_suffix("(i)").unwrap_or(level);
            if !is_id(id) || !LEVELS.contains(&keyword) || !WHO.contains(&who) || what.is_empty() {
                return Err(format!("not a requirement: {cells:?}"));
            }
            if !ids.insert(id) {
                return Err(format!("{id} is in the list twice"));
            }
            requirements.push(Requirement { id: id.into(), level: keyword.into(), who: who.into() });
        }
        Ok(Self(requirements))
    }
}

/// A requirement without a test: an id, or a whole section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) what: String,
}

impl Exception {
    pub(crate) fn covers(&self, requirement: &Requirement) -> bool {
        self.what == requirement.id || self.what == requirement.section()
    }
}

/// The exceptions of a document, each with its kind and its reason.
pub(crate) fn exceptions(text: &str) -> Result<Vec<Exception>, String> {
    let mut exceptions: Vec<Exception> = Vec::new();
    for cells in rows(text) {
        let [what, kind, why] = cells[..] else { return Err(format!("not three cells: {cells:?}")) };
        if !KINDS.contains(&kind) || why.is_empty() {
            return Err(format!("{what} is excepted without a reason of a known kind"));
        }
        if exceptions.iter().any(|known| known.what == what) {
            return Err(format!("{what} is excepted twice"));
        }
        exceptions.push(Exception { what: what.into() });
    }
    Ok(exceptions)
}

/// The cells of the rows whose first cell begins with a number. Other rows are headings.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    all_rows(text).filter(|cells| cells[0].starts_with(|first: char| first.is_ascii_digit()))
}

/// The cells of all rows.
pub(crate) fn all_rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    rows.map(|row| row.trim_end().trim_end_matches('|').split('|').map(str::trim).collect())
}

/// `6455-5.5.1-b`.
pub(crate) fn is_id(id: &str) -> bool {
    let parts: Vec<_> = id.split('-').collect();
    let [rfc, section, letters] = parts[..] else { return false };
    let numbers = |text: &str| text.split('.').all(|part| part.parse::<u16>().is_ok());
    rfc.parse::<u16>().is_ok()
        && numbers(section)
        && !letters.is_empty()
        && letters.bytes().all(|letter| letter.is_ascii_lowercase())
}

#[test]
fn valid_checklist_is_read() {
    let text = "| id | level | who | requirement |\n|---|---|---|---|\n\
        | 1-2.3-a | MUST(i) | both | Do |\n| 1-2.3-ab | MUST NOT | spec | Not |\n| 1-4-a | MAY | server | May |\n";
    let Checklist(read) = text.parse().unwrap();
    let seen: Vec<_> =
        read.iter().map(|one| (&one.id[..], one.section(), &one.level[..], one.is_rule())).collect();
    let expected = [
        ("1-2.3-a", "1-2.3", "MUST", true),
        ("1-2.3-ab", "1-2.3", "MUST NOT", false),
        ("1-4-a", "1-4", "MAY", false),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn invalid_checklist_is_refused() {
    let rows = [
        "| 1-2-a | MUST | both |",
        "| 1-2-a | MUST | both | |",
        "| 1-2-a | OUGHT | both | Do |",
        "| 1-2-a | MUST | nobody | Do |",
        "| 1-2 | MUST | both | Do |",
        "| 1-x-a | MUST | both | Do |",
        "| 1-2-A | MUST | both | Do |",
        "| 1-2-a | MUST | both | Do |\n| 1-2-a | MAY | both | Or not |",
    ];
    for row in rows {
        assert!(row.parse::<Checklist>().is_err(), "{row}");
    }
}

#[test]
fn exception_without_a_reason_is_refused() {
    let one = Exception { what: "1-2-a".into() };
    assert_eq!(exceptions("| 1-2-a | browser only | no page here |"), Ok(vec![one]));
    for row in [
        "| 1-2-a | browser only |",
        "| 1-2-a | browser only | |",
        "| 1-2-a | too hard | why |",
        "| 1-2-a | browser only | why |\n| 1-2-a | browser only | why |",
    ] {
        assert!(exceptions(row).is_err(), "{row}");
    }
}
