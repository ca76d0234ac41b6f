//! The pages of the examples connect to the host that they come from, and nothing else of their address leaks in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn urls_of_sockets_are_built_from_parts_of_the_location() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut pages = Vec::new();
    for path in files(&folder) {
        let Ok(source) = fs::read_to_string(&path) else { continue };
        for (at, _) in source.match_indices("new WebSocket(") {
            let (_, call) = source.split_at(at);
            let (call, _) = call.split_once(';').unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(call.contains(" + location.host + \""), "{name}: {call}");
            // `host` has the port. The others have, or are, a query or a fragment, or keep the page's own path.
            for part in ["href", "search", "hash", "pathname", "origin", "hostname", "URL", "replace"] {
                assert!(!call.contains(part), "{name}: {call}");
            }
            pages.push(name.to_owned());
        }
    }
    pages.sort();
    assert_eq!(pages, ["chat.js", "echo.html", "echo_tls.rs"], "all pages with a socket");
}
