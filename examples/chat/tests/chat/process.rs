//! The process: its address, its descriptors, signals.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use sansocket::CloseCode;

use crate::CHAT;
use crate::example_server::Server;
use crate::window::{Window, said};

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
