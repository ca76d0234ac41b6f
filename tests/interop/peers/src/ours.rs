//! What the programs that use `sansocket::blocking` have in common.

use sansocket::blocking::{NetStream, WebSocket};
use sansocket::{CloseCode, CloseInfo, Error, Event, ProtocolError};

use crate::{PING, Result};

pub type Socket = WebSocket<NetStream>;

pub fn finish(mut socket: Socket) -> Result<String> {
    socket.close(CloseCode::NORMAL, "")?;
    Ok(String::new())
}

/// How a connection ended without another message. `read` gives an error exactly if the end was not clean.
pub fn wait_for_end(socket: &mut Socket) -> Result<CloseInfo> {
    let outcome = socket.read();
    let end = socket.close_info().ok_or("no end")?;
    match outcome {
        Ok(Some(_)) => Err("a message instead of the end".into()),
        Ok(None) if !end.was_clean => Err("closed, but not clean".into()),
        Err(error) if end.code != CloseCode::ABNORMAL => Err(error.into()),
        Ok(None) | Err(Error::Protocol(ProtocolError::ConnectionLost) | Error::Io(_)) => Ok(end),
        Err(error) => Err(error.into()),
    }
}

pub fn wait_for_pong(socket: &mut Socket) -> Result<()> {
    while let Some(event) = socket.read_event()? {
        match event {
            Event::Pong(payload) if payload == PING.as_bytes() => return Ok(()),
            Event::Pong(_) | Event::Close(_) => return Err("not the Pong".into()),
            // Servers may have more to say.
            _ => {}
        }
    }
    Err("closed".into())
}
