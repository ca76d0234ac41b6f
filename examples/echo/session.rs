//! One connection: before it is open, while it is open, after it has ended.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use sansocket::blocking::{self, TimedRead, WebSocket};
use sansocket::handshake::server::{Request, Response};
use sansocket::{CloseCode, Config, Error, Message};

type Socket = WebSocket<TcpStream>;

/// How connections are served.
#[derive(Debug)]
pub(crate) struct Session {
    /// Shared by all connections.
    pub(crate) config: Arc<Config>,
    /// The time without a message after which the server sends one. `None`: the server only echoes.
    pub(crate) timeout: Option<Duration>,
}

impl Session {
    pub(crate) fn run(&self, stream: TcpStream) {
        let peer = stream.peer_addr().map_or("unknown peer".into(), |address| address.to_string());
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

/// Before the connection is open (`OnPreServer`): looks at the request, then accepts or rejects it.
///
/// This server accepts pages of every origin, because an echo tells them nothing new. A server that knows its users by
/// cookies must check the `Origin` here (section 10.2).
fn before(request: &Request) -> Response {
    match request.subprotocols().find(|name| *name == "echo") {
        Some(echo) => request.accept().subprotocol(echo),
        None => request.accept(),
    }
}

/// While the connection is open (`Server`). The answers to all messages of one read go out in one write.
fn echo(socket: &mut Socket) -> Result<(), Error> {
    while let Some(message) = socket.read()? {
        socket.feed(&message)?;
    }
    Ok(())
}

/// While the connection is open, with a time limit on each read. A timeout loses nothing: the next read goes on with
/// the part of a message that has arrived.
fn converse(socket: &mut Socket, timeout: Duration) -> Result<(), Error> {
    loop {
        match socket.read_timeout(timeout)? {
            TimedRead::Message(message) if is_exit(&message) => {
                return socket.close(CloseCode::NORMAL, "goodbye");
            }
            TimedRead::Message(message) => socket.send(&message)?,
            TimedRead::TimedOut => {
                let now = jiff::Timestamp::now().strftime("%F %T");
                socket.send(&format!("Server timed-out at {now}"))?;
            }
            TimedRead::Closed => return Ok(()),
        }
    }
}

fn is_exit(message: &Message) -> bool {
    message.as_text() == Some("exit")
}

/// After the connection has ended (`OnPostServer`): prints the close code, the reason, and whether the end was clean.
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
