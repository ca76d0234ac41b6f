//! An example server with the option `--threads N`.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use sansocket::blocking::{self, TimedRead};

use super::example_server::{PATIENCE, Server, path};

/// Enough connections that each of two threads gets some. The probability that one gets fewer than eight is 10⁻¹⁰.
const CONNECTIONS: usize = 64;

fn output(example: &str, options: &[&str]) -> Output {
    Command::new(path(example)).args(options).output().unwrap()
}

pub(crate) fn help_names_the_option_and_0_is_refused(example: &str) {
    let help = output(example, &["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("--threads <N>"));

    let refused = output(example, &["--threads", "0", "--bind", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("'0' for '--threads <N>'"));
    assert!(refused.stdout.is_empty(), "no address is printed");
}

/// With two threads all connections are echoed, and each thread has some of them.
pub(crate) fn two_threads_share_the_connections(example: &str) {
    let server = Server::start(example, &["--threads", "2"]);
    let mut sockets: Vec<_> =
        (0..CONNECTIONS).map(|_| blocking::connect(&server.url("/")).unwrap()).collect();
    for round in 0..3 {
        let text = |index: usize| format!("message {round} of connection {index}");
        for (index, socket) in sockets.iter_mut().enumerate() {
            socket.send(&text(index)).unwrap();
        }
        for (index, socket) in sockets.iter_mut().enumerate() {
            match socket.read_timeout(PATIENCE).unwrap() {
                TimedRead::Message(message) => assert_eq!(message.as_text(), Some(&*text(index))),
                other => panic!("{other:?} instead of a message"),
            }
        }
    }
    let watched = watched_descriptors(&server);
    assert_eq!(watched.len(), 2, "{watched:?}");
    for descriptors in watched {
        assert!((8..CONNECTIONS).contains(&descriptors.len()), "{descriptors:?}");
    }
}

/// The descriptors that each epoll instance of the server's process waits for. Two descriptors of one instance count as one.
fn watched_descriptors(server: &Server) -> BTreeSet<BTreeSet<String>> {
    let files = fs::read_dir(format!("/proc/{}/fdinfo", server.pid())).unwrap();
    let instance = |text: String| -> BTreeSet<String> {
        let entries = text.lines().filter_map(|line| line.strip_prefix("tfd:"));
        entries.filter_map(|entry| entry.split_whitespace().next()).map(str::to_owned).collect()
    };
    let all = files.map(|file| instance(fs::read_to_string(file.unwrap().path()).unwrap()));
    all.filter(|descriptors| !descriptors.is_empty()).collect()
}
