//! `--deflate`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::{Deflate, Message};
use serde_json::{Value, json};

use crate::CHAT;
use crate::counted::Counted;
use crate::example_server::Server;
use crate::window::{Window, said};

/// The next message that somebody said, and how many bytes were read for it.
fn hear(client: &mut Counted) -> (Value, usize) {
    loop {
        let (message, len) = client.next();
        let value: Value = serde_json::from_str(message.as_text().unwrap()).unwrap();
        if value["Type"] == "Chat" {
            return (value, len);
        }
    }
}

#[test]
fn long_messages_are_compressed_for_clients_that_offer_it() {
    let server = Server::start(CHAT, &["--deflate"]);
    let mut plain = Window::open(&server, "/chat");
    // Each has its own window: the room keeps no compressed form of a message for longer than it is being sent.
    let mut clients = [15, 12, 11]
        .map(|bits| Counted::connect(&server.url("/chat"), Deflate::default().peer_window_bits(bits)));
    let text = "the same again and again, ".repeat(300);
    let base64 = STANDARD.encode(&text);
    for _ in 0..3 {
        let message = json!({ "Message": base64, "Author": "Ann" }).to_string();
        let sent = clients[0].send(&Message::from(message));
        assert!(sent < base64.len() / 10, "{sent} bytes were sent");
        for client in &mut clients {
            let (heard, received) = hear(client);
            assert_eq!(heard["Message"], base64);
            assert!(received < base64.len() / 10, "{received} bytes were received");
        }
        assert_eq!(plain.hears(), said("Ann", &text));
    }
    // The history goes compressed, too.
    let mut late = Counted::connect(&server.url("/chat"), Deflate::default());
    let mut received = 0;
    for _ in 0..3 {
        let (heard, len) = hear(&mut late);
        assert_eq!(heard["Message"], base64);
        received += len;
    }
    assert!(received < base64.len() / 3, "{received} bytes were received");
}
