//! The standard input: lines, commands, the end.

use std::io::{Read, Write};

use sansocket::{CloseCode, Event, Message};

use super::process::{Client, echo, read_frame, serve, serve_if, serve_raw};

#[test]
fn lines_are_text_messages_and_the_end_of_input_closes() {
    let (url, server) = serve(echo);
    let mut client = Client::start(&url, &[]);
    let long = "x".repeat(100_000);
    let rows = [
        ("grüß dich, 世界", "grüß dich, 世界"),
        ("", ""),
        ("//slash", "/slash"),
        ("with a return\r", "with a return"),
        (&long, &long),
    ];
    for (typed, shown) in rows {
        client.type_line(typed);
        assert_eq!(client.shows(), shown);
    }
    client.stdin.as_mut().unwrap().write_all(b"no end of line").unwrap();
    client.end_input();
    assert_eq!(client.shows(), "no end of line");
    assert_eq!(client.notes_once_connected(), "closed: code 1000, reason \"\"");
    assert_eq!(client.status(), 0);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

#[test]
fn commands_send_binary_ping_and_close() {
    let (url, server) = serve(|mut socket| {
        assert_eq!(socket.read_event().unwrap(), Some(Event::Binary(&[0, 255, 10])));
        assert_eq!(socket.read_event().unwrap(), Some(Event::Binary(&[])));
        assert_eq!(socket.read_event().unwrap(), Some(Event::Ping(b"1")));
        assert_eq!(socket.read_event().unwrap(), Some(Event::Ping(b"two words")));
        assert_eq!(socket.read_event().unwrap(), Some(Event::Ping(b"2")));
        echo(socket)
    });
    let mut client = Client::start(&url, &[]);
    for line in ["/binary 00 fF0a", "/binary", "/ping", "/ping two words", "/ping "] {
        client.type_line(line);
    }
    assert_eq!(client.notes_once_connected(), "pong \"1\"");
    assert_eq!(client.notes(), "pong \"two words\"");
    assert_eq!(client.notes(), "pong \"2\"");
    client.type_line("/close 4000 off I go");
    assert_eq!(client.notes(), "closed: code 4000, reason \"\"");
    assert_eq!(client.status(), 0, "the code of /close is a success");
    let end = server.join().unwrap();
    assert_eq!((end.code, &*end.reason), (CloseCode(4000), "off I go"));
}

#[test]
fn close_without_a_code_sends_1000() {
    let (url, server) = serve(echo);
    let mut client = Client::start(&url, &[]);
    client.type_line("/close");
    assert_eq!(client.status(), 0);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

#[test]
fn invalid_line_is_skipped_and_gives_status_2() {
    let (url, server) = serve(echo);
    let mut client = Client::start(&url, &[]);
    let (long_ping, long_reason) = ("/ping ".to_owned() + &"x".repeat(126), "x".repeat(124));
    let too_long = vec![b'x'; (16 << 20) + 1];
    let no_command = "unknown command; to send a message that begins with a slash, type two slashes";
    let no_code = "this close code cannot be sent; use 1000 to 1003, 1007 to 1014, or 3000 to 4999";
    let rows: [(&[u8], &str); 11] = [
        (b"/nope", no_command),
        (b"/", no_command),
        (b"/binary 0", "an odd number of hexadecimal digits"),
        (b"/binary 0 0", "an odd number of hexadecimal digits"),
        (b"/binary +f", "not a hexadecimal digit"),
        (long_ping.as_bytes(), "a ping or a pong carries at most 125 bytes"),
        (b"/close 1006", no_code),
        (b"/close now", "the code is not a number up to 65535"),
        (&[b"/close 4000 ", long_reason.as_bytes()].concat(), "a reason has at most 123 bytes"),
        (b"\xff", "not UTF-8"),
        (&too_long, "16,777,217 bytes; the limit is 16 MiB, raise it with --max-message"),
    ];
    for (number, (line, fault)) in (1..).zip(rows) {
        client.type_line(line);
        let note = if number == 1 { client.notes_once_connected() } else { client.notes() };
        assert_eq!(note, format!("line {number} was not sent: {fault}"));
    }
    client.type_line("still here");
    assert_eq!(client.shows(), "still here");
    client.end_input();
    assert_eq!(client.status(), 2);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

#[test]
fn no_commands_sends_every_line_as_a_message() {
    let (url, _server) = serve(echo);
    let mut client = Client::start(&url, &["--no-commands"]);
    for line in ["/ping", "//", "/close 4000"] {
        client.type_line(line);
        assert_eq!(client.shows(), line);
    }
    client.end_input();
    assert_eq!(client.status(), 0);
}

#[test]
fn request_carries_subprotocols_headers_and_origin() {
    let decide = |request: &sansocket::handshake::server::Request| {
        assert!(request.subprotocols().eq(["first", "second"]));
        let headers: Vec<_> = request.headers().values("X-Test").collect();
        assert_eq!(headers, [&b"1"[..], b"a: b"]);
        assert_eq!(request.header("Cookie"), Some("session=42"));
        assert_eq!(request.origin(), Some("https://example.com"));
        request.accept().subprotocol("second")
    };
    let (url, server) = serve_if(decide, echo);
    let options = ["-s", "first", "--subprotocol", "second", "-H", "X-Test: 1", "--header", "X-Test:a: b"];
    let options = [&options[..], &["-H", "Cookie: session=42", "--origin", "https://example.com"]].concat();
    let mut client = Client::start(&url, &options);
    let connected = client.notes();
    assert!(connected.ends_with(", subprotocol second"), "{connected}");
    client.end_input();
    assert_eq!(client.status(), 0);
    server.join().unwrap();
}

#[test]
fn count_closes_after_that_many_messages() {
    let (url, server) = serve(|mut socket| {
        for text in ["one", "two", "three"] {
            socket.feed(&Message::from(text)).unwrap();
        }
        echo(socket)
    });
    let mut client = Client::start(&url, &["--count", "2"]);
    assert_eq!(client.status(), 0, "although the input has not ended");
    assert_eq!(client.rest(), ["one", "two"]);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

#[test]
fn end_of_input_does_not_close_before_the_count() {
    let (url, server) = serve(|mut socket| {
        assert_eq!(socket.read().unwrap(), Some("last".into()));
        // A client that closed at the end of its input would send a Close frame before this Pong.
        socket.ping(b"").unwrap();
        assert_eq!(socket.read_event().unwrap(), Some(Event::Pong(b"")));
        socket.send("one").unwrap();
        echo(socket)
    });
    let mut client = Client::start(&url, &["-n", "1"]);
    client.type_line("last");
    client.end_input();
    assert_eq!(client.shows(), "one");
    assert_eq!(client.status(), 0);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

/// No message fits into the socket buffers. A client that writes its message before it reads would wait for ever.
#[test]
fn count_is_reached_while_both_ends_send_large_messages() {
    const LEN: usize = (16 << 20) - 1;
    let (url, server) = serve_raw(|mut stream| {
        let mut message = vec![0; 14 + LEN];
        let (first, rest) = message.split_at_mut(1);
        stream.read_exact(first).unwrap();
        stream.write_all(b"\x81\x03one").unwrap();
        let header = [&[0x82, 127], &(LEN as u64).to_be_bytes()[..]].concat();
        for _ in 0..4 {
            stream.write_all(&header).unwrap();
            stream.write_all(&vec![0; LEN]).unwrap();
        }
        stream.read_exact(rest).unwrap();
        let close = read_frame(&mut stream);
        stream.write_all(b"\x88\x02\x03\xe8").unwrap();
        close
    });
    let mut client = Client::start(&url, &["--count", "1"]);
    client.type_line(vec![b'x'; LEN]);
    assert_eq!(client.status(), 0);
    assert_eq!(client.rest(), ["one"]);
    assert_eq!(server.join().unwrap(), (8, vec![3, 232]));
}

#[test]
fn wait_delays_the_close_after_the_end_of_input() {
    let (url, _server) = serve(|mut socket| {
        assert_eq!(socket.read().unwrap(), Some("last".into()));
        socket.ping(b"").unwrap();
        assert_eq!(socket.read_event().unwrap(), Some(Event::Pong(b"")));
        socket.send("late").unwrap();
        socket.close(CloseCode::NORMAL, "").unwrap();
    });
    let mut client = Client::start(&url, &["--wait", "1e9"]);
    client.type_line("last");
    client.end_input();
    assert_eq!(client.shows(), "late");
    assert_eq!(client.status(), 0);

    let (url, server) = serve(echo);
    let mut client = Client::start(&url, &["--wait", "0.05"]);
    client.end_input();
    assert_eq!(client.status(), 0);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}
