//! Pipes that the other program has closed: no error message, the exit status as documented.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;

use sansocket::{CloseCode, Message};

use super::CLIENT;
use super::example_server::eventually;
use super::process::{Socket, echo, serve, serve_raw};

/// Sends numbers until the client closes. Gives its close code.
fn count(socket: Socket) -> CloseCode {
    let (mut reader, writer) = socket.split();
    thread::spawn(move || (0_u64..).try_for_each(|number| writer.send(&number.to_string())));
    while reader.read().unwrap().is_some() {}
    reader.close_info().unwrap().code
}

/// Sends numbers, reads nothing, and does not close.
fn count_on(mut stream: TcpStream) {
    (0_u32..).try_for_each(|_| stream.write_all(b"\x81\x01!")).unwrap_err();
}

/// Starts the client, and ends the program that reads its output after some of it. The client ends by itself with the
/// status for that, and with this on the standard error.
fn ends_behind_head(url: &str, options: &[&str], notes: &str) {
    let mut command = Command::new(CLIENT);
    command.arg(url).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert!(!output.fill_buf().unwrap().is_empty());
    drop(output);
    // `wait` would close the standard input first.
    let status = eventually("the client ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(7));
    assert_eq!(std::io::read_to_string(child.stderr.take().unwrap()).unwrap(), notes);
}

/// As `sansocket … | head -1`.
#[test]
fn reader_of_the_output_that_ends_is_no_error() {
    for options in [&["--quiet"][..], &["--quiet", "--json"], &["--quiet", "--raw"]] {
        let (url, server) = serve(count);
        ends_behind_head(&url, options, "");
        assert_eq!(server.join().unwrap(), CloseCode::GOING_AWAY);
    }
}

#[test]
fn server_that_does_not_close_makes_no_error_of_it() {
    let (url, _server) = serve_raw(count_on);
    ends_behind_head(&url, &["--quiet", "--close-timeout", "0.1"], "");
}

#[test]
fn closed_standard_error_changes_nothing() {
    let (url, server) = serve(|mut socket| {
        assert_eq!(socket.read().unwrap(), Some(Message::from("go on")));
        socket.ping(b"noted nowhere").unwrap();
        socket.send("printed").unwrap();
        echo(socket)
    });
    let mut command = Command::new(CLIENT);
    command.arg(&url).args(["-n", "1"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    child.stdin.as_mut().unwrap().write_all(b"go on\n").unwrap();
    let output = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert_eq!(output, "printed\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

/// The end of a pipe that nobody reads.
#[cfg(unix)]
fn unread_pipe() -> Stdio {
    let mut reader = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
    let pipe = reader.stdin.take().unwrap();
    reader.wait().unwrap();
    pipe.into()
}

#[cfg(unix)]
#[test]
fn closed_pipes_of_help_and_completions_are_no_panic() {
    for (option, status) in [("--help", 0), ("--completions=bash", 7)] {
        let output = Command::new(CLIENT).arg(option).stdout(unread_pipe()).output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(status), &b""[..]), "{option}");
    }
}
