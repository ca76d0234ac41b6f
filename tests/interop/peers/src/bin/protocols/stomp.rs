//! STOMP 1.2 (RabbitMQ): frames of text that end with a NUL, in text messages.

use interop_peers::ours::Socket;
use interop_peers::{Data, Result};

use crate::{Protocol, expect, read_text};

pub struct Stomp;

impl Protocol for Stomp {
    fn subprotocol(&self) -> Option<&str> {
        Some("v12.stomp")
    }

    fn greet(&self, socket: &mut Socket) -> Result<()> {
        socket.send("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0")?;
        answered(socket, "CONNECTED\n", "\0")
    }

    fn exchange(&self, socket: &mut Socket, data: &Data) -> Result<()> {
        let text = data.text()?;
        socket.send("SUBSCRIBE\nid:7\ndestination:/topic/interop\nreceipt:1\n\n\0")?;
        answered(socket, "RECEIPT\nreceipt-id:1\n", "\0")?;
        let frame = format!("SEND\ndestination:/topic/interop\n\n{text}\0");
        socket.send(&frame)?;
        answered(socket, "MESSAGE\n", &format!("\n\n{text}\0"))
    }

    fn leave(&self, socket: &mut Socket) -> Result<()> {
        Ok(socket.send("DISCONNECT\n\n\0")?)
    }
}

/// Reads a frame with that start and that end. A line end may follow it.
fn answered(socket: &mut Socket, start: &str, end: &str) -> Result<()> {
    let mut answer = String::new();
    while !answer.trim_end_matches('\n').ends_with('\0') {
        answer += &read_text(socket)?;
    }
    let frame = answer.trim_matches('\n');
    expect(frame.starts_with(start) && frame.ends_with(end), start, frame.as_bytes())
}
