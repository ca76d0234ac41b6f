//! The feed example as a process. This crate is its server.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "an unexpected value ends the test")]

#[allow(dead_code, reason = "the example is no server")]
mod example_server;
#[cfg(feature = "tls")]
mod throwaway;

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use example_server::{PATIENCE, eventually, path};
use sansocket::blocking::{self, TimedRead, WebSocket};
use sansocket::{CloseCode, Config, Error, HandshakeError};

#[test]
fn feed_goes_on_over_lost_and_refused_connections() {
    let (listener, mut feed) = start();

    let mut first = subscribed(&listener);
    first.send("one").unwrap();
    assert_eq!(feed.line(), "one");
    drop(first); // without a closing handshake

    assert_eq!(refuse(&listener, 503), 503);
    assert_eq!(refuse(&listener, 429), 429);
    drop(listener.accept().unwrap()); // no response

    let mut second = subscribed(&listener);
    second.send(b"not text").unwrap();
    second.send("two").unwrap();
    assert_eq!(feed.line(), "two");
    second.close(CloseCode::SERVICE_RESTART, "").unwrap();

    let mut third = subscribed(&listener);
    third.send("three").unwrap();
    third.close(CloseCode::NORMAL, "that was all").unwrap();
    assert_eq!(feed.line(), "three");
    assert_eq!(feed.status(), 0);
}

#[test]
fn feed_waits_for_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut feed = Feed::start(&format!("ws://{address}/"), Stdio::piped());
    let mut notes = BufReader::new(feed.child.stderr.take().unwrap()).lines();
    assert!(notes.any(|line| line.unwrap().starts_with("feed: next attempt in ")));
    let listener = TcpListener::bind(address).unwrap();
    subscribed(&listener).close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(feed.status(), 0);
}

#[test]
fn feed_ends_if_another_attempt_would_fail_too() {
    for url in ["http://127.0.0.1/", "ws://127.0.0.1/#part"] {
        assert_eq!(Feed::start(url, Stdio::null()).status(), 1);
    }
    #[cfg(not(feature = "rustls"))]
    assert_eq!(Feed::start("wss://127.0.0.1/", Stdio::null()).status(), 1);
    for status in [301, 401, 404, 501] {
        let (listener, mut feed) = start();
        assert_eq!(refuse(&listener, status), status);
        assert_eq!(feed.status(), 1);
    }
    for (code, status) in [(CloseCode::POLICY_VIOLATION, 1), (CloseCode(3000), 1), (CloseCode::NORMAL, 0)] {
        let (listener, mut feed) = start();
        subscribed(&listener).close(code, "go away").unwrap();
        assert_eq!(feed.status(), status, "{code}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn feed_ends_if_the_certificate_is_not_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let mut feed = Feed::start(&url, Stdio::piped());
    thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let stream = blocking::NetStream::tls_server(stream, throwaway::Ca::new().server()).unwrap();
        blocking::accept(stream).ok();
    });
    assert_eq!(feed.status(), 1);
    let notes = BufReader::new(feed.child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let notes: Vec<String> = notes.collect();
    assert!(notes.len() == 1 && notes[0].starts_with("feed: the TLS handshake failed: "), "{notes:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_the_connection_with_a_reason() {
    let (listener, mut feed) = start();
    let mut socket = subscribed(&listener);
    feed.interrupt();
    has_left(&mut socket);
    assert_eq!(feed.status(), 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_feed_if_the_server_does_not_answer() {
    let (listener, mut feed) = start();
    let socket = subscribed(&listener);
    feed.interrupt();
    assert_eq!(feed.status(), 0);
    drop(socket);

    // Before the opening handshake is complete.
    let (listener, mut feed) = start();
    let stream = listener.accept().unwrap();
    feed.interrupt();
    assert_eq!(feed.status(), 0);
    drop(stream);
}

#[test]
fn connection_is_closed_if_nobody_reads_the_output() {
    let (listener, mut feed) = start();
    let mut socket = subscribed(&listener);
    feed.lines = None;
    drop(feed.child.stdout.take());
    // The thread that reads the lines ends with the next line, and the pipe with it.
    socket.send("one").unwrap();
    while socket.send("more").is_ok() && socket.read_timeout(POLL).unwrap() == TimedRead::TimedOut {}
    assert_eq!(socket.close_info().unwrap().code, CloseCode::NORMAL);
    assert_eq!(feed.status(), 0);
}

const POLL: std::time::Duration = std::time::Duration::from_millis(10);

struct Feed {
    child: Child,
    lines: Option<Receiver<String>>,
}

impl Feed {
    fn start(url: &str, notes: Stdio) -> Self {
        let mut child = Command::new(path("feed"))
            .args([url, "subscribe", "--delay", "20", "--max-delay", "100"])
            .stdout(Stdio::piped())
            .stderr(notes)
            .spawn()
            .expect("the example is built; if not, `cargo build --examples`");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines: Some(lines) }
    }

    fn line(&self) -> String {
        self.lines.as_ref().unwrap().recv_timeout(PATIENCE).expect("a line on the standard output")
    }

    /// Waits for the end of the process.
    fn status(&mut self) -> i32 {
        eventually("the feed ends", || self.child.try_wait().unwrap())
            .code()
            .expect("an end without a signal")
    }

    #[cfg(unix)]
    fn interrupt(&self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server, and the example that connects to it.
fn start() -> (TcpListener, Feed) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let feed = Feed::start(&format!("ws://{}/", listener.local_addr().unwrap()), Stdio::null());
    (listener, feed)
}

/// The next connection, after its first message.
fn subscribed(listener: &TcpListener) -> WebSocket<TcpStream> {
    let mut socket = blocking::accept(listener.accept().unwrap().0).unwrap();
    let TimedRead::Message(message) = socket.read_timeout(PATIENCE).unwrap() else { panic!("no message") };
    assert_eq!(message.as_text(), Some("subscribe"));
    socket
}

/// Refuses the next connection. Gives the status.
fn refuse(listener: &TcpListener, status: u16) -> u16 {
    let stream = listener.accept().unwrap().0;
    match blocking::accept_with(stream, Config::default(), |request| request.reject(status)) {
        Err(Error::Handshake(HandshakeError::Rejected(status))) => status,
        other => panic!("{other:?}"),
    }
}

/// Checks that nothing but the client's Close frame arrives.
#[cfg(unix)]
fn has_left(socket: &mut WebSocket<TcpStream>) {
    assert_eq!(socket.read_timeout(PATIENCE).unwrap(), TimedRead::Closed);
    let info = socket.close_info().unwrap();
    assert_eq!((info.code, &*info.reason, info.was_clean), (CloseCode::NORMAL, "the reader has left", true));
}
