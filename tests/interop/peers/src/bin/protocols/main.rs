//! This crate as a client of servers that speak protocols of their own over WebSocket.

mod jupyter;
mod mqtt;
mod nats;
mod socket_io;
mod stomp;

use interop_peers::ours::{Socket, finish, wait_for_end, wait_for_pong};
use interop_peers::{Data, PING, Result, run};
use sansocket::blocking;
use sansocket::handshake::client::Request;
use sansocket::{CloseCode, Config};

/// A protocol on top of WebSocket, as far as it is tried.
trait Protocol {
    /// What the client offers, and the server has to choose.
    fn subprotocol(&self) -> Option<&str>;
    /// What comes before messages.
    fn greet(&self, socket: &mut Socket) -> Result<()>;
    /// Sends a message to the server and waits for it to come back.
    fn exchange(&self, socket: &mut Socket, data: &Data) -> Result<()>;
    /// Says goodbye in its own way, after which the server closes.
    fn leave(&self, socket: &mut Socket) -> Result<()>;
}

fn main() -> Result<()> {
    run(client, |_| Err("a client only".into()))
}

fn client(command: &str, url: &str, rest: &str) -> Result<String> {
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let protocol: &dyn Protocol = match name {
        "jupyter" => &jupyter::Jupyter,
        "mosquitto" => &mqtt::Mqtt,
        "nats-server" => &nats::Nats,
        "socket.io" => &socket_io::SocketIo,
        "rabbitmq" => &stomp::Stomp,
        _ => return Err("an unknown protocol".into()),
    };
    let mut socket = open(url, protocol)?;
    match command {
        "greet" => finish(socket),
        "exchange" => {
            protocol.exchange(&mut socket, &Data::parse(rest)?)?;
            finish(socket)
        }
        "ping" => {
            socket.ping(PING.as_bytes())?;
            wait_for_pong(&mut socket)?;
            finish(socket)
        }
        "close" => {
            socket.close(CloseCode::NORMAL, "")?;
            let end = socket.close_info().ok_or("not closed")?;
            Ok(format!("{} {}", end.code, if end.was_clean { "clean" } else { "not clean" }))
        }
        "leave" => {
            protocol.leave(&mut socket)?;
            let end = wait_for_end(&mut socket)?;
            Ok(if end.was_clean { "clean".into() } else { format!("{} not clean", end.code) })
        }
        _ => Err("n/a".into()),
    }
}

fn open(url: &str, protocol: &dyn Protocol) -> Result<Socket> {
    let request = protocol
        .subprotocol()
        .into_iter()
        .fold(Request::new(url)?, |request, name| request.subprotocol(name));
    let (mut socket, _) = blocking::connect_with(&request, Config::default())?;
    if socket.subprotocol() != protocol.subprotocol() {
        return Err(format!("the subprotocol is {:?}", socket.subprotocol()).into());
    }
    protocol.greet(&mut socket)?;
    Ok(socket)
}

/// Reads messages until their bytes, one after the other, end in `end`. Servers of byte streams cut them anywhere.
fn read_until(socket: &mut Socket, end: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.extend_from_slice(socket.read()?.ok_or("closed")?.as_bytes());
    }
    Ok(bytes)
}

fn read_text(socket: &mut Socket) -> Result<String> {
    let message = socket.read()?.ok_or("closed")?;
    Ok(message.as_text().ok_or("not a text")?.to_owned())
}

fn expect(condition: bool, what: &str, found: &[u8]) -> Result<()> {
    let start = &found[..found.len().min(200)];
    condition.then_some(()).ok_or_else(|| format!("{what}: {}", start.escape_ascii()).into())
}
