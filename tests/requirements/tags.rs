//! Reads the comments that name the requirements a test proves, and the attacks it tries.

use crate::checklist::is_id;

/// A comment and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// `tests/protocol/frames.rs:67`.
    pub(crate) place: String,
    pub(crate) ids: Vec<String>,
}

/// The start of a comment, and the form of its ids.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) mark: &'static str,
    pub(crate) is_id: fn(&str) -> bool,
}

/// `// req: 6455-5.1-b`.
pub(crate) const REQUIREMENT: Kind = Kind { mark: "// req:", is_id };

/// The tags of that kind in a source. A tag must be above a test that runs, or above a row of a test's table.
pub(crate) fn tags(kind: Kind, file: &str, source: &str) -> Result<Vec<Tag>, String> {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let mut tags = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(list) = line.strip_prefix(kind.mark) else { continue };
        let place = format!("{file}:{}", at + 1);
        let ids: Vec<_> = list.split(',').map(|id| id.trim().to_string()).collect();
        if let Some(id) = ids.iter().find(|id| !(kind.is_id)(id)) {
            return Err(format!("{place}: {id:?} is not an id"));
        }
        check_place(&lines, at).map_err(|fault| format!("{place}: {fault}"))?;
        tags.push(Tag { place, ids });
    }
    Ok(tags)
}

fn check_place(lines: &[&str], tag: usize) -> Result<(), String> {
    let passed = |line: &&str| line.is_empty() || line.starts_with("//") || line.starts_with("#[");
    let attribute = |line: &&&str| line.starts_with("#[");
    let above = lines[..tag].iter().rev().take_while(|line| passed(line) && !line.is_empty());
    let below = lines[tag..].iter().take_while(|line| passed(line));
    let attributes: Vec<&str> = above.chain(below).filter(attribute).copied().collect();
    let target = lines[tag..].iter().find(|line| !passed(line)).copied().unwrap_or_default();
    if attributes.iter().any(|attribute| attribute.starts_with("#[ignore")) {
        return Err("an ignored test proves nothing".into());
    }
    let is_test = attributes.iter().any(|one| *one == "#[test]" || one.starts_with("#[tokio::test"));
    match function(target) {
        Some(_) if is_test => Ok(()),
        Some(name) if is_listed(lines, name) => Ok(()),
        None if target.starts_with("fuzz_target!") => Ok(()),
        None if ["(", "[", "&[", "b\"", "\""].iter().any(|start| target.starts_with(start)) => Ok(()),
        _ => Err(format!("neither a test nor a row of its table: {target}")),
    }
}

/// The name of the function that begins here.
fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// Whether `over_each!`, in the tests of the async shells, turns it into tests.
fn is_listed(lines: &[&str], name: &str) -> bool {
    let list = lines.iter().skip_while(|line| !line.starts_with("over_each!")).skip(1);
    list.take_while(|line| **line != "}").any(|line| line.split(',').any(|listed| listed.trim() == name))
}

#[cfg(test)]
fn ids(source: &str) -> Option<Vec<String>> {
    tags(REQUIREMENT, "x.rs", source).ok().map(|tags| tags.into_iter().flat_map(|tag| tag.ids).collect())
}

#[test]
fn tag_above_a_test_or_a_row_is_read() {
    for below in [
        "#[test]\nfn x() {",
        "#[cfg(unix)]\n#[test]\n    fn x() {",
        "/// What it shows.\n#[test]\nfn x() {",
        "#[tokio::test(start_paused = true)]\nasync fn x() {",
        "fn x<B: Binding>() {\n}\nover_each! {\n    w,\n    x,\n}",
        "fn x<B: Binding>() {\n}\nover_each! {\n    w, x, y,\n}",
        "fuzz_target!(|bytes: &[u8]| {",
        "(TEXT, b\"x\"),",
        "&[(TEXT, b\"x\")],",
    ] {
        let expected = Some(vec!["1-2-a".to_string(), "1-2-b".to_string()]);
        assert_eq!(ids(&format!("    // req: 1-2-a, 1-2-b\n    {below}\n")), expected, "{below}");
        assert_eq!(ids(&format!("// req: 1-2-a\n// req: 1-2-b\n{below}\n")), expected, "{below}");
    }
    let below_the_attribute = "#[test]\n// req: 1-2-a\nfn x() {";
    assert_eq!(ids(below_the_attribute), Some(vec!["1-2-a".to_string()]));
    assert_eq!(ids("fn x() {\n    // it is required: 1-2-a\n}"), Some(vec![]));
}

#[test]
fn tag_in_another_place_is_refused() {
    for source in [
        "// req: 1-2-a\nfn not_a_test() {",
        "#[test]\nfn x() {\n    // req: 1-2-a\n    let row = 1;\n}",
        "// req: 1-2-a\nstruct X;",
        "// req: 1-2-a",
        "// req: 1-2-a\n#[test]\n#[ignore = \"slow\"]\nfn x() {",
        "// req: 1-2-a\n#[ignore]\n#[test]\nfn x() {",
        "// req: 1-2-a\nfn x<B>() {\n}\nover_each! {\n    y,\n}\n    x,\n",
        "// req: 1-2\n#[test]\nfn x() {",
        "// req: 1-2-a 1-2-b\n#[test]\nfn x() {",
        "// req:\n#[test]\nfn x() {",
        "// req: 1-2-a,\n#[test]\nfn x() {",
    ] {
        assert_eq!(ids(source), None, "{source}");
    }
}
