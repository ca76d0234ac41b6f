//! The list of attacks, and the tests that name them.

use std::collections::BTreeMap;

use crate::checklist::all_rows;
use crate::tags::{Kind, Tag};

/// `// attack: framing-2`.
pub(crate) const ATTACK: Kind = Kind { mark: "// attack:", is_id };

/// A word and a number.
fn is_id(id: &str) -> bool {
    id.split_once('-').is_some_and(|(word, number)| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && number.parse::<u8>().is_ok()
    })
}

/// The ids of a list and their attacks, in the order of the list.
pub(crate) fn list(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut attacks: Vec<(String, String)> = Vec::new();
    for cells in all_rows(text).filter(|cells| cells[0] != "id") {
        let [id, attack, _, bound] = cells[..] else { return Err(format!("not four cells: {cells:?}")) };
        if !is_id(id) || attack.is_empty() || bound.is_empty() {
            return Err(format!("not an attack: {cells:?}"));
        }
        if attacks.iter().any(|(known, _)| known == id) {
            return Err(format!("{id} is in the list twice"));
        }
        attacks.push((id.into(), attack.into()));
    }
    Ok(attacks)
}

/// The places of the tests of each attack.
pub(crate) fn places(tags: &[Tag]) -> BTreeMap<&str, Vec<&str>> {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for tag in tags {
        for id in &tag.ids {
            places.entry(id).or_default().push(&tag.place);
        }
    }
    places
}

/// Attacks without a test, and tags without an attack.
pub(crate) fn faults(attacks: &[(String, String)], tags: &[Tag]) -> Vec<String> {
    let places = places(tags);
    let untried = attacks.iter().filter(|(id, _)| !places.contains_key(id.as_str()));
    let unknown = places.iter().filter(|(id, _)| !attacks.iter().any(|(known, _)| known == **id));
    untried
        .map(|(id, attack)| format!("{id} has no test: {attack}"))
        .chain(unknown.map(|(id, places)| format!("{id} is not in the list: {places:?}")))
        .collect()
}

#[test]
fn attack_without_a_test_and_tag_without_an_attack_are_reported() {
    let row = |id: &str| format!("| {id} | a | b | c |\n");
    let head = "| id | attack | who | what |\n|---|---|---|---|\n";
    let attacks = list(&[head, &row("io-1"), &row("utf8-2")].concat()).unwrap();
    assert_eq!(attacks.len(), 2);
    let tag = |ids: &[&str]| Tag { place: "x.rs:1".into(), ids: ids.iter().map(|id| (*id).into()).collect() };
    assert_eq!(faults(&attacks, &[tag(&["io-1", "utf8-2"])]), [""; 0]);
    assert_eq!(faults(&attacks, &[tag(&["io-1"])]), ["utf8-2 has no test: a"]);
    let unknown = faults(&attacks, &[tag(&["io-1"]), tag(&["utf8-2", "io-3"])]);
    assert_eq!(unknown, ["io-3 is not in the list: [\"x.rs:1\"]"]);
    for broken in ["io", "io-x", "IO-1", "-1", "8-1"] {
        assert!(list(&[head, &row(broken)].concat()).is_err(), "{broken}");
    }
    assert!(list(&[head, &row("io-1"), &row("io-1")].concat()).is_err());
}
