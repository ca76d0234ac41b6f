//! Checks that each rule of the RFCs has a test or a reason for having none.
//!
//! `tests/requirements/` has a checklist for each RFC, and the exceptions. A test names the ids it proves in a comment
//! above it: `// req: 6455-5.1-b, 6455-5.1-e`. A test proves a requirement if it fails when the rule is broken.
//!
//! `cargo test --test requirements -- --nocapture coverage` prints how much of each section is covered.
//!
//! The same holds for the attacks of `tests/attacks/attacks.md`, with `// attack: framing-2`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test panics if it meets something unexpected"
)]

#[path = "requirements/attacks.rs"]
mod attacks;
#[path = "requirements/checklist.rs"]
mod checklist;
#[path = "requirements/proof.rs"]
mod proof;
#[path = "requirements/tags.rs"]
mod tags;

use std::fs;
use std::path::{Path, PathBuf};

use attacks::ATTACK;
use checklist::{Checklist, Exception};
use proof::{Count, Coverage};
use tags::{Kind, REQUIREMENT, Tag};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn checklist() -> Checklist {
    ["rfc6455", "rfc7692", "rfc8441"]
        .iter()
        .map(|rfc| read(format!("tests/requirements/{rfc}.md")))
        .collect::<String>()
        .parse()
        .unwrap()
}

fn exceptions() -> Vec<Exception> {
    checklist::exceptions(&read("tests/requirements/exceptions.md")).unwrap()
}

/// All tags of that kind in the sources.
fn all_tags(kind: Kind) -> Vec<Tag> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "examples", "fuzz/fuzz_targets"] {
        sources(&root().join(folder), &mut files);
    }
    files.sort();
    let tags = files.iter().map(|file| {
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        tags::tags(kind, &name, &fs::read_to_string(file).unwrap()).unwrap()
    });
    tags.flatten().collect()
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn each_rule_that_binds_an_endpoint_has_a_test_or_an_exception() {
    let faults = proof::faults(&checklist(), &exceptions(), &all_tags(REQUIREMENT));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn less_than_15_percent_of_the_rules_are_excepted() {
    let total = Coverage::new(&checklist(), &exceptions(), &all_tags(REQUIREMENT)).rules("6455");
    assert!(total.excepted * 100 < total.all * 15, "{} of {}", total.excepted, total.all);
}

#[test]
fn coverage_is_printed() {
    println!("{}", Coverage::new(&checklist(), &exceptions(), &all_tags(REQUIREMENT)));
}

#[test]
fn readme_states_these_figures() {
    let total = Coverage::new(&checklist(), &exceptions(), &all_tags(REQUIREMENT)).rules("6455");
    let words = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let Count { all, tested, excepted } = total;
    let said = format!(
        "{all} rules that bind an endpoint, {tested} are proved by tests that name them and {excepted} are [excepted]"
    );
    assert!(words.contains(&said), "the README does not say: {said}");
}

fn list_of_attacks() -> Vec<(String, String)> {
    attacks::list(&read("tests/attacks/attacks.md")).unwrap()
}

#[test]
fn each_attack_has_a_test() {
    let faults = attacks::faults(&list_of_attacks(), &all_tags(ATTACK));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn attacks_with_their_tests_are_printed() {
    let tags = all_tags(ATTACK);
    let places = attacks::places(&tags);
    for (id, attack) in list_of_attacks() {
        println!("{id}: {attack}");
        places[&*id].iter().for_each(|place| println!("    {place}"));
    }
}
