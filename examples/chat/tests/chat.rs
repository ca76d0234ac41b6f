//! The chat example as a process, with this crate as its clients.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is how a test fails")]

#[path = "../../../tests/example_server/mod.rs"]
mod example_server;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chat::limits;
use example_server::{PATIENCE, Server, eventually};
use sansocket::blocking::{self, TimedRead, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, CloseInfo, Config, Error, HandshakeError, Message};
use serde_json::{Value, json};

const CHAT: &str = env!("CARGO_BIN_EXE_chat");

/// An open window of the chat.
struct Window {
    socket: WebSocket<TcpStream>,
    /// The first message of the server.
    status: Value,
}

impl Window {
    fn open(server: &Server, resource: &str) -> Self {
        Self::request(&Request::new(&server.url(resource)).unwrap()).unwrap()
    }

    fn named(server: &Server, resource: &str, name: &str) -> Self {
        let mut window = Self::open(server, resource);
        window.send(&json!({ "User": name }));
        window.sees_users(|users| users.iter().any(|user| user == name));
        window
    }

    fn request(request: &Request) -> Result<Self, Error> {
        let config = Config::default().handshake_timeout(PATIENCE);
        let (socket, _) = blocking::connect_with(request, config)?;
        let mut window = Self { socket, status: Value::Null };
        window.status = window.next();
        assert_eq!(window.status["Type"], "Status");
        Ok(window)
    }

    fn id(&self) -> &str {
        self.status["WSID"].as_str().unwrap()
    }

    fn guest_name(&self) -> String {
        format!("guest-{}", &self.id()[self.id().len() - 4..])
    }

    fn send(&mut self, value: &Value) {
        self.socket.send(&value.to_string()).unwrap();
    }

    fn say(&mut self, text: &str) {
        self.send(&json!({ "Message": STANDARD.encode(text), "Author": "author" }));
    }

    fn next(&mut self) -> Value {
        match self.socket.read_timeout(PATIENCE).unwrap() {
            TimedRead::Message(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} instead of a text message"),
        }
    }

    /// The next chat message. Other messages are skipped.
    fn chat(&mut self) -> Value {
        loop {
            let message = self.next();
            if message["Type"] == "Chat" {
                return message;
            }
        }
    }

    /// Author and text of the next chat message.
    fn hears(&mut self) -> (String, String) {
        author_and_text(&self.chat())
    }

    /// Waits for a list of users for which `is_expected` is true.
    fn sees_users(&mut self, is_expected: impl Fn(&[String]) -> bool) {
        loop {
            let message = self.next();
            if message["Type"] == "userlist" && is_expected(&users(&message)) {
                return;
            }
        }
    }

    fn sees(&mut self, names: &[&str]) {
        self.sees_users(|users| users == names);
    }

    /// Reads until the server closes the connection. Gives the end.
    fn end(mut self) -> CloseInfo {
        loop {
            match self.socket.read_timeout(PATIENCE) {
                Ok(TimedRead::Message(_)) => {}
                Ok(TimedRead::Closed) => return self.socket.close_info().unwrap(),
                other => panic!("{other:?} instead of a closing handshake"),
            }
        }
    }

    fn leave(mut self) {
        self.socket.close(CloseCode::NORMAL, "").unwrap();
    }
}

fn users(list: &Value) -> Vec<String> {
    list["Users"].as_array().unwrap().iter().map(|user| user["User"].as_str().unwrap().into()).collect()
}

fn author_and_text(chat: &Value) -> (String, String) {
    let text = STANDARD.decode(chat["Message"].as_str().unwrap()).unwrap();
    (chat["Author"].as_str().unwrap().into(), String::from_utf8(text).unwrap())
}

fn said(author: &str, text: &str) -> (String, String) {
    (author.into(), text.into())
}

#[test]
fn joining_talking_renaming_and_leaving_reach_all_windows() {
    let server = Server::start(CHAT, &[]);
    let mut alice = Window::open(&server, "/chat");
    let greeting = STANDARD.decode(alice.status["Message"].as_str().unwrap()).unwrap();
    assert_eq!(greeting, b"Welcome to lobby.");
    let guest = alice.guest_name();
    alice.sees(&[&guest]);
    alice.send(&json!({ "User": "Alice" }));
    alice.sees(&["Alice"]);

    let mut bob = Window::named(&server, "/chat", "Bob");
    assert_ne!(alice.id(), bob.id());
    alice.sees(&["Alice", "Bob"]);

    bob.send(&json!({ "Message": "Z3LDvMOfIGRpY2gg4pyT", "Author": "Bob" }));
    let (to_alice, to_bob) = (alice.chat(), bob.chat());
    assert_eq!(to_alice, to_bob, "the author gets the message, too");
    assert_eq!(author_and_text(&to_alice), said("Bob", "grüß dich ✓"));
    assert_eq!(to_alice["Message"], "Z3LDvMOfIGRpY2gg4pyT");
    let sent: jiff::civil::DateTime = to_alice["Sent"].as_str().unwrap().parse().unwrap();
    let age =
        jiff::Timestamp::now().duration_since(sent.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp());
    assert!((-2..60).contains(&age.as_secs()), "sent {age:?} ago");
    assert_eq!(to_alice.as_object().unwrap().len(), 4);

    bob.send(&json!({ "User": "Robert" }));
    alice.sees(&["Alice", "Robert"]);
    bob.sees(&["Alice", "Robert"]);
    bob.say("a rename is no message");
    assert_eq!(alice.hears(), said("Robert", "a rename is no message"));

    bob.leave();
    alice.sees(&["Alice"]);
    let carol = Window::named(&server, "/chat", "Carol");
    alice.sees(&["Alice", "Carol"]);
    drop(carol); // without a closing handshake
    alice.sees(&["Alice"]);
}

// attack: demo-4
#[test]
fn names_are_cleaned_and_the_servers_name_is_refused() {
    let server = Server::start(CHAT, &[]);
    let mut window = Window::open(&server, "/chat");
    let guest = window.guest_name();
    let rows = [
        ("  Zoë  ", "Zoë"),
        ("a\u{0}b\r\nc\u{7f}\u{9b}d", "abcd"),
        (&*"語".repeat(41), &*"語".repeat(40)),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("system", &*guest),
        (" Sys\u{1}tem\n", &*guest),
        ("", &*guest),
        (" \u{7} ", &*guest),
    ];
    // Without a nickname, the author of a message is the one in the message, cleaned like a nickname.
    for (raw, clean) in rows {
        window.send(&json!({ "Message": "aGk=", "Author": raw }));
        assert_eq!(window.hears(), said(clean, "hi"));
    }
    window.send(&json!({ "Message": "aGk=" }));
    assert_eq!(window.hears(), said(&guest, "hi"));
    drop(window);

    let mut window = Window::named(&server, "/chat?room=names", "somebody");
    let guest = window.guest_name();
    for (raw, clean) in rows {
        window.send(&json!({ "User": raw }));
        window.sees(&[if clean.starts_with("guest-") { &guest } else { clean }]);
    }
}

/// Only its owner is told. Pages that do not know the fields see a list of users.
// attack: demo-4
#[test]
fn refused_names_come_with_a_reason() {
    let server = Server::start(CHAT, &[]);
    let mut alice = Window::named(&server, "/chat", "Alice");
    let mut mallory = Window::named(&server, "/chat", "Mallory");
    alice.sees(&["Alice", "Mallory"]);
    let guest = mallory.guest_name();
    let rows = [
        ("\u{405}ystem", "That name is reserved."),
        ("s\u{200b}ystem", "A name must not have invisible characters."),
        ("\u{202e}ecilA", "A name must not have characters that turn the direction of text."),
        ("\u{410}lice", "That name looks like the name of somebody in this room."),
        ("alice", "That name looks like the name of somebody in this room."),
        (" ", "A name needs at least one character."),
    ];
    for (name, reason) in rows {
        mallory.send(&json!({ "User": name }));
        let told = loop {
            let message = mallory.next();
            if message["Refused"] != Value::Null {
                break message;
            }
        };
        let users = json!([{ "User": "Alice" }, { "User": guest }]);
        assert_eq!(told, json!({ "Type": "userlist", "Users": users, "Name": guest, "Refused": reason }));
        // The author in a message is not believed either.
        mallory.send(&json!({ "Message": "aGk=", "Author": name }));
        assert_eq!((mallory.hears(), alice.hears()), (said(&guest, "hi"), said(&guest, "hi")));
    }
    // The same name is the other window of the same user, as far as anybody can tell.
    mallory.send(&json!({ "User": "Alice" }));
    mallory.sees(&["Alice", "Alice"]);
    let mut elsewhere = Window::named(&server, "/chat?room=other", "\u{410}lice");
    elsewhere.say("looks like nobody in this room, and may say \u{202e}anything");
    assert_eq!(elsewhere.hears().0, "\u{410}lice");
    alice.send(&json!({ "User": "Alicia" }));
    loop {
        let message = alice.next();
        assert_eq!(message["Refused"], Value::Null, "only the owner is told");
        if message["Type"] == "userlist" && users(&message) == ["Alicia", "Alice"] {
            break;
        }
    }
}

/// 256 rooms, each with a history at its limit, and no more memory than that.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "sends 64 MiB and more; `cargo test --release -p chat -- --ignored --nocapture rooms_full`"]
fn rooms_full_of_history_cost_what_is_counted() {
    let server = Server::start(CHAT, &["--history", "100000"]);
    let before = server.memory().unwrap();
    let filled: Vec<_> = (0..256)
        .map(|room| {
            let url = server.url(&format!("/chat?room={room}"));
            thread::spawn(move || {
                // A name of one character, so that the length of a message is known: below 11,000 bytes.
                for _ in 0..2 {
                    let mut window = Window::request(&Request::new(&url).unwrap()).unwrap();
                    for _ in 0..18 {
                        window.send(&json!({ "Message": STANDARD.encode("x".repeat(8000)), "Author": "a" }));
                        window.hears();
                    }
                }
            })
        })
        .collect();
    filled.into_iter().for_each(|room| room.join().unwrap());
    thread::sleep(Duration::from_secs(1));
    let after = server.memory().unwrap();
    let nominal = 256 * (256 << 10);
    println!(
        "256 rooms full of history: {} MiB nominal, {} MiB resident, {} MiB before",
        nominal >> 20,
        after >> 20,
        before >> 20
    );
    assert!(after - before < nominal * 3 / 2, "{after} bytes resident");
}

#[test]
fn new_member_gets_the_history_of_the_room() {
    let server = Server::start(CHAT, &["--history", "3"]);
    let mut first = Window::named(&server, "/chat?room=a%20b", "First");
    for text in ["one", "two", "three", "four"] {
        first.say(text);
    }
    let expected: Vec<Value> = (0..4).map(|_| first.chat()).collect();
    // The same room, with another encoding of its name.
    let mut second = Window::open(&server, "/csp/user/Chat.Server.cls?x=1&room=a+b");
    assert_eq!([second.next(), second.next(), second.next()], expected[1..]);
    assert_eq!(second.next()["Type"], "userlist");
    drop((first, second));
    // An empty room keeps its history.
    let mut third = Window::open(&server, "/chat?room=a%20b");
    assert_eq!(third.next(), expected[1]);
}

#[test]
fn messages_stay_in_their_room() {
    let server = Server::start(CHAT, &[]);
    let mut windows = ["/chat", "/chat?room=%C3%BC", "/chat?room=u"].map(|room| Window::open(&server, room));
    for (room, window) in windows.iter_mut().enumerate() {
        let guest = window.guest_name();
        window.sees(&[&guest]);
        window.say(&format!("in room {room}"));
    }
    for (room, window) in windows.iter_mut().enumerate() {
        window.say("last");
        assert_eq!(window.hears(), said("author", &format!("in room {room}")));
        assert_eq!(window.hears(), said("author", "last"));
    }
    // The tutorial's path leads to the lobby.
    let mut tutorial = Window::open(&server, "/csp/user/Chat.Server.cls");
    assert_eq!(tutorial.hears(), said("author", "in room 0"));
    let mut named = Window::open(&server, "/chat?room=lobby");
    assert_eq!(named.hears(), said("author", "in room 0"));
}

/// Head and body of the response to an HTTP request.
fn fetch(server: &Server, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.into(), body.into())
}

// attack: demo-4
#[test]
fn page_has_a_content_security_policy() {
    let server = Server::start(CHAT, &[]);
    let (head, body) = fetch(&server, "GET /?room=garden");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body.starts_with("<!doctype html>"));
    assert!(head.contains("\r\nContent-Type: text/html; charset=utf-8"));
    assert!(head.contains("\r\nContent-Security-Policy: default-src 'none'; script-src 'self';"));
    assert!(head.contains("frame-ancestors 'none'") && !head.contains("unsafe"));
    assert!(head.contains("\r\nX-Content-Type-Options: nosniff"));
    assert_eq!(fetch(&server, "HEAD /?room=garden"), (head, String::new()));
    for (path, media_type) in [("/chat.css", "text/css"), ("/chat.js", "text/javascript")] {
        let (head, body) = fetch(&server, &format!("GET {path}"));
        assert!(head.contains(&format!("\r\nContent-Type: {media_type}; charset=utf-8")) && !body.is_empty());
    }
    // The script never makes HTML of text.
    let (_, script) = fetch(&server, "GET /chat.js");
    for sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("] {
        assert!(!script.contains(sink), "{sink}");
    }
    for (request, status) in [
        ("POST /", "405 Method Not Allowed"),
        ("GET /page/index.html", "404 Not Found"),
        ("GET /../main.rs", "404 Not Found"),
        ("GET /chat", "404 Not Found"),
    ] {
        let (head, _) = fetch(&server, request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {head}");
    }
}

#[test]
fn list_of_rooms_has_the_rooms_with_members() {
    let server = Server::start(CHAT, &[]);
    let rooms = || {
        let (head, body) = fetch(&server, "GET /rooms");
        assert!(
            head.starts_with("HTTP/1.1 200 OK\r\n")
                && head.contains("\r\nContent-Type: application/json\r\n")
        );
        serde_json::from_str::<Value>(&body).unwrap()
    };
    assert_eq!(rooms(), json!({ "Rooms": [] }));
    let lobby = [Window::open(&server, "/chat"), Window::open(&server, "/chat")];
    let garden = Window::open(&server, "/chat?room=%3Cb%3E%22garden%22");
    let expected = [json!({ "Room": "<b>\"garden\"", "Users": 1 }), json!({ "Room": "lobby", "Users": 2 })];
    assert_eq!(rooms(), json!({ "Rooms": expected }));
    garden.leave();
    eventually("the empty room is not listed", || {
        (rooms() == json!({ "Rooms": [expected[1]] })).then_some(())
    });
    drop(lobby);
    assert!(fetch(&server, "POST /rooms").0.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"));
}

#[test]
fn address_in_use_is_named_with_the_option_that_changes_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = Command::new(CHAT).args(["--bind", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(&format!("chat: the address {address} is in use")), "{said}");
    assert!(said.contains("--bind ") && said.lines().count() == 1, "{said}");
}

// attack: demo-4, server-7
// req: 6455-4.2.2-f, 6455-4.2.2-g, 6455-4.2.2-j, 6455-10.2-a, 6455-10.2-b
#[test]
fn origin_must_be_the_servers_own_or_an_allowed_one() {
    let server =
        Server::start(CHAT, &["--allow-origin", "https://a.example", "--allow-origin", "https://b.example"]);
    let own = format!("http://{}", server.address);
    let rows = [
        ("/chat", Some(&*own), 101),
        ("/chat", None, 101),
        ("/chat", Some("https://a.example"), 101),
        ("/chat", Some("https://b.example"), 101),
        ("/chat", Some("https://c.example"), 403),
        ("/chat", Some("https://a.example.c.example"), 403),
        ("/chat", Some("https://a.example:8443"), 403),
        ("/chat", Some("http://a.example"), 403),
        ("/chat", Some("http://127.0.0.1"), 403),
        ("/chat", Some("null"), 403),
        ("/csp/user/Chat.Server.cls", Some("https://c.example"), 403),
        ("/", None, 404),
        ("/chat/", None, 404),
        (&format!("/chat?room={}", "r".repeat(101)), None, 400),
    ];
    for (resource, origin, expected) in rows {
        let mut request = Request::new(&server.url(resource)).unwrap();
        if let Some(origin) = origin {
            request = request.origin(origin);
        }
        assert_eq!(status_of(Window::request(&request)), expected, "{origin:?} to {resource}");
    }
}

fn status_of(outcome: Result<Window, Error>) -> u16 {
    match outcome {
        Ok(_) => 101,
        Err(Error::Handshake(HandshakeError::Refused(refusal))) => refusal.status,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn invalid_message_closes_the_connection() {
    let server = Server::start(CHAT, &[]);
    let mut witness = Window::open(&server, "/chat");
    let guest = witness.guest_name();
    let nested = "[".repeat(16_000);
    let long = json!({ "Message": "YWFh".repeat(5000), "Author": "x" }).to_string();
    let rows: [(Message, CloseCode); 9] = [
        (vec![0_u8; 3].into(), CloseCode::UNSUPPORTED),
        ("".into(), CloseCode::INVALID_DATA),
        ("hello".into(), CloseCode::INVALID_DATA),
        (r#"{"Message":"not base64!","Author":"x"}"#.into(), CloseCode::INVALID_DATA),
        (r#"{"Message":7,"Author":"x"}"#.into(), CloseCode::INVALID_DATA),
        (r#"{"Type":"Chat"}"#.into(), CloseCode::INVALID_DATA),
        (r#"{"User":"\ud800"}"#.into(), CloseCode::INVALID_DATA),
        (nested.into(), CloseCode::INVALID_DATA),
        (long.into(), CloseCode::TOO_BIG),
    ];
    for (message, expected) in rows {
        let mut window = Window::open(&server, "/chat");
        window.socket.send(&message).unwrap();
        let what = format!("{:?}", message.as_text().map(|text| &text[..text.len().min(60)]));
        match window.socket.close_info() {
            None => assert_eq!(window.end().code, expected, "{what}"),
            Some(end) => assert_eq!(end.code, expected, "{what}"),
        }
    }
    witness.sees(&[&guest]);
    witness.say("still here");
    assert_eq!(witness.hears(), said("author", "still here"), "no invalid message was passed on");
}

// attack: demo-3
#[test]
fn flood_closes_its_own_connection() {
    let server = Server::start(CHAT, &[]);
    let mut witness = Window::open(&server, "/chat");
    let mut flood = Window::open(&server, "/chat");
    let message = Message::from(json!({ "Message": "aGk=", "Author": "x" }).to_string());
    for _ in 0..1000 {
        flood.socket.feed(&message).unwrap();
    }
    flood.socket.flush().unwrap();
    let end = flood.end();
    assert_eq!((end.code, &*end.reason), (CloseCode::POLICY_VIOLATION, "too many messages"));
    let guest = witness.guest_name();
    let mut passed_on = 0;
    loop {
        let message = witness.next();
        if message["Type"] == "Chat" {
            passed_on += 1;
        } else if passed_on > 0 && users(&message) == [&*guest] {
            break;
        }
    }
    assert!((20..30).contains(&passed_on), "{passed_on} messages were passed on");
}

// attack: demo-3
#[test]
fn window_that_does_not_read_is_dropped_and_others_miss_nothing() {
    let server = Server::start(CHAT, &["--history", "0"]);
    let mut witness = Window::named(&server, "/chat", "witness");
    let mut asleep = Window::named(&server, "/chat", "asleep");
    witness.sees(&["witness", "asleep"]);
    let witness = thread::spawn(move || {
        let mut heard = 0;
        loop {
            let message = witness.next();
            if message["Type"] == "Chat" {
                let (_, text) = author_and_text(&message);
                assert_eq!(text.trim_end(), heard.to_string(), "messages arrive in order");
                heard += 1;
            } else if !users(&message).contains(&"asleep".into()) {
                return heard;
            }
        }
    });
    let mut count = 0;
    let deadline = Instant::now() + PATIENCE;
    while !witness.is_finished() {
        assert!(Instant::now() < deadline, "not dropped after {count} messages");
        let mut talker = Window::open(&server, "/chat");
        for _ in 0..20 {
            talker.say(&format!("{count:<11000}"));
            count += 1;
        }
        while author_and_text(&talker.chat()).1.trim_end() != (count - 1).to_string() {}
        talker.leave();
    }
    assert!(witness.join().unwrap() > 256, "more messages than a queue holds");
    let end = eventually("the connection ends", || asleep.socket.read_timeout(PATIENCE).err());
    assert!(matches!(end, Error::Protocol(_) | Error::Io(_)), "{end}");
}

// attack: demo-1
#[test]
fn connections_over_the_limit_get_503_and_slots_are_reused() {
    let server = Server::start(CHAT, &["--max-connections", "4"]);
    let request = Request::new(&server.url("/chat")).unwrap();
    for round in 0..3 {
        // Connections of the round before may still be ending.
        let mut windows: Vec<Window> = (0..4)
            .map(|_| {
                eventually("a free slot", || match Window::request(&request) {
                    Ok(window) => Some(window),
                    refused => {
                        assert_eq!(status_of(refused), 503);
                        None
                    }
                })
            })
            .collect();
        let crowd: Vec<_> = (0..40)
            .map(|_| {
                let request = request.clone();
                thread::spawn(move || status_of(Window::request(&request)))
            })
            .collect();
        assert!(crowd.into_iter().all(|one| one.join().unwrap() == 503), "round {round}");
        let (head, _) = fetch(&server, "GET /");
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        windows[0].say("still served");
        assert_eq!(windows[3].chat()["Author"], "author");
        windows.into_iter().for_each(Window::leave);
    }
}

// attack: demo-2
#[cfg(unix)]
#[test]
fn server_out_of_descriptors_serves_open_connections_and_recovers() {
    let server = Server::start_with_descriptors(40, CHAT);
    let mut alice = Window::named(&server, "/chat", "Alice");
    let crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    alice.say("still served");
    assert_eq!(alice.hears(), said("Alice", "still served"));
    drop(crowd);
    let mut bob = Window::open(&server, "/chat");
    assert_eq!(bob.hears(), said("Alice", "still served"));
}

// attack: demo-1
#[test]
fn panic_ends_its_own_connection_and_frees_the_slot() {
    let slots = limits::Slots::new(1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for _ in 0..10 {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let slot = eventually("the slot is free", || slots.take());
        assert!(slots.take().is_none());
        let handler = move || {
            let _stream = stream;
            panic!("on purpose");
        };
        limits::spawn(slot, 64 << 10, handler).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "the stream is closed");
    }
    slots.wait_until_free(PATIENCE);
    slots.close();
    assert!(slots.take().is_none());
}

#[cfg(unix)]
#[test]
fn signal_closes_all_connections_with_1001_and_ends_the_server() {
    for signal in ["INT", "TERM"] {
        let mut server = Server::start(CHAT, &[]);
        let windows: Vec<Window> =
            (0..20).map(|i| Window::open(&server, &format!("/chat?room={}", i % 3))).collect();
        server.signal(signal);
        for mut window in windows {
            assert_eq!(window.hears(), said("system", "The server is shutting down."));
            let end = window.end();
            assert_eq!((end.code, &*end.reason), (CloseCode::GOING_AWAY, "server is shutting down"));
        }
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[cfg(unix)]
#[test]
fn signal_ends_the_server_although_a_client_does_not_answer() {
    let mut server = Server::start(CHAT, &[]);
    let silent = Window::open(&server, "/chat");
    let idle = TcpStream::connect(&server.address).unwrap();
    let began = Instant::now();
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5));
    drop((silent, idle));
}

/// A thousand connections in one room:
///
/// ```text
/// ulimit -n 4096
/// cargo test --release -p chat -- --ignored --nocapture
/// ```
#[test]
#[ignore = "needs a thousand descriptors and threads; run it alone, in release"]
fn thousand_connections_in_one_room_get_all_messages_in_order() {
    const WINDOWS: usize = 1000;
    const TALKERS: usize = 10;
    const EACH: usize = 10;
    let server = Server::start(CHAT, &[]);
    let start = Arc::new(Barrier::new(TALKERS + 1));
    let began = Instant::now();
    let listen = |index: usize| {
        let mut window = Window::open(&server, "/chat");
        let start = Arc::clone(&start);
        let listening = move || -> Vec<String> {
            if index < TALKERS {
                start.wait();
                (0..EACH).for_each(|i| window.say(&format!("{index} {i}")));
            }
            (0..TALKERS * EACH).map(|_| window.hears().1).collect()
        };
        thread::Builder::new().stack_size(256 << 10).spawn(listening).unwrap()
    };
    let windows: Vec<_> = (0..WINDOWS).map(listen).collect();
    println!("{WINDOWS} connections opened in {:?}, {}", began.elapsed(), memory(&server));
    start.wait();
    let began = Instant::now();
    let heard: Vec<Vec<String>> = windows.into_iter().map(|window| window.join().unwrap()).collect();
    println!("{} messages delivered in {:?}, {}", WINDOWS * TALKERS * EACH, began.elapsed(), memory(&server));

    assert!(heard.iter().all(|texts| *texts == heard[0]), "all get the same messages in the same order");
    for talker in 0..TALKERS {
        let of_talker = heard[0].iter().filter(|text| text.starts_with(&format!("{talker} ")));
        assert!(
            of_talker.cloned().eq((0..EACH).map(|i| format!("{talker} {i}"))),
            "all messages of each talker, in order"
        );
    }
}

/// Peak memory and threads of the server, if the system reports them.
fn memory(server: &Server) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmHWM:") || line.starts_with("Threads:"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
