//! A client for the example servers that echo.

use sansocket::blocking::{self, TimedRead, WebSocket};
use sansocket::{CloseCode, Message};

use super::example_server::PATIENCE;

pub(crate) fn next<S: blocking::Stream>(socket: &mut WebSocket<S>) -> Message {
    match socket.read_timeout(PATIENCE).unwrap() {
        TimedRead::Message(message) => message,
        other => panic!("{other:?} instead of a message"),
    }
}

/// Checks that messages of all kinds are echoed and that the closing handshake works.
#[allow(dead_code, reason = "a test of TLS brings the connection")]
pub(crate) fn echoes(url: &str) {
    echoes_with(blocking::connect(url).unwrap());
}

/// [`echoes`] over a connection that is open.
pub(crate) fn echoes_with<S: blocking::Stream>(mut socket: WebSocket<S>) {
    let messages: [Message; 4] =
        ["".into(), "grüß dich, 世界".into(), vec![0, 255, 10].into(), "x".repeat(300_000).into()];
    for message in &messages {
        socket.send(message).unwrap();
        assert_eq!(next(&mut socket), *message);
    }
    // Send everything first, then read all answers.
    for message in messages.iter().cycle().take(40) {
        socket.feed(message).unwrap();
    }
    for message in messages.iter().cycle().take(40) {
        assert_eq!(next(&mut socket), *message);
    }
    socket.close(CloseCode(4001), "I am off").unwrap();
    let end = socket.close_info().unwrap();
    assert_eq!((end.code, end.was_clean), (CloseCode(4001), true));
}
