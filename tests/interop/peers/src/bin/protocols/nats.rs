//! The client protocol of NATS: lines and payloads, in binary messages.

use interop_peers::ours::Socket;
use interop_peers::{Data, Result};

use crate::{Protocol, expect, read_until};

pub struct Nats;

impl Protocol for Nats {
    fn subprotocol(&self) -> Option<&str> {
        None
    }

    fn greet(&self, socket: &mut Socket) -> Result<()> {
        let info = read_until(socket, b"\r\n")?;
        expect(info.starts_with(b"INFO {"), "not the INFO", &info)?;
        socket.send(&b"CONNECT {\"verbose\":false}\r\nPING\r\n"[..])?;
        let answer = read_until(socket, b"\r\n")?;
        expect(answer == b"PONG\r\n", "not the PONG", &answer)
    }

    fn exchange(&self, socket: &mut Socket, data: &Data) -> Result<()> {
        let len = data.bytes.len();
        let packet = |head: String| [head.as_bytes(), &data.bytes, b"\r\n"].concat();
        socket.send(&packet(format!("SUB interop 7\r\nPUB interop {len}\r\n"))[..])?;
        let answer = read_until(socket, &[&data.bytes, &b"\r\n"[..]].concat())?;
        expect(answer == packet(format!("MSG interop 7 {len}\r\n")), "not the MSG", &answer)
    }

    /// It has no goodbye. What it does not know is an error, after which it closes.
    fn leave(&self, socket: &mut Socket) -> Result<()> {
        socket.send(&b"GOODBYE\r\n"[..])?;
        let answer = read_until(socket, b"\r\n")?;
        expect(answer.starts_with(b"-ERR "), "not the error", &answer)
    }
}
