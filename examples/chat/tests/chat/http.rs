//! What the server answers over HTTP: the page, the list of rooms, handshakes that are refused.

use std::io::{Read, Write};
use std::net::TcpStream;

use sansocket::handshake::client::Request;
use serde_json::{Value, json};

use crate::CHAT;
use crate::example_server::{PATIENCE, Server, eventually};
use crate::window::{Window, status_of};

/// Head and body of the response to an HTTP request.
pub(crate) fn fetch(server: &Server, request: &str) -> (String, String) {
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
