//! Names in the chat: cleaned, refused with a reason, compared with those of others.

use serde_json::{Value, json};

use crate::CHAT;
use crate::example_server::Server;
use crate::window::{Window, said, users};

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
