//! What windows are told beside what those of the chat are told: confirmations, and where to go on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::CloseCode;
use serde_json::{Value, json};

use crate::CHAT;
use crate::example_server::Server;
#[cfg(unix)]
use crate::example_server::eventually;
use crate::http::fetch;
use crate::window::Window;

/// The next message of a type.
fn next(window: &mut Window, wanted: &str) -> Value {
    loop {
        let message = window.next();
        if message["Type"] == wanted {
            return message;
        }
    }
}

fn say(window: &mut Window, key: &str, text: &str) -> Value {
    window.send(&json!({ "Message": STANDARD.encode(text), "Key": key }));
    next(window, "Said")
}

/// Has the server drain. Gives control back when the balancer can see it.
#[cfg(unix)]
fn drain(server: &Server) {
    server.signal("TERM");
    let is_draining = || fetch(server, "GET /ready").0.starts_with("HTTP/1.1 503 ").then_some(());
    eventually("/ready is 503", is_draining);
}

#[test]
fn message_that_is_sent_again_is_said_once() {
    let server = Server::start(CHAT, &[]);
    let mut window = Window::open(&server, "/chat");
    let first = say(&mut window, "key-1", "once");
    assert_eq!(say(&mut window, "key-1", "once"), first);
    assert_ne!(say(&mut window, "key-2", "twice")["Id"], first["Id"]);
    let mut other = Window::open(&server, "/chat");
    assert_eq!(other.status["Earlier"], 2);
    let (one, two) = (other.chat(), other.chat());
    assert_eq!((&one["Id"], &one["Key"], &two["Key"]), (&first["Id"], &json!("key-1"), &json!("key-2")));
}

#[test]
fn window_that_comes_back_gets_what_came_since() {
    let server = Server::start(CHAT, &["--history", "2"]);
    let mut window = Window::open(&server, "/chat");
    assert_eq!(
        (&window.status["Earlier"], &window.status["Resumed"], &window.status["Last"]),
        (&json!(0), &json!(false), &json!("0-0"))
    );
    let ids: Vec<String> =
        (0..9).map(|i| say(&mut window, &i.to_string(), "text")["Id"].as_str().unwrap().to_owned()).collect();
    for (seen, earlier) in [("0-0", 9), (&*ids[2], 6), (&*ids[8], 0)] {
        let mut back = Window::open(&server, &format!("/chat?after={seen}"));
        assert_eq!((&back.status["Earlier"], &back.status["Resumed"]), (&json!(earlier), &json!(true)));
        assert_eq!(back.status["Last"], seen);
        for id in &ids[9 - earlier..] {
            assert_eq!(back.chat()["Id"], **id);
        }
    }
    for (unknown, earlier, last) in [("1-1", 9, "0-0"), ("x", 2, &ids[6]), ("99999999999999-0", 2, &ids[6])] {
        let back = Window::open(&server, &format!("/chat?after={unknown}"));
        assert_eq!((&back.status["Earlier"], &back.status["Resumed"]), (&json!(earlier), &json!(false)));
        assert_eq!(back.status["Last"], last);
    }
}

#[test]
fn bad_key_closes_the_connection() {
    let server = Server::start(CHAT, &[]);
    for key in [json!("a b"), json!("x".repeat(65)), json!(7), json!("")] {
        let mut window = Window::open(&server, "/chat");
        window.send(&json!({ "Message": "", "Key": key }));
        assert_eq!(window.end().code, CloseCode::INVALID_DATA, "{key}");
    }
}

#[cfg(unix)]
#[test]
fn server_that_drains_closes_windows_with_1012_and_says_so_to_the_balancer() {
    let mut server = Server::start(CHAT, &["--drain", "500", "--metrics"]);
    let mut window = Window::open(&server, "/chat");
    say(&mut window, "k", "text");
    assert!(fetch(&server, "GET /ready").0.starts_with("HTTP/1.1 200 "));
    let (_, metrics) = fetch(&server, "GET /metrics");
    assert!(
        metrics.contains("\nchat_windows 1\n") && metrics.contains("\nchat_messages_received_total 1\n"),
        "{metrics}"
    );
    drain(&server);
    assert!(fetch(&server, "GET /live").0.starts_with("HTTP/1.1 200 "));
    let refused = Window::request(&sansocket::handshake::client::Request::new(&server.url("/chat")).unwrap());
    assert_eq!(crate::window::status_of(refused), 503);
    let end = window.end();
    assert_eq!((end.code, &*end.reason), (CloseCode::SERVICE_RESTART, "server restarts"));
    assert_eq!(server.wait().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn second_signal_ends_the_server_at_once() {
    let mut server = Server::start(CHAT, &["--drain", "60000"]);
    let window = Window::open(&server, "/chat");
    drain(&server);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1));
    drop(window);
}
