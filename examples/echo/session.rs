//! One connection: before it is open, while it is, and after it has ended.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use sansocket::blocking::{self, Waited, WebSocket};
use sansocket::handshake::server::{Request, Response};
use sansocket::{CloseCode, Config, Error, Message};

type Socket = WebSocket<TcpStream>;

/// What is done on a connection.
#[derive(Debug)]
pub(crate) struct Session {
    /// Shared by all connections.
    pub(crate) config: Arc<Config>,
    /// After this much silence something is said, and `exit` is an end; `None`: everything is just sent back.
    pub(crate) timeout: Option<Duration>,
}

impl Session {
    pub(crate) fn run(&self, stream: TcpStream) {
        let peer = stream.peer_addr().map_or("somebody".into(), |address| address.to_string());
        match blocking::accept_with(stream, Arc::clone(&self.config), before) {
            Ok(mut socket) => {
                let result = match self.timeout {
                    None => echo(&mut socket),
                    Some(timeout) => converse(&mut socket, timeout),
                };
                after(&peer, &socket, result);
            }
            Err(error) => println!("echo: {peer} was not connected: {error}"),
        }
    }
}

/// Before the connection is open (`OnPreServer`): the request is here to look at, and to accept or reject.
///
/// The page that connects may come from anywhere: whoever reads this server's words learns only what they said
/// themselves. A server that knows its users by their cookies looks at the `Origin` here (section 10.2).
fn before(request: &Request) -> Response {
    match request.subprotocols().find(|name| *name == "echo") {
        Some(echo) => request.accept().subprotocol(echo),
        None => request.accept(),
    }
}

/// While it is open (`Server`), plainly: the answers to all messages that one read brought go out in one write.
fn echo(socket: &mut Socket) -> Result<(), Error> {
    while let Some(message) = socket.read()? {
        socket.feed(&message)?;
    }
    Ok(())
}

/// While it is open, with a time limit on each read. A read that ran out of time has lost nothing: what had arrived of
/// a message is there for the next one.
fn converse(socket: &mut Socket, timeout: Duration) -> Result<(), Error> {
    loop {
        match socket.read_timeout(timeout)? {
            Waited::Received(message) if is_exit(&message) => {
                return socket.close(CloseCode::NORMAL, "goodbye");
            }
            Waited::Received(message) => socket.send(&message)?,
            Waited::Elapsed => {
                let now = jiff::Timestamp::now().strftime("%F %T");
                socket.send_text(&format!("Server timed-out at {now}"))?;
            }
            Waited::Closed => return Ok(()),
        }
    }
}

fn is_exit(message: &Message) -> bool {
    message.as_text() == Some("exit")
}

/// After it has ended (`OnPostServer`): code, reason and cleanliness are known.
fn after(peer: &str, socket: &Socket, result: Result<(), Error>) {
    match socket.close_info() {
        Some(end) => {
            let how = if end.was_clean { "clean" } else { "not clean" };
            println!("echo: {peer} ended: code {}, reason {:?}, {how}", end.code, end.reason);
        }
        None => println!("echo: {peer} ended without a Close frame"),
    }
    if let Err(error) = result {
        println!("echo: {peer}: {error}");
    }
}
