//! Members, messages and the history of rooms.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::handshake::client::Request;
use serde_json::{Value, json};

use crate::example_server::Server;
use crate::window::{Window, author_and_text, said};
use crate::{CHAT, FIELDS};

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
    assert_eq!(to_alice.as_object().unwrap().len(), FIELDS);

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
