//! `--listen`, with this program or this crate as the client.

use sansocket::blocking::{self, NetStream, TimedRead, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Config, Error, HandshakeError, Message};

use super::example_server::PATIENCE;
use super::process::Client;

type Socket = WebSocket<NetStream>;

fn connect(url: &str) -> Socket {
    blocking::connect(url).unwrap()
}

fn next(socket: &mut Socket) -> Message {
    match socket.read_timeout(PATIENCE).unwrap() {
        TimedRead::Message(message) => message,
        other => panic!("{other:?} instead of a message"),
    }
}

fn refused(url: &str, origin: Option<&str>) -> (u16, String) {
    let request = Request::new(url).unwrap();
    let request = origin.into_iter().fold(request, Request::origin);
    match blocking::connect_with(&request, Config::default()) {
        Err(Error::Handshake(HandshakeError::Refused(refusal))) => {
            (refusal.status, String::from_utf8(refusal.body).unwrap())
        }
        other => panic!("{other:?} instead of a refusal"),
    }
}

#[test]
fn one_connection_is_served_to_its_end() {
    let (mut server, url) = Client::listen(&[]);
    let mut client = Client::start(&url, &[]);
    client.type_line("to the server");
    assert_eq!(server.shows(), "to the server");
    assert!(server.notes().starts_with("connection from 127.0.0.1:"));
    server.type_line("to the client");
    assert_eq!(client.shows(), "to the client");
    client.type_line("/close 4000 off I go");
    assert_eq!(server.notes(), "closed by the client: code 4000, reason \"off I go\"");
    assert_eq!((client.status(), server.status()), (0, 1));
}

#[test]
fn end_of_the_servers_input_closes() {
    let (mut server, url) = Client::listen(&[]);
    server.type_line("first and last");
    server.end_input();
    let mut client = Client::start(&url, &[]);
    assert_eq!(client.shows(), "first and last");
    assert_eq!(client.notes_once_connected(), "closed by the server: code 1000, reason \"\"");
    assert_eq!((client.status(), server.status()), (0, 0));
}

#[test]
fn second_connection_is_refused_while_there_is_one() {
    let (server, url) = Client::listen(&[]);
    let first = connect(&url);
    assert_eq!(refused(&url, None), (503, "there is a connection already; --many allows more\n".into()));
    // Two threads print these.
    let notes = [server.notes(), server.notes()];
    assert!(notes.iter().any(|note| note.starts_with("connection from ")), "{notes:?}");
    assert!(
        notes
            .iter()
            .any(|note| note.ends_with(": refused: there is a connection already; --many allows more")),
        "{notes:?}"
    );
    drop(first);
}

/// A browser opens connections that it may never use, and asks for an icon.
#[test]
fn other_requests_do_not_take_the_place_of_the_connection() {
    let (mut server, url) = Client::listen(&[]);
    let address = url.trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let _idle = std::net::TcpStream::connect(&address).unwrap();
    let mut page = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(&mut page, b"GET /favicon.ico HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = std::io::read_to_string(page).unwrap();
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    let mut client = connect(&url);
    client.send("here I am").unwrap();
    assert_eq!(server.shows(), "here I am");
    client.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(server.status(), 0);
}

/// Any page on the web can connect to a server on the machine of its reader.
#[test]
fn pages_connect_only_if_their_origin_is_named() {
    let page = Some("https://example.com");
    for options in [&["--many"][..], &["--many", "--origin", "https://example.org"]] {
        let (_server, url) = Client::listen(options);
        let hint = "to let this page connect, add --origin \"https://example.com\"\n";
        assert_eq!(refused(&url, page), (403, hint.into()));
        connect(&url);
    }
    for origin in ["https://example.com", "*"] {
        let (_server, url) = Client::listen(&["-o", "https://example.org", "-o", origin]);
        let request = Request::new(&url).unwrap().origin("https://example.com");
        blocking::connect_with(&request, Config::default()).unwrap();
    }
}

#[test]
fn response_has_the_headers_and_the_preferred_subprotocol() {
    let (_server, url) = Client::listen(&["-s", "second", "-s", "first", "-H", "X-Test: 1", "--deflate"]);
    let request = Request::new(&url).unwrap().subprotocol("first").subprotocol("second");
    let config = Config::default().deflate(Some(sansocket::Deflate::default()));
    let (socket, response) = blocking::connect_with(&request, config).unwrap();
    assert_eq!(socket.subprotocol(), Some("second"));
    assert_eq!(response.header("X-Test"), Some("1"));
    assert!(socket.negotiated().is_some());
}

#[test]
fn input_goes_to_all_connections_and_json_names_the_peer() {
    let (mut server, url) = Client::listen(&["--many", "--json"]);
    let mut clients = [connect(&url), connect(&url), connect(&url)];
    let names = clients.each_ref().map(|client| client.stream().local_addr().unwrap().to_string());
    for (client, name) in clients.iter_mut().zip(&names) {
        client.send("hello").unwrap();
        assert_eq!(server.shows(), format!(r#"{{"peer":"{name}","text":"hello"}}"#));
    }
    server.type_line(r#"{"text":"to all"}"#);
    server.type_line(format!(r#"{{"peer":"{}","binary":"01"}}"#, names[1]));
    server.type_line(r#"{"text":"to all again"}"#);
    for (at, client) in clients.iter_mut().enumerate() {
        assert_eq!(next(client), "to all".into());
        if at == 1 {
            assert_eq!(next(client), vec![1].into());
        }
        assert_eq!(next(client), "to all again".into());
    }
    server.type_line(format!(r#"{{"peer":"{}","close":{{"code":4001}}}}"#, names[0]));
    assert_eq!(clients[0].read().unwrap(), None);
    assert_eq!(clients[0].close_info().unwrap().code, CloseCode(4001));
    server.type_line(r#"{"text":"to the others"}"#);
    for client in &mut clients[1..] {
        assert_eq!(next(client), "to the others".into());
    }
    server.end_input();
    for client in &mut clients[1..] {
        assert_eq!(client.read().unwrap(), None);
        assert_eq!(client.close_info().unwrap().code, CloseCode::NORMAL);
    }
    assert_eq!(server.status(), 0);
}

/// The program whose output is its own input echoes, since a line names the peer that it came from.
#[test]
fn line_of_the_output_as_input_goes_back_to_its_sender() {
    let (mut server, url) = Client::listen(&["--many", "--json"]);
    let (mut one, mut other) = (connect(&url), connect(&url));
    for text in ["a", "b\nc"] {
        for client in [&mut one, &mut other] {
            client.send(text).unwrap();
            let line = server.shows();
            server.type_line(line);
            assert_eq!(next(client), text.into());
        }
    }
}

#[test]
fn input_waits_for_the_first_connection() {
    let (mut server, url) = Client::listen(&["--many", "--keep-open"]);
    server.type_line("early");
    server.end_input();
    assert_eq!(next(&mut connect(&url)), "early".into());
    // The input has ended, and the server has not.
    let mut later = connect(&url);
    later.send("still there?").unwrap();
    assert_eq!(server.shows(), "still there?");
}

#[test]
fn count_of_many_connections_is_that_of_all_messages() {
    let (mut server, url) = Client::listen(&["--many", "--count", "2"]);
    let (mut one, mut other) = (connect(&url), connect(&url));
    one.send("1").unwrap();
    assert_eq!(server.shows(), "1");
    other.send("2").unwrap();
    assert_eq!((one.read().unwrap(), other.read().unwrap()), (None, None));
    assert_eq!((server.status(), server.rest()), (0, vec!["2".to_owned()]));
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_all_connections_with_1001() {
    let (mut server, url) = Client::listen(&["--many"]);
    let mut clients = [connect(&url), connect(&url)];
    for client in &mut clients {
        client.send("here").unwrap();
        assert_eq!(server.shows(), "here");
    }
    server.interrupt();
    for client in &mut clients {
        assert_eq!(client.read().unwrap(), None);
        assert_eq!(client.close_info().unwrap().code, CloseCode::GOING_AWAY);
    }
    assert_eq!(server.status(), 0);
}

#[test]
fn peer_that_breaks_a_rule_ends_its_own_connection_only() {
    let (mut server, url) = Client::listen(&["--many", "--max-message", "10"]);
    let (mut one, mut other) = (connect(&url), connect(&url));
    let name = one.stream().local_addr().unwrap();
    one.send("12345678901").unwrap();
    assert_eq!(one.read().unwrap(), None);
    assert_eq!(one.close_info().unwrap().code, CloseCode::TOO_BIG);
    let fault = format!("{name}: frame of 11 bytes; the limit is 10 bytes, raise it with --max-message");
    assert!((0..4).any(|_| server.notes() == fault));
    other.send("1234567890").unwrap();
    assert_eq!(server.shows(), "1234567890");
    server.end_input();
    assert_eq!(other.read().unwrap(), None);
    assert_eq!(server.status(), 0);
}

#[test]
fn address_in_use_gives_status_3_and_a_header_that_cannot_be_sent_2() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let rows: [(&[&str], &str, i32); 4] = [
        (&[&port], "cannot listen on ", 3),
        (&["0", "-H", "Upgrade: x"], "the header \"Upgrade\" cannot be sent", 2),
        (&["0", "-o", "*", "-o", "a page"], "the header \"Origin\" cannot be sent", 2),
        (&["0", "-s", "not a token"], "the subprotocol \"not a token\" cannot be sent", 2),
    ];
    for (options, expected, status) in rows {
        let mut command = std::process::Command::new(super::CLIENT);
        let mut server = Client::run(command.arg("--listen").args(options));
        let note = server.notes();
        assert!(note.starts_with(expected), "{note}");
        assert_eq!(server.status(), status);
    }
}
