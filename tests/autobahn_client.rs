//! The `autobahn_client` example, with a fuzzing server that has two cases.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

#[allow(dead_code, reason = "the server of these tests is a thread")]
mod example_server;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;

use example_server::path;
use sansocket::blocking;
use sansocket::{CloseCode, Config};

/// A fuzzing server with two cases. The second case ends with invalid UTF-8, and the server's verdict on it is
/// `verdict`. The resources that the client asks for go to `asked`.
fn fuzz(verdict: &'static str, asked: Sender<String>) -> String {
    fuzz_with(Config::default(), verdict, asked)
}

fn fuzz_with(config: Config, verdict: &'static str, asked: Sender<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut resource = String::new();
            let decide = |request: &sansocket::handshake::server::Request| {
                resource = format!("{}?{}", request.path(), request.query().unwrap());
                request.accept()
            };
            let mut socket = blocking::accept_with(stream.unwrap(), config.clone(), decide).unwrap();
            let (path, query) = resource.split_once('?').unwrap();
            match (path, query.ends_with("&case=2")) {
                ("/getCaseCount", _) => socket.send("2").unwrap(),
                ("/getCaseInfo", false) => socket.send(r#"{"id": "1.1.1"}"#).unwrap(),
                ("/getCaseInfo", true) => socket.send(r#"{"id": "6.3.1"}"#).unwrap(),
                ("/getCaseStatus", false) => socket.send(r#"{"behavior": "OK"}"#).unwrap(),
                ("/getCaseStatus", true) => {
                    socket.send(&format!(r#"{{"behavior": "{verdict}"}}"#)).unwrap();
                }
                ("/runCase", false) => {
                    #[cfg(feature = "deflate")]
                    assert_eq!(socket.negotiated().is_some(), config.deflate.is_some());
                    socket.send("echo me").unwrap();
                    assert_eq!(socket.read().unwrap(), Some("echo me".into()));
                }
                ("/runCase", true) => {
                    std::io::Write::write_all(&mut socket.stream(), b"\x81\x01\xff").unwrap();
                    assert_eq!(socket.read().unwrap(), None);
                    assert_eq!(socket.close_info().unwrap().code, CloseCode::INVALID_DATA);
                }
                _ => {}
            }
            asked.send(resource).unwrap();
            socket.close(CloseCode::NORMAL, "").unwrap();
        }
    });
    url
}

fn run(url: &str, options: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut command = Command::new(path("autobahn_client"));
    let mut child = command.arg(url).args(options).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    (child.wait().unwrap().code(), lines)
}

#[test]
fn all_cases_run_and_the_reports_are_requested() {
    let (sender, asked) = mpsc::channel();
    let url = fuzz("OK", sender);
    let (status, lines) = run(&url, &["--agent", "ü b"]);
    assert_eq!(status, Some(0));
    assert_eq!(lines, ["   1  1.1.1    OK", "   2  6.3.1    OK", "   2  OK"]);
    let asked: Vec<String> = asked.try_iter().collect();
    assert_eq!(asked.len(), 1 + 2 * 3 + 1);
    assert_eq!(asked.first().unwrap(), "/getCaseCount?agent=%C3%BC%20b");
    assert!(asked.contains(&"/runCase?agent=%C3%BC%20b&case=2".into()), "{asked:?}");
    assert_eq!(asked.last().unwrap(), "/updateReports?agent=%C3%BC%20b");
}

#[test]
fn chosen_cases_run_and_a_failed_case_gives_status_1() {
    let (sender, _asked) = mpsc::channel();
    let url = fuzz("FAILED", sender);
    assert_eq!(run(&url, &["--case", "1"]), (Some(0), vec!["   1  1.1.1    OK".into(), "   1  OK".into()]));
    let expected = vec!["   2  6.3.1    FAILED".into(), "   1  FAILED".into()];
    assert_eq!(run(&url, &["--quiet", "--case", "2-9"]), (Some(1), expected));
}

#[cfg(feature = "tokio")]
#[test]
fn cases_run_on_tokio() {
    let (sender, asked) = mpsc::channel();
    let url = fuzz("OK", sender);
    let (status, lines) = run(&url, &["--shell", "tokio"]);
    assert_eq!(status, Some(0));
    assert_eq!(lines, ["   1  1.1.1    OK", "   2  6.3.1    OK", "   2  OK"]);
    assert_eq!(asked.try_iter().count(), 1 + 2 * 3 + 1);
}

#[cfg(all(feature = "deflate", feature = "tokio"))]
#[test]
fn deflate_is_offered_for_the_cases_on_either_shell() {
    for shell in ["blocking", "tokio"] {
        let (sender, asked) = mpsc::channel();
        let config = Config::default().deflate(Some(sansocket::Deflate::default().min_len(0)));
        let url = fuzz_with(config, "OK", sender);
        assert_eq!(run(&url, &["--deflate", "--shell", shell]).0, Some(0));
        assert_eq!(asked.try_iter().count(), 1 + 2 * 3 + 1);
    }
}
