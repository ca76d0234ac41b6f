//! What the input can look like beside lines of text.

use sansocket::handshake::server::Request;
use sansocket::{CloseCode, Config, Event, Limits, Message, blocking};

use super::process::{Client, Socket, echo, file, listen, serve};

/// A STOMP frame: lines, and a NUL at the end.
const STOMP: &str = "SEND\ndestination:/queue/a\ncontent-type:text/plain\n\nhello\0";

/// Gives all messages to the end of the connection.
fn collect(mut socket: Socket) -> Vec<Message> {
    std::iter::from_fn(|| socket.read().unwrap()).collect()
}

#[test]
fn json_sends_a_stomp_frame_and_prints_the_same_line() {
    let (url, server) = serve(|mut socket| {
        let message = socket.read().unwrap().unwrap();
        assert_eq!(message.as_text(), Some(STOMP));
        socket.send(&message).unwrap();
        echo(socket)
    });
    let mut client = Client::start(&url, &["--json"]);
    let line =
        r#"{"text":"SEND\u000adestination:/queue/a\u000acontent-type:text/plain\u000a\u000ahello\u0000"}"#;
    client.type_line(line);
    assert_eq!(client.shows(), line);
    client.type_line(line.replace("\\u000a", "\\n"));
    assert_eq!(client.shows(), line);
    client.end_input();
    assert_eq!(client.status(), 0);
    server.join().unwrap();
}

#[test]
fn json_sends_binary_ping_pong_and_close() {
    let (url, server) = serve(|mut socket| {
        assert_eq!(socket.read_event().unwrap(), Some(Event::Binary(&[0, 255])));
        assert_eq!(socket.read_event().unwrap(), Some(Event::Ping(&[1])));
        assert_eq!(socket.read_event().unwrap(), Some(Event::Pong(b"")));
        echo(socket)
    });
    let mut client = Client::start(&url, &["--json=in"]);
    for line in [r#"{"binary":"00FF"}"#, r#"{"ping":"01"}"#, r#"{"pong":""}"#, r#"{"text":"as text"}"#] {
        client.type_line(line);
    }
    assert_eq!(client.notes_once_connected(), r#"pong "\x01""#);
    assert_eq!(client.shows(), "as text");
    client.type_line(r#"{"close":{"code":4000,"reason":"off I go"}}"#);
    assert_eq!(client.status(), 0, "the code of this end is a success");
    let end = server.join().unwrap();
    assert_eq!((end.code, &*end.reason), (CloseCode(4000), "off I go"));
}

#[test]
fn json_close_without_a_code_sends_1000() {
    let (url, server) = serve(echo);
    let mut client = Client::start(&url, &["--json"]);
    client.type_line(r#"{"close":{}}"#);
    assert_eq!(client.status(), 0);
    assert_eq!(server.join().unwrap().code, CloseCode::NORMAL);
}

#[test]
fn json_for_the_output_alone_leaves_the_input_as_it_is() {
    let (url, _server) = serve(echo);
    let mut client = Client::start(&url, &["--json=out"]);
    client.type_line("/binary 01");
    assert_eq!(client.shows(), r#"{"binary":"01"}"#);
}

#[test]
fn invalid_json_is_skipped_and_gives_status_2() {
    let (url, server) = serve(collect);
    let mut client = Client::start(&url, &["--json", "--quiet"]);
    let rows = [
        ("hello", "expected value, at column 1"),
        (r#"{"text":"a"} b"#, "trailing characters, at column 14"),
        (r#"{"text":1}"#, "invalid type: integer `1`, expected a string, at column 9"),
        (r#"{"txt":"a"}"#, "unknown field `txt`"),
        ("{}", "expected one of the fields text, binary, ping, pong, close"),
        (r#"{"text":"a","binary":""}"#, "expected one of the fields text, binary, ping, pong, close"),
        (r#"{"binary":"0"}"#, "an odd number of hexadecimal digits"),
        (r#"{"close":{"code":1006}}"#, "this close code cannot be sent"),
        (r#"{"ping":"01","peer":"10.0.0.1:1"}"#, r#""10.0.0.1:1" is not connected"#),
    ];
    for (number, (line, fault)) in (1..).zip(rows) {
        client.type_line(line);
        let note = client.notes();
        assert!(note.starts_with(&format!("line {number} was not sent: {fault}")), "{note}");
    }
    client.end_input();
    assert_eq!(client.status(), 2);
    assert_eq!(server.join().unwrap(), []);
}

#[test]
fn binary_by_line_keeps_every_byte_but_the_line_feed() {
    for options in [&["--binary"][..], &["--binary=line"]] {
        let (url, server) = serve(collect);
        assert_eq!(Client::pipe(&url, options, b"/ping\n\n\xff\0\r\nend").0, 0);
        let expected: [&[u8]; 4] = [b"/ping", b"", b"\xff\0\r", b"end"];
        assert_eq!(server.join().unwrap(), expected.map(Message::from));
    }
}

#[test]
fn binary_whole_is_one_message() {
    for content in [&b"one\ntwo\n\xff"[..], b""] {
        let (url, server) = serve(collect);
        assert_eq!(Client::pipe(&url, &["--binary=whole"], content).0, 0);
        assert_eq!(server.join().unwrap(), [Message::from(content)]);
    }
}

#[test]
fn ten_megabytes_by_length_come_back_byte_for_byte() {
    const LENGTHS: [usize; 6] = [0, 1, 70_000, 10_000_000, 125, 3];
    let (url, server) = serve(echo);
    let mut next = 1_u32;
    let mut random = || {
        next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        next.to_be_bytes()[0]
    };
    let parts = LENGTHS.map(|len| (0..len).map(|_| random()).collect::<Vec<u8>>());
    let with_length = |part: &Vec<u8>| [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat();
    let input = parts.iter().map(with_length).collect::<Vec<_>>().concat();
    let count = LENGTHS.len().to_string();
    let (status, output) = Client::pipe(&url, &["--binary=length", "--raw", "--count", &count], &input);
    assert_eq!(status, 0);
    assert!(output == parts.concat(), "{} bytes came back", output.len());
    server.join().unwrap();
}

#[test]
fn binary_messages_cut_short_or_too_long_are_not_sent() {
    let whole = ["--binary=whole", "--max-message", "4"];
    let by_length = ["--binary=length", "--max-message", "4"];
    let limit = "5 bytes; the limit is 4 bytes, raise it with --max-message";
    type Row<'a> = (&'a [&'a str], &'a [u8], &'a [&'a [u8]], &'a str);
    let rows: [Row<'_>; 5] = [
        (
            &by_length,
            b"\0\0\0\x01a\0\0",
            &[b"a"],
            "message 2 was not sent: the input ends inside its length of 4 bytes",
        ),
        (&by_length, b"\0\0\0\x03ab", &[], "message 1 was not sent: the input ends after 2 of its 3 bytes"),
        (&by_length, b"\0\0\0\x05abcde\0\0\0\x01f", &[b"f"], &format!("message 1 was not sent: {limit}")),
        (&whole, b"abcde", &[], &format!("message 1 was not sent: {limit}")),
        (&["--binary", "--max-message", "4"], b"abcde\nf", &[b"f"], &format!("line 1 was not sent: {limit}")),
    ];
    for (options, input, sent, note) in rows {
        let (url, server) = serve(collect);
        let mut client = Client::start(&url, options);
        std::io::Write::write_all(client.stdin.as_mut().unwrap(), input).unwrap();
        client.end_input();
        assert_eq!(client.notes_once_connected(), note);
        assert_eq!(client.status(), 2);
        assert_eq!(server.join().unwrap(), sent.iter().map(|data| Message::from(*data)).collect::<Vec<_>>());
    }
}

#[test]
fn text_files_are_sent_first_and_byte_for_byte() {
    let (url, server) = serve(collect);
    let (first, second) = (file("first", STOMP.as_bytes()), file("second", b"/close\r\n"));
    assert_eq!(Client::pipe(&url, &["--text-file", &first, "--text-file", &second], b"third").0, 0);
    assert_eq!(server.join().unwrap(), [STOMP, "/close\r\n", "third"].map(Message::from));
}

#[test]
fn text_file_that_is_too_long_is_not_sent() {
    let (url, server) = serve(collect);
    let mut client = Client::start(&url, &["--text-file", &file("long", b"12345"), "--max-message", "4"]);
    client.type_line("1234");
    client.end_input();
    let fault = "a first message was not sent: 5 bytes; the limit is 4 bytes, raise it with --max-message";
    assert_eq!(client.notes_once_connected(), fault);
    assert_eq!(client.status(), 2);
    assert_eq!(server.join().unwrap(), ["1234".into()]);
}

#[test]
fn text_file_that_cannot_be_sent_gives_status_2_before_connecting() {
    let rows =
        [("no/such/file".to_owned(), "invalid value 'no/such/file'"), (file("binary", b"\xff"), "not UTF-8")];
    for (path, expected) in rows {
        let mut client = Client::start("ws://127.0.0.1:1/", &["--text-file", &path]);
        let note = client.notes();
        assert!(note.contains(expected), "{note}");
        assert_eq!(client.status(), 2);
    }
}

#[test]
fn max_message_is_the_limit_of_both_directions() {
    const LEN: usize = 33 << 20;
    let (url, server) = listen(|stream| {
        let limits = Limits::default().max_frame_len(LEN as u64).max_message_len(LEN as u64);
        let config = Config::default().limits(limits).max_output_len(2 * LEN);
        echo(blocking::accept_with(stream, config, Request::accept).unwrap())
    });
    let (status, output) = Client::pipe(&url, &["--max-message", "33MiB", "-n", "1", "--raw"], &[b'x'; LEN]);
    assert_eq!((status, output.len()), (0, LEN));
    server.join().unwrap();
}
