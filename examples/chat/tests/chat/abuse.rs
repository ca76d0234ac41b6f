//! Clients that break the rules, flood or read nothing, and limits of the server.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use chat::limits;
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Error, Message};
use serde_json::json;

use crate::CHAT;
use crate::example_server::{PATIENCE, Server, eventually};
use crate::http::fetch;
use crate::window::{Window, author_and_text, said, status_of, users};

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
