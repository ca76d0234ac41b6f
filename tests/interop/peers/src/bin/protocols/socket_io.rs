//! Socket.IO 5 over Engine.IO 4: a digit for the packet of each layer, then JSON; binary attachments in messages of their own.

use interop_peers::ours::Socket;
use interop_peers::{Data, Result};

use crate::{Protocol, expect, read_text};

pub struct SocketIo;

impl Protocol for SocketIo {
    fn subprotocol(&self) -> Option<&str> {
        None
    }

    fn greet(&self, socket: &mut Socket) -> Result<()> {
        let open = read_text(socket)?;
        expect(open.starts_with("0{\"sid\":"), "not the opening packet", open.as_bytes())?;
        socket.send("40")?;
        let connected = read_text(socket)?;
        expect(connected.starts_with("40{\"sid\":"), "not connected", connected.as_bytes())
    }

    fn exchange(&self, socket: &mut Socket, data: &Data) -> Result<()> {
        let event = match data.text() {
            Ok(text) => format!("42[\"echo\",\"{text}\"]"),
            Err(_) => "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]".to_owned(),
        };
        socket.send(&event)?;
        if !data.is_text {
            socket.send(&data.bytes[..])?;
        }
        let answer = read_text(socket)?;
        expect(answer == event, "not the event", answer.as_bytes())?;
        if !data.is_text {
            let attachment = socket.read()?.ok_or("closed")?;
            expect(attachment.as_bytes() == data.bytes, "not the attachment", attachment.as_bytes())?;
        }
        Ok(())
    }

    fn leave(&self, socket: &mut Socket) -> Result<()> {
        socket.send("42[\"leave\"]")?;
        let disconnect = read_text(socket)?;
        expect(disconnect == "41", "not the disconnect packet", disconnect.as_bytes())
    }
}
