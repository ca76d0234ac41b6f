//! Each exit status, and the note that comes with it.

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc;

use sansocket::CloseCode;

use super::process::{Client, Socket, echo, listen, read_frame, read_to_end, serve, serve_raw};

const STATUS_OK: i32 = 0;
const CLOSED_BY_SERVER: i32 = 1;
const USAGE: i32 = 2;
const NO_CONNECTION: i32 = 3;
const REFUSED: i32 = 4;
const RULE_BROKEN: i32 = 5;
const LOST: i32 = 6;
const INPUT_OR_OUTPUT: i32 = 7;
const TOO_FEW: i32 = 8;

#[test]
fn close_by_the_server_gives_status_0_or_1() {
    let rows = [(1000, STATUS_OK), (1001, STATUS_OK), (1008, CLOSED_BY_SERVER), (4001, CLOSED_BY_SERVER)];
    for (code, status) in rows {
        let (url, _server) = serve(move |mut socket| socket.close(CloseCode(code), "enough").unwrap());
        let mut client = Client::start(&url, &[]);
        let note = client.notes_once_connected();
        assert_eq!(note, format!("closed by the server: code {code}, reason \"enough\""));
        assert_eq!(client.status(), status);
    }
}

#[test]
fn answer_with_another_close_code_gives_status_1() {
    let (url, _server) = serve_raw(|mut stream| {
        assert_eq!(read_frame(&mut stream), (8, vec![3, 232]));
        stream.write_all(b"\x88\x02\x0f\xa1").unwrap();
    });
    let mut client = Client::start(&url, &[]);
    client.end_input();
    assert_eq!(client.notes_once_connected(), "closed: code 4001, reason \"\"");
    assert_eq!(client.status(), CLOSED_BY_SERVER);
}

#[test]
fn invalid_options_give_status_2() {
    let url = "ws://127.0.0.1:1/";
    let rows: &[(&[&str], &str)] = &[
        (&["http://127.0.0.1/"], "bad URL: the scheme is neither ws nor wss"),
        (&[url, "--header", "no colon"], "expected NAME: VALUE"),
        (&[url, "--header", "Upgrade: x"], "the header \"Upgrade\" cannot be sent"),
        (&[url, "--header", "X: a\r\nY: b"], "the header \"X\" cannot be sent"),
        (&[url, "--subprotocol", "not a token"], "the subprotocol \"not a token\" cannot be sent"),
        (&[url, "--count", "0"], "invalid value '0'"),
        (&[url, "--wait", "-1"], "unexpected argument"),
        (&[url, "--wait", "soon"], "not a number"),
        (&[], "required arguments were not provided"),
    ];
    for (options, expected) in rows {
        let mut command = std::process::Command::new(super::CLIENT);
        let mut client = Client::run(command.args(*options));
        let note = client.notes();
        assert!(note.contains(expected), "{options:?}: {note}");
        assert_eq!(client.status(), USAGE, "{options:?}");
    }
}

#[test]
fn refused_connection_and_unknown_host_give_status_3() {
    // A port on which nothing listens, and a host name that cannot be resolved.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("ws://{free}/"), "ws://a..b/".into()] {
        let mut client = Client::start(&url, &[]);
        let note = client.notes();
        assert!(note.starts_with("no connection to "), "{note}");
        assert_eq!(client.status(), NO_CONNECTION, "{url}");
    }
}

#[test]
fn handshake_timeout_gives_status_3() {
    let (url, _server) = listen(|mut stream| read_to_end(&mut stream));
    let mut client = Client::start(&url, &["--connect-timeout", "0.05"]);
    let note = client.notes();
    assert!(note.ends_with(": the opening handshake took too long"), "{note}");
    assert_eq!(client.status(), NO_CONNECTION);
}

#[test]
fn response_cut_short_gives_status_3() {
    let (url, _server) = listen(|mut stream| {
        stream.write_all(b"HTTP/1.1 101 Switching").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_to_end(&mut stream);
    });
    let mut client = Client::start(&url, &[]);
    let note = client.notes();
    assert!(note.ends_with(": the connection ended during the opening handshake"), "{note}");
    assert_eq!(client.status(), NO_CONNECTION);
}

#[test]
fn refusal_prints_status_location_and_body_and_gives_status_4() {
    let (url, _server) = listen(|stream| {
        let decide = |request: &sansocket::handshake::server::Request| {
            request.reject(307).header("Location", "ws://example.com/").body("go \x1b[1mthere\n")
        };
        sansocket::blocking::accept_with(stream, sansocket::Config::default(), decide).unwrap_err()
    });
    let mut client = Client::start(&url, &[]);
    let note = client.notes();
    assert!(note.ends_with(": the server answered with status 307"), "{note}");
    assert_eq!(client.notes(), "Location: \"ws://example.com/\"");
    assert_eq!(client.notes(), r#""go \u{1b}[1mthere""#);
    assert_eq!(client.status(), REFUSED);
}

#[test]
fn invalid_response_gives_status_5() {
    for (answer, fault) in [
        (&b"\x00garbage\r\n\r\n"[..], "not a well-formed HTTP/1.1 head"),
        (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", "no Connection header"),
    ] {
        let (url, _server) = listen(|mut stream| {
            stream.write_all(answer).unwrap();
            read_to_end(&mut stream);
        });
        let mut client = Client::start(&url, &[]);
        let note = client.notes();
        assert!(note.ends_with(fault), "{note}");
        assert_eq!(client.status(), RULE_BROKEN);
    }
}

#[test]
fn protocol_error_sends_its_close_code_and_gives_status_5() {
    let too_long = "frame of 11 bytes; the limit is 10 bytes, raise it with --max-message";
    let rows: [(&[u8], CloseCode, &str); 3] = [
        (b"\xff\xff garbage", CloseCode::PROTOCOL_ERROR, "a reserved bit is set"),
        (b"\x81\x01\xff", CloseCode::INVALID_DATA, "invalid UTF-8"),
        (b"\x82\x0b12345678901", CloseCode::TOO_BIG, too_long),
    ];
    for (frames, code, fault) in rows {
        let (url, server) = serve_raw(move |mut stream| {
            stream.write_all(b"\x81\x02Hi").unwrap();
            stream.write_all(frames).unwrap();
            read_frame(&mut stream)
        });
        let mut client = Client::start(&url, &["--max-message", "10"]);
        assert_eq!(client.shows(), "Hi");
        assert_eq!(client.notes_once_connected(), fault);
        assert_eq!(client.status(), RULE_BROKEN);
        let (opcode, body) = server.join().unwrap();
        assert_eq!((opcode, &body[..2]), (8, &code.0.to_be_bytes()[..]));
    }
}

#[test]
fn end_of_stream_without_close_frame_gives_status_6() {
    let (url, _server) = serve(drop::<Socket>);
    let mut client = Client::start(&url, &[]);
    assert_eq!(client.notes_once_connected(), "connection lost without a closing handshake");
    assert_eq!(client.status(), LOST);
}

#[test]
fn unanswered_close_frame_gives_status_6() {
    let (url, _server) = serve_raw(|mut stream| read_to_end(&mut stream));
    let mut client = Client::start(&url, &["--close-timeout", "0.05"]);
    client.end_input();
    assert_eq!(client.notes_once_connected(), "connection lost without a closing handshake");
    assert_eq!(client.status(), LOST);
}

#[test]
fn closed_standard_output_quietly_sends_1001_and_gives_status_7() {
    let (sender, go) = mpsc::channel();
    let (url, server) = serve(move |mut socket| {
        go.recv().unwrap();
        socket.send("anybody?").unwrap();
        echo(socket)
    });
    let mut command = std::process::Command::new(super::CLIENT);
    let mut child = command
        .arg(&url)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    sender.send(()).unwrap();
    assert_eq!(server.join().unwrap().code, CloseCode::GOING_AWAY);
    // `wait` would close the standard input first.
    let status = super::example_server::eventually("the client ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(INPUT_OR_OUTPUT));
    let notes = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    let notes: Vec<_> = notes.lines().collect();
    let [connected, closed] = notes[..] else { panic!("{notes:?}") };
    assert!(
        connected.starts_with("sansocket: connected to ")
            && closed.starts_with("sansocket: closed: code 1001")
    );
}

/// A full disk is worth a complaint.
#[cfg(target_os = "linux")]
#[test]
fn full_standard_output_is_reported_and_gives_status_7() {
    let (url, server) = serve(|mut socket| {
        socket.send("anybody?").unwrap();
        echo(socket)
    });
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(super::CLIENT);
    let mut child = command
        .arg(&url)
        .stdin(std::process::Stdio::piped())
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(server.join().unwrap().code, CloseCode::GOING_AWAY);
    let status = super::example_server::eventually("the client ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(INPUT_OR_OUTPUT));
    let notes = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(notes.contains("sansocket: the output cannot be written: "), "{notes}");
}

#[cfg(unix)]
#[test]
fn unreadable_input_closes_and_gives_status_7() {
    let (url, server) = serve(echo);
    let mut command = std::process::Command::new(super::CLIENT);
    let mut client = Client::run(command.arg(&url).stdin(std::fs::File::open(".").unwrap()));
    let note = client.notes_once_connected();
    assert!(note.starts_with("the input cannot be read: "), "{note}");
    assert_eq!(client.status(), INPUT_OR_OUTPUT);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

#[test]
fn end_before_the_count_gives_status_8() {
    let (url, _server) = serve(|mut socket| {
        socket.send("one").unwrap();
        socket.close(CloseCode::NORMAL, "").unwrap();
    });
    let mut client = Client::start(&url, &["--count", "2"]);
    assert_eq!(client.status(), TOO_FEW);
    assert_eq!(client.rest(), ["one"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_with_1001() {
    let (url, server) = serve(echo);
    let mut client = Client::start(&url, &[]);
    assert!(client.notes().starts_with("connected to "));
    client.interrupt();
    assert_eq!(client.notes(), "closed: code 1001, reason \"\"");
    assert_eq!(client.status(), STATUS_OK);
    assert_eq!(server.join().unwrap().code, CloseCode::GOING_AWAY);
}

#[cfg(unix)]
#[test]
fn second_ctrl_c_ends_at_once_with_status_130() {
    let (sender, closing) = mpsc::channel();
    let (url, _server) = serve_raw(move |mut stream| {
        sender.send(read_frame(&mut stream)).unwrap();
        read_to_end(&mut stream);
    });
    let mut client = Client::start(&url, &["--close-timeout", "1e6"]);
    assert!(client.notes().starts_with("connected to "));
    client.interrupt();
    assert_eq!(closing.recv_timeout(super::example_server::PATIENCE).unwrap(), (8, vec![3, 233]));
    client.interrupt();
    assert_eq!(client.status(), 130);
}

#[test]
fn help_and_docs_list_every_status() {
    let mut command = std::process::Command::new(super::CLIENT);
    let mut client = Client::run(command.arg("--help"));
    assert_eq!(client.status(), STATUS_OK);
    let help = client.rest();
    let source = include_str!("../../src/main.rs");
    for status in STATUS_OK..=TOO_FEW {
        assert!(help.iter().any(|line| line.starts_with(&format!("  {status}  "))), "{status}");
        assert!(source.contains(&format!("//! | {status} | ")), "{status}");
    }
}
