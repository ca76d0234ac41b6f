//! The standard output and the standard error.

use sansocket::{CloseCode, Message};

use super::process::{Client, echo, serve, serve_raw};

fn say(messages: &[Message]) -> String {
    let messages = messages.to_vec();
    let (url, _) = serve(move |mut socket| {
        messages.iter().for_each(|message| socket.feed(message).unwrap());
        socket.close(CloseCode::NORMAL, "").unwrap();
    });
    url
}

#[test]
fn pipe_gets_text_unchanged_and_binary_in_hex() {
    let url = say(&["\x1b[31m\"\u{9b}\\".into(), vec![0, 10, 255].into(), "".into(), "two\nlines".into()]);
    let mut client = Client::start(&url, &[]);
    assert_eq!(client.status(), 0);
    assert_eq!(client.rest(), ["\x1b[31m\"\u{9b}\\", "000aff", "", "two", "lines"]);
}

#[test]
fn json_distinguishes_text_and_binary() {
    let long = vec![0xab; 100_000];
    let text = "\x1b[31m\"\u{9b}\\ 世界\n";
    let url = say(&[text.into(), vec![0, 10, 255].into(), "".into(), long.clone().into()]);
    let mut client = Client::start(&url, &["--json"]);
    assert_eq!(client.status(), 0);
    let lines = client.rest();
    let escaped = "{\"text\":\"\\u001b[31m\\\"\\u009b\\\\ 世界\\u000a\"}";
    assert_eq!(lines[..3], [escaped, "{\"binary\":\"000aff\"}", "{\"text\":\"\"}"]);
    let parsed: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(parsed["text"], text);
    assert_eq!(lines[3], format!("{{\"binary\":\"{}\"}}", "ab".repeat(long.len())));
}

#[test]
fn pings_are_answered_and_printed_while_the_input_is_idle() {
    let (url, server) = serve(|mut socket| {
        socket.ping(b"\x1b\"\xff").unwrap();
        assert_eq!(socket.read_event().unwrap(), Some(sansocket::Event::Pong(b"\x1b\"\xff")));
        socket.close(CloseCode::NORMAL, "").unwrap();
    });
    let mut client = Client::start(&url, &[]);
    assert_eq!(client.notes_once_connected(), r#"ping "\x1b\"\xff""#);
    assert_eq!(client.status(), 0);
    server.join().unwrap();
}

#[test]
fn pongs_of_the_keepalive_are_not_printed() {
    let (url, _server) = serve_raw(|mut stream| {
        use std::io::Write;
        stream.write_all(b"\x8a\x00\x8a\x01!\x88\x00").unwrap();
    });
    let mut client = Client::start(&url, &[]);
    assert_eq!(client.notes_once_connected(), "pong \"!\"");
    assert_eq!(client.notes(), "closed by the server: code 1005, reason \"\"");
    assert_eq!(client.status(), 0);
}

#[test]
fn close_reason_is_printed_with_control_characters_escaped() {
    let (url, _server) =
        serve(|mut socket| socket.close(CloseCode(4001), "\x1b]0;title\x07\u{9b}2J").unwrap());
    let mut client = Client::start(&url, &[]);
    let reason = r#""\u{1b}]0;title\u{7}\u{9b}2J""#;
    assert_eq!(client.notes_once_connected(), format!("closed by the server: code 4001, reason {reason}"));
    assert_eq!(client.status(), 1);
}

#[test]
fn quiet_prints_only_errors() {
    let (url, _server) = serve(echo);
    let mut client = Client::start(&url, &["--quiet"]);
    for line in ["/ping", "/nope"] {
        client.type_line(line);
    }
    assert!(client.notes().starts_with("line 2 was not sent: "));
    client.end_input();
    assert_eq!(client.status(), 2);
}

/// Otherwise a server could control the terminal with escape sequences, and even type into it.
#[cfg(unix)]
#[test]
fn terminal_gets_no_control_characters() {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::{Command, Stdio};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::CLIENT;

    let url = say(&["\x1b[31mred\t\u{9b}2J\x07\rover\n< not a message".into(), vec![0x1b].into()]);
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    // Not the controlling terminal of the test.
    let flags = OpenptFlags::NOCTTY.bits().try_into().unwrap();
    let side =
        File::options().write(true).custom_flags(flags).open(OsStr::from_bytes(name.as_bytes())).unwrap();
    let mut command = Command::new(CLIENT);
    let mut child =
        command.arg(&url).stdin(Stdio::piped()).stdout(side).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    assert!(child.wait().unwrap().success());
    let expected = "< \\u{1b}[31mred\t\\u{9b}2J\\u{7}\\rover\r\n  < not a message\r\n< /binary 1b\r\n";
    let mut shown = vec![0; expected.len()];
    File::from(terminal).read_exact(&mut shown).unwrap();
    assert_eq!(String::from_utf8(shown).unwrap(), expected);
}
