//! A client of the chat.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sansocket::blocking::{self, NetStream, TimedRead, WebSocket};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, CloseInfo, Config, Error, HandshakeError, Message};
use serde_json::{Value, json};

use crate::example_server::{PATIENCE, Server};

/// An open window of the chat.
pub(crate) struct Window {
    pub(crate) socket: WebSocket<NetStream>,
    /// The first message of the server.
    pub(crate) status: Value,
}

impl Window {
    pub(crate) fn open(server: &Server, resource: &str) -> Self {
        Self::request(&Request::new(&server.url(resource)).unwrap()).unwrap()
    }

    pub(crate) fn named(server: &Server, resource: &str, name: &str) -> Self {
        let mut window = Self::open(server, resource);
        window.send(&json!({ "User": name }));
        window.sees_users(|users| users.iter().any(|user| user == name));
        window
    }

    pub(crate) fn request(request: &Request) -> Result<Self, Error> {
        let config = Config::default().handshake_timeout(PATIENCE);
        let (socket, _) = blocking::connect_with(request, config)?;
        let mut window = Self { socket, status: Value::Null };
        window.status = window.next();
        assert_eq!(window.status["Type"], "Status");
        Ok(window)
    }

    pub(crate) fn id(&self) -> &str {
        self.status["WSID"].as_str().unwrap()
    }

    pub(crate) fn guest_name(&self) -> String {
        format!("guest-{}", &self.id()[self.id().len() - 4..])
    }

    pub(crate) fn send(&mut self, value: &Value) {
        self.socket.send(&value.to_string()).unwrap();
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.send(&json!({ "Message": STANDARD.encode(text), "Author": "author" }));
    }

    pub(crate) fn next(&mut self) -> Value {
        match self.socket.read_timeout(PATIENCE).unwrap() {
            TimedRead::Message(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?} instead of a text message"),
        }
    }

    /// The next chat message. Other messages are skipped.
    pub(crate) fn chat(&mut self) -> Value {
        loop {
            let message = self.next();
            if message["Type"] == "Chat" {
                return message;
            }
        }
    }

    /// Author and text of the next chat message.
    pub(crate) fn hears(&mut self) -> (String, String) {
        author_and_text(&self.chat())
    }

    /// Waits for a list of users for which `is_expected` is true.
    pub(crate) fn sees_users(&mut self, is_expected: impl Fn(&[String]) -> bool) {
        loop {
            let message = self.next();
            if message["Type"] == "userlist" && is_expected(&users(&message)) {
                return;
            }
        }
    }

    pub(crate) fn sees(&mut self, names: &[&str]) {
        self.sees_users(|users| users == names);
    }

    /// Reads until the server closes the connection. Gives the end.
    pub(crate) fn end(mut self) -> CloseInfo {
        loop {
            match self.socket.read_timeout(PATIENCE) {
                Ok(TimedRead::Message(_)) => {}
                Ok(TimedRead::Closed) => return self.socket.close_info().unwrap(),
                other => panic!("{other:?} instead of a closing handshake"),
            }
        }
    }

    pub(crate) fn leave(mut self) {
        self.socket.close(CloseCode::NORMAL, "").unwrap();
    }
}

pub(crate) fn users(list: &Value) -> Vec<String> {
    list["Users"].as_array().unwrap().iter().map(|user| user["User"].as_str().unwrap().into()).collect()
}

pub(crate) fn author_and_text(chat: &Value) -> (String, String) {
    let text = STANDARD.decode(chat["Message"].as_str().unwrap()).unwrap();
    (chat["Author"].as_str().unwrap().into(), String::from_utf8(text).unwrap())
}

pub(crate) fn said(author: &str, text: &str) -> (String, String) {
    (author.into(), text.into())
}

/// The status of the response: 101 if the window is open.
pub(crate) fn status_of(outcome: Result<Window, Error>) -> u16 {
    match outcome {
        Ok(_) => 101,
        Err(Error::Handshake(HandshakeError::Refused(refusal))) => refusal.status,
        Err(error) => panic!("{error}"),
    }
}
