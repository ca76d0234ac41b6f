//! The client's end of a connection that has agreed on compression, which counts bytes.

use sansocket::blocking::{self, NetStream};
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Config, Connection, Deflate, Message, Negotiated};

use super::example_server::PATIENCE;

pub(crate) struct Counted {
    stream: NetStream,
    connection: Connection,
}

#[allow(dead_code, reason = "each test uses some of these")]
impl Counted {
    /// Connects, and checks that the server agrees.
    pub(crate) fn connect(url: &str, deflate: Deflate) -> Self {
        let config = Config::default().deflate(Some(deflate.min_len(0)));
        let (socket, _) = blocking::connect_with(&Request::new(url).unwrap(), config).unwrap();
        assert!(socket.negotiated().is_some(), "the server declined compression");
        Self::new(socket)
    }

    pub(crate) fn new(socket: blocking::WebSocket<NetStream>) -> Self {
        let (stream, connection) = socket.into_parts();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, connection }
    }

    pub(crate) fn negotiated(&self) -> Negotiated {
        self.connection.negotiated().unwrap()
    }

    /// Sends a message. Gives how many bytes of the stream it took.
    pub(crate) fn send(&mut self, message: &Message) -> usize {
        self.connection.send(message).unwrap();
        let len = self.connection.output().len();
        self.connection.output().write_all_to(&mut self.stream).unwrap();
        len
    }

    /// The next message, and how many bytes were read for it: all its bytes if nothing follows it.
    pub(crate) fn next(&mut self) -> (Message, usize) {
        let mut read = 0;
        loop {
            if let Some(message) = self.connection.next_message().unwrap() {
                return (message, read);
            }
            let n = self.connection.read_from(&mut self.stream).unwrap();
            assert!(n > 0, "the stream ended");
            read += n;
        }
    }

    /// Checks that the server sends each message back and that both ways are compressed.
    pub(crate) fn echoes(&mut self) {
        // Without takeover a short message does not get smaller.
        for len in [3000, 100_000, 1 << 20] {
            for message in [Message::from("grüß dich".repeat(len / 10)), vec![7; len].into()] {
                let sent = self.send(&message);
                let (echoed, received) = self.next();
                assert!(echoed == message, "{len} bytes");
                assert!(sent < len / 10, "{len} bytes were sent as {sent}");
                assert!(received < len / 10, "{len} bytes came back as {received}");
            }
        }
        for message in ["", "a"].map(Message::from) {
            self.send(&message);
            assert_eq!(self.next().0, message);
        }
        self.connection.close(CloseCode::NORMAL, "").unwrap();
        self.connection.output().write_all_to(&mut self.stream).unwrap();
    }
}

/// Checks that the server echoes compressed messages, with takeover and without.
#[allow(dead_code, reason = "not every test's server echoes")]
pub(crate) fn echoes_compressed(url: &str) {
    for takeover in [false, true] {
        let deflate = Deflate::default().takeover(takeover).peer_takeover(takeover);
        let mut client = Counted::connect(url, deflate);
        let negotiated = client.negotiated();
        assert_eq!(negotiated.server_no_context_takeover, !takeover);
        client.echoes();
    }
}
